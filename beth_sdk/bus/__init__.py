"""The bus port: hands each task to a worker at least once, and keeps durable topics for results and events."""
