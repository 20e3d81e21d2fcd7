"""The commands by name, imported only when they are used, so that `beth --help` and completion stay quick."""

from beth_sdk.cli.group import AGENTS, REQUESTS, Deferred

_HERE = "beth_agent_beth.commands"
_REQUEST = "beth_agent_beth.completing:REQUEST"
_OPEN = "beth_agent_beth.completing:OPEN"

run = Deferred(f"{_HERE}.run:run", "Have a request done, and watch it until it ends.", REQUESTS)
resume = Deferred(
    f"{_HERE}.run:resume", "Go on with a request that was interrupted, paused or answered.", REQUESTS, _OPEN
)
submit = Deferred(f"{_HERE}.submit:submit", "Hand a request in for agents that run elsewhere.", REQUESTS)
watch = Deferred(f"{_HERE}.watch:watch", "Watch a request that others run.", REQUESTS, _REQUEST)
status = Deferred(f"{_HERE}.status:status", "A request's tasks, questions and results.", REQUESTS, _REQUEST)
list_ = Deferred(f"{_HERE}.status:list_", "The requests that the journal has.", REQUESTS)
cancel = Deferred(f"{_HERE}.steer:cancel", "Cancel a request or one of its tasks.", REQUESTS, _OPEN)
pause = Deferred(f"{_HERE}.steer:pause", "Have a request or task stop at its next step and wait.", REQUESTS, _OPEN)
answer = Deferred(f"{_HERE}.steer:answer", "Answer what a request or a task asks.", REQUESTS, _OPEN)
plan = Deferred(f"{_HERE}.plan:plan", "A request's plan, as a file that can be changed.", REQUESTS, _REQUEST)
mcp = Deferred(f"{_HERE}.mcp:mcp", "Serve the chat of VS Code's Copilot, and other MCP clients.", REQUESTS)
dev = Deferred(
    f"{_HERE}.dev:dev",
    "Have a role do a recorded task again, for whoever writes it.",
    AGENTS,
    "beth_sdk.cli.completing:roles",
)
