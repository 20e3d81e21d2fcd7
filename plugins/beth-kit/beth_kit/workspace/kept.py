"""What is too large for a step's outcome, kept in the request's repository and named by the outcome."""

from __future__ import annotations

import json
from typing import Any

from beth_kit.workspace.task import TaskWorkspace

MOST_BYTES = 128 * 1024
"""What an outcome may hold itself; half of what the journal takes, so that what is around it has room."""

_NAME = "kept"


async def folded(value: Any, workspace: TaskWorkspace) -> Any:
    """`value`, or where it is large a reference to where it is kept now."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    if len(text) <= MOST_BYTES:
        return value
    return {_NAME: await workspace.keep(text.encode("ascii"))}


async def unfolded(value: Any, workspace: TaskWorkspace) -> Any:
    """What was given to `folded`. Raises `GitFailed` where the repository does not have it any more."""
    if is_reference(value):
        return json.loads(await workspace.fetch_kept(name_of(value)))
    return value


def is_reference(value: Any) -> bool:
    """Whether this is what `folded` returns for what it kept."""
    return isinstance(value, dict) and set(value) == {_NAME}


def name_of(reference: Any) -> str:
    """What is kept, by the name of its blob."""
    return str(reference[_NAME])
