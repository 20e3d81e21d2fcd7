"""Beth as an MCP server on standard input and output: requests from the chat of VS Code's Copilot and other clients.

`serving` is the process: on an embedded bus it plays the installed agents for as long as it lives. `server` speaks the
protocol, `tools` lists what it offers. Nothing here prints: `wire` has standard output for the protocol alone.
"""
