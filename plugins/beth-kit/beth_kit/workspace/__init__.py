"""The work itself, in git: a branch a request, a clone and a branch a task, snapshots by epoch."""
