"""Three agents that are plain programs: product manager, developer and tester. None of them uses a model."""
