"""The facts of a request's stream, by name, and the names of the streams themselves."""

from __future__ import annotations

PREFIX = "request/"

AUTO = "auto"
"""In the place of a workflow's name: Beth's own model makes the plan."""

RECEIVED = "received"
PLANNED = "planned"
WORKSPACE = "workspace"
"""The request's repository and branch were made, or cannot be on this machine."""
PUBLISHING = "publishing"
TAKEN = "taken"
MERGED = "merged"
"""What a task committed is in the request's branch."""
CONFLICT = "conflict"
"""It does not fit together with what others committed; a task is to resolve that."""
UNMERGED = "unmerged"
"""It cannot be merged at all."""
ABOUT_WORK = frozenset({WORKSPACE, MERGED, CONFLICT, UNMERGED})
REDRIVEN = "redriven"
ASKING = "asking"
"""Beth herself asks a person something about the request."""
ANSWERED = "answered"
CANCEL = "cancel"
PAUSE = "pause"
RESUME = "resume"
WITHHELD = "withheld"
"""Tasks wait because the fleet has cost what it may in a day."""
PASSED_ON = "passed_on"
"""A cancel, pause or resume was passed on to the tasks that it concerns."""
ENDED = "ended"


def stream_of(request_id: str) -> str:
    """The journal stream of a request."""
    return f"{PREFIX}{request_id}"


def request_of(task_id: str) -> str:
    """The request a task belongs to, by the form of the ids that Beth gives: `<request>.<n>[.<n>…]`."""
    return task_id.split(".", 1)[0]
