"""What a model says of its work, held against the work: for the `check` of a role."""
