"""A request as the fold of its facts: tasks, gates, budget, branch, questions. Pure."""
