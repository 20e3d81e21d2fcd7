"""Answering a model's tool calls: each a step, with a snapshot of the workspace in its outcome."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from beth_kit.context import KitContext
from beth_kit.gist import gist
from beth_kit.loop.conversation import Call
from beth_kit.loop.limits import Limits
from beth_kit.loop.plain import plain
from beth_kit.loop.progress import Progress
from beth_kit.loop.role import Finished, Role
from beth_kit.loop.turn import Turn
from beth_kit.memory.base import NoteRefused
from beth_kit.tools.base import Tool, ToolReply, parse_arguments, shortened
from beth_kit.workspace import kept
from beth_kit.workspace.errors import NothingToCommit, PathOutside
from beth_sdk.agent import Spending
from beth_sdk.errors import BethError

FINISH = "finish"
UNKNOWN = "unknown_tool"
"""The name of the step in which a call of a tool that there is not is answered."""

MOST_TEXT = 100_000
"""Characters of an answer, whatever the tool itself allows: one must not fill a model's whole context."""

NOT_RUN = "not run: your message was cut off at its token limit, so the call may be incomplete; send it again, smaller"
MAY_HAVE_RUN = (
    "This call was cut off when its worker died, and it is not known how far it came. The workspace is as it was "
    "before the call; what it did outside the workspace may have happened. Look before you repeat it."
)
LOST = "[The work went on on another machine. These ignored files were lost: {names}]\n"

_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.EROFS}
"""Errors of the machine, that no other call of a model would get around."""

_ASKED_FOR = (NothingToCommit, PathOutside, NoteRefused)
"""Errors of Beth's own that say something of what was asked for."""


