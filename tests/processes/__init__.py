"""What the real `beth up` and `beth serve` promise when processes are killed, stopped, told to end, or blocked."""
