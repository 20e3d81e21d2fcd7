"""The journal port: who holds a task, under which epoch, and every fact about it, in order, written once."""