class Answering:
    """Knows the tools of a task."""

    def __init__(
        self, agent: Role, tools: Mapping[str, Tool], progress: Progress, limits: Limits, ctx: KitContext
    ) -> None:
        self._agent = agent
        self._tools = tools
        self._progress = progress
        self._limits = limits
        self._ctx = ctx

    async def answer(self, call: Call, turn: Turn) -> ToolReply:
        """What a call brought, run now or replayed."""
        tool = self._tools.get(call.name)
        self._ctx.at, self._ctx.call_id = turn.at, call.id
        if tool is not None and tool.suspends and turn.stop != "length":
            self._progress.steps += 1
            return await self._journaling_itself(tool, call)
        return await self._step(tool, call, turn)

    async def _journaling_itself(self, tool: Tool, call: Call) -> ToolReply:
        arguments = parse_arguments(call.arguments)
        if isinstance(arguments, str):
            return ToolReply(f"{tool.name}: {arguments}", error=True)
        return await self._called(tool, arguments)

    async def _step(self, tool: Tool | None, call: Call, turn: Turn) -> ToolReply:
        ctx = self._ctx
        told = tool is not None and tool.repeat == "told"

        async def run() -> dict[str, Any]:
            return await self._run(tool, call, turn)

        outcome = await ctx.step(
            UNKNOWN if tool is None else tool.name,
            run,
            input={"id": call.id, "arguments": call.arguments},
            repeat="never" if told else "safe",
            check=self._cut_off if told else None,
            usage=lambda outcome: {"tool_calls": int(outcome["ran"])},
        )
        self._progress.reached(outcome["seconds"], ctx.clock.monotonic())
        self._progress.steps += outcome["ran"]
        ctx.workspace.replayed(outcome["snapshot"])
        reply = await kept.unfolded(outcome["reply"], ctx.workspace)
        return ToolReply(reply["text"], error=reply["error"], data=reply.get("data") or {})

    async def _cut_off(self) -> dict[str, Any]:
        return await self._outcome(ToolReply(MAY_HAVE_RUN, error=True), None)

    # -- what really runs ---------------------------------------------------------------------

    async def _run(self, tool: Tool | None, call: Call, turn: Turn) -> dict[str, Any]:
        arguments = parse_arguments(call.arguments)
        refusal = self._refusal(tool, call, turn, arguments)
        if tool is None or refusal is not None or isinstance(arguments, str):
            return await self._outcome(ToolReply(refusal or "", error=True), None, ran=False)
        ctx, began, error = self._ctx, self._ctx.clock.monotonic(), "error"
        ctx.observe("before_tool_call", tool=tool.name)
        if about := gist(arguments):
            ctx.event("progress", about)
        try:
            lost = await self._lost(tool)
            ctx.within = tool.name
            reply = await self._called(tool, arguments)
            if tool.name == FINISH and not reply.error:
                reply = await self._checked(reply)
            error = "error" if reply.error else ""
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            ctx.within = None
            seconds = ctx.clock.monotonic() - began
            ctx.observe("after_tool_call", tool=tool.name, seconds=seconds, error=error or None)
        ctx.event("tool", tool.name, seconds=round(seconds, 3), error=reply.error)
        # What `finish` has checked may have left something too.
        writes = tool.writes or tool.name == FINISH
        snapshot = await ctx.workspace.snapshot() if writes else None
        return await self._outcome(ToolReply(lost + reply.text, error=reply.error, data=reply.data), snapshot)

    def _refusal(self, tool: Tool | None, call: Call, turn: Turn, arguments: Mapping[str, Any] | str) -> str | None:
        """Why a call is not even tried, in words for the model."""
        if turn.stop == "length":
            return NOT_RUN
        if tool is None:
            return f"there is no tool {call.name[:64]!r}; there are {', '.join(self._tools)}"
        if isinstance(arguments, str):
            return f"{tool.name}: {arguments}"
        progress = self._progress
        seconds = progress.elapsed(self._ctx.clock.monotonic())
        # Tools cost no money: what the last reply asked for is done.
        over = self._limits.final(steps=progress.steps, seconds=seconds, spending=Spending({}))
        return None if over is None or tool.name == FINISH else f"not run: {over.message}"

    async def _called(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolReply:
        """What the tool replied; what it raised is a reply too, unless it is none of the tool's business."""
        try:
            return await tool.call(self._ctx, arguments)
        except (Exception, SystemExit) as error:
            if not _is_the_tools_own(error):
                raise
            self._ctx.log("a tool raised", tool=tool.name, error=f"{type(error).__name__}: {error}")
            return ToolReply(shortened(f"{tool.name} raised {type(error).__name__}: {error}"), error=True)

    async def _checked(self, finished: ToolReply) -> ToolReply:
        objection = await self._agent.check(Finished(finished.data["result"]), self._ctx)
        if objection:
            return ToolReply(objection, error=True)
        # By the journal: a worker that was fenced may still move the reference.
        head, base = await self._ctx.workspace.head(), await self._ctx.workspace.base()
        return ToolReply(finished.text, data={**finished.data, "commit": head if head != base else None})

    async def _lost(self, tool: Tool) -> str:
        """What the model is told of files that did not come along; restoring the workspace happens here."""
        if not tool.writes:
            return ""
        await self._ctx.workspace.clone()
        lost, self._ctx.workspace.lost = self._ctx.workspace.lost, ()
        return LOST.format(names=", ".join(lost[:20]) + (" …" if len(lost) > 20 else "")) if lost else ""

    async def _outcome(self, reply: ToolReply, snapshot: str | None, *, ran: bool = True) -> dict[str, Any]:
        told: dict[str, Any] = {"text": shortened(reply.text, MOST_TEXT), "error": reply.error}
        if reply.data:
            told["data"] = dict(reply.data)
        found = await kept.folded(plain(told), self._ctx.workspace)
        seconds = round(self._progress.elapsed(self._ctx.clock.monotonic()), 3)
        return {"reply": found, "snapshot": snapshot, "seconds": seconds, "ran": ran}


def _is_the_tools_own(error: BaseException) -> bool:
    """Whether a model can do something about it: neither the machine's fault, nor one that Beth raises on purpose."""
    if isinstance(error, BethError):
        return isinstance(error, _ASKED_FOR)
    if isinstance(error, OSError):
        return error.errno not in _MACHINE
    return not isinstance(error, MemoryError)
