"""The reference MCP servers as tools of a task."""
