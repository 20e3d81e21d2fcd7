"""The loop of an agent with a model: small, every call of it a journaled step."""
