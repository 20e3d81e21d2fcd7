"""What `beth new agent` makes: every combination of its options, and each kind from nothing to a result."""
