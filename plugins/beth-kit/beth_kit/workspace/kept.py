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
    if isinstance(value, dict) and set(value) == {_NAME}:
        return json.loads(await workspace.fetch_kept(str(value[_NAME])))
    return value
