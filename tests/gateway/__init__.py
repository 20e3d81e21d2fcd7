"""The kit's models against servers that nobody here wrote."""
