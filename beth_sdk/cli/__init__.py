"""The command line `beth`: parses, calls and shows; what it calls lives in the module named after it."""
