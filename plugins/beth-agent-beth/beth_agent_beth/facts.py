"""The facts of a request's stream, by name, and the names of the streams themselves."""

from __future__ import annotations

PREFIX = "request/"

RECEIVED = "received"
PLANNED = "planned"
PUBLISHING = "publishing"
TAKEN = "taken"
REDRIVEN = "redriven"
ANSWERED = "answered"
CANCEL = "cancel"
PAUSE = "pause"
RESUME = "resume"
PASSED_ON = "passed_on"
"""A cancel, pause or resume was passed on to the tasks that it concerns."""
ENDED = "ended"


def stream_of(request_id: str) -> str:
    """The journal stream of a request."""
    return f"{PREFIX}{request_id}"


def request_of(task_id: str) -> str:
    """The request a task belongs to, by the form of the ids that Beth gives: `<request>.<n>[.<n>…]`."""
    return task_id.split(".", 1)[0]
