"""What a model may do: tools, each a typed function that runs as a journaled step."""
