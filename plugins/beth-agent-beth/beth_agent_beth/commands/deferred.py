"""The commands by name, imported only when they are used, so that `beth --help` and completion stay quick."""

from beth_sdk.cli.group import REQUESTS, Deferred

_HERE = "beth_agent_beth.commands"

run = Deferred(f"{_HERE}.run:run", "Have a request done, and watch it until it ends.", REQUESTS)
resume = Deferred(f"{_HERE}.run:resume", "Go on with a request that was interrupted, paused or answered.", REQUESTS)
submit = Deferred(f"{_HERE}.submit:submit", "Hand a request in for agents that run elsewhere.", REQUESTS)
watch = Deferred(f"{_HERE}.watch:watch", "Watch a request that others run.", REQUESTS)
status = Deferred(f"{_HERE}.status:status", "A request's tasks, questions and results.", REQUESTS)
list_ = Deferred(f"{_HERE}.status:list_", "The requests that the journal has.", REQUESTS)
cancel = Deferred(f"{_HERE}.steer:cancel", "Cancel a request or one of its tasks.", REQUESTS)
pause = Deferred(f"{_HERE}.steer:pause", "Have a request or task stop at its next step and wait.", REQUESTS)
answer = Deferred(f"{_HERE}.steer:answer", "Answer a task's question.", REQUESTS)
