"""`commit`: keep the work, under the role's name."""

from __future__ import annotations

from typing import Annotated

from beth_kit.context import KitContext
from beth_kit.tools.base import ToolReply, tool
from beth_kit.workspace.errors import NothingToCommit, PathOutside

SHOWN = 20
"""Paths that are named before the rest is counted."""


@tool
async def commit(
    ctx: KitContext,
    message: Annotated[str, "a first line that says what changes, and why below it where that is not plain"],
    paths: Annotated[list[str] | None, "only these files and folders; everything that changed unless given"] = None,
) -> ToolReply:
    """Commit the workspace. Only what is committed is part of the task's work; ignored files never are."""
    if not message.strip() or "\0" in message:
        return ToolReply("commit: the message must say what changes", error=True)
    if paths is not None and not paths:
        return ToolReply("commit: paths is empty: name files, or leave it out to commit everything", error=True)
    chosen = None if paths is None else tuple(paths)
    try:
        made = await ctx.workspace.commit(message, chosen, role=ctx.task.agent, when=ctx.at)
    except NothingToCommit as error:
        left = await ctx.workspace.changed()
        also = f"; changed are {named(left)}" if left else ""
        return ToolReply(f"commit: {error}{also}", error=True)
    except PathOutside as error:
        ctx.event("denied", f"path: {ascii(error.path)[:200]}", program="commit")
        return ToolReply(f"commit: {error}", error=True)
    left = await ctx.workspace.changed()
    rest = f"; not committed: {named(left)}" if left else ""
    return ToolReply(f"committed {made[:12]}{rest}", data={"commit": made})


def named(paths: tuple[str, ...]) -> str:
    """Paths for a model to read; of many the first."""
    shown = ", ".join(path if path.isprintable() else ascii(path) for path in paths[:SHOWN])
    return shown if len(paths) <= SHOWN else f"{shown} and {len(paths) - SHOWN} more"
