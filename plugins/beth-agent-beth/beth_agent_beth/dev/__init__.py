"""`beth dev`: a task that was done is done again by the agent as it is now, in a home of its own."""
