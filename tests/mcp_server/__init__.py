"""The real `beth mcp`, driven over its standard input and output by the client of the `mcp` package."""
