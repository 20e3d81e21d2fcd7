"""The kit for agents with tools: git workspaces, and the sandbox that tool processes run in."""
