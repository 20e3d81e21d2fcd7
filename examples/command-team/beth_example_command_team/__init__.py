"""Three agents that are plain programs: analyst, builder and checker. None of them uses a model."""
