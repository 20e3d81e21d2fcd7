"""The researcher of Beth's team: the manifest `agent.toml`, its prompts, schemas and skills."""
