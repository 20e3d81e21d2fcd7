"""What an agent is told before its first turn: prompts, skills, the instructions of the user's repository, the task."""
