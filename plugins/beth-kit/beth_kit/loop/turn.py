"""One call of the model as a journaled step: what is sent, what it may cost, what is kept of the reply."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beth_kit.context import KitContext
from beth_kit.frame.frame import Frame
from beth_kit.loop import condense
from beth_kit.loop.conversation import Conversation, additions
from beth_kit.loop.deciding import Decided, decide
from beth_kit.loop.limits import Limits
from beth_kit.loop.plain import plain
from beth_kit.loop.progress import Progress
from beth_kit.model.base import ContextOverflow, Message, ModelReply, ModelRequest, Stop
from beth_kit.workspace import kept

DEADLINE = 900.0
"""Seconds that one call may take, its repetitions included."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a call. `at`: when the reply came, in seconds since the Unix epoch."""

    message: Message
    stop: Stop
    at: float


class Turns:
    """Takes one turn after the other."""

    def __init__(
        self, conversation: Conversation, progress: Progress, frame: Frame, limits: Limits, ctx: KitContext
    ) -> None:
        self._conversation = conversation
        self._progress = progress
        self._frame = frame
        self._limits = limits
        self._ctx = ctx

    async def take(self) -> Turn | None:
        """Call the model, or replay that it was called; its reply is not yet part of the conversation. None where the
        history was too long for the model, and is shorter now.

        Raises `Ended`, `BudgetExceeded`, `StepRaised`, `JournalMismatch`.
        """
        ctx, progress = self._ctx, self._progress
        call = _Call(self._conversation, progress, self._frame, self._limits, ctx)
        outcome = await ctx.step(
            "model", call.run, repeat="safe", input={"turn": progress.turns}, reserve=call.reserve, usage=_usage_of
        )
        progress.turns += 1
        progress.steps += 1
        progress.reached(outcome["seconds"], ctx.clock.monotonic())
        if "overflow" in outcome:
            self._shorten(condense.Decision(**outcome["overflow"]))
            return None
        found = await kept.unfolded(outcome["reply"], ctx.workspace)
        self._take_in(Decided.from_json(found["decided"]))
        progress.input_tokens, progress.price = int(outcome["usage"]["input_tokens"]), float(outcome["price"])
        progress.stop = found["stop"]
        return Turn(found["message"], found["stop"], float(outcome["at"]))

    def _take_in(self, decided: Decided) -> None:
        if decided.condensed is not None:
            self._shorten(decided.condensed)
        self._conversation.added(decided.said, decided.notes)
        self._progress.notes_told += len(decided.notes)
        self._progress.warned.update(decided.warned)
        self._progress.stuck = decided.stuck

    def _shorten(self, decision: condense.Decision) -> None:
        self._conversation.condensed(decision)
        self._progress.condensed_at, self._progress.input_tokens = self._progress.turns, 0


class _Call:
    """A call that really runs."""

    def __init__(
        self, conversation: Conversation, progress: Progress, frame: Frame, limits: Limits, ctx: KitContext
    ) -> None:
        self._history = conversation.messages
        self._conversation = conversation
        self._progress = progress
        self._frame = frame
        self._limits = limits
        self._ctx = ctx
        self._decided = Decided()
        self._price = 0.0

    def reserve(self) -> float:
        """What the call may cost. Called first of all, and only where it runs: here is decided what it sends."""
        self._decided = decide(self._conversation, self._progress, self._limits, self._ctx)
        if self._decided.condensed is not None:
            self._history = condense.apply(self._history, self._decided.condensed)
        self._price = self._ctx.model.estimate(self._request())
        return self._price

    async def run(self) -> dict[str, Any]:
        try:
            reply = await self._completed()
        except ContextOverflow:
            shorter = condense.decide(self._history)
            if shorter is None:
                raise  # journaled as a failure: who has the task tried again may have a model that takes more
            return {"overflow": dataclasses.asdict(shorter), "usage": {}, "seconds": self._seconds()}
        clock = self._ctx.clock
        told = {"message": reply.message, "stop": reply.stop, "decided": self._decided.to_json()}
        return {
            "reply": await kept.folded(plain(told), self._ctx.workspace),
            "usage": {**dataclasses.asdict(reply.usage), "cost_usd": reply.cost_usd or 0.0},
            "price": self._price,
            "at": clock.wall() if reply.at is None else reply.at,
            "seconds": self._seconds(),
            "model": reply.model,
        }

    async def _completed(self) -> ModelReply:
        ctx = self._ctx
        name = ctx.model.name
        ctx.observe("before_model_call", model=name)
        began = ctx.clock.monotonic()
        try:
            reply = await ctx.model.complete(self._request())
        except BaseException as error:
            seconds = ctx.clock.monotonic() - began
            ctx.observe("after_model_call", model=name, seconds=seconds, error=type(error).__name__)
            raise
        seconds = ctx.clock.monotonic() - began
        used = {name: getattr(reply.usage, name) for name in ("input_tokens", "output_tokens")}
        told = {**used, "cost_usd": reply.cost_usd}
        ctx.observe("after_model_call", model=reply.model or name, seconds=seconds, **told)
        ctx.event("model", reply.model or name, turn=self._progress.turns, seconds=round(seconds, 3), **told)
        return reply

    def _request(self) -> ModelRequest:
        task, left = self._ctx.task, self._limits.seconds
        return ModelRequest(
            messages=[*self._history, *additions(self._decided.said, self._decided.notes)],
            tools=self._frame.tools,
            max_tokens=self._frame.max_tokens,
            deadline=DEADLINE if left is None else max(1.0, min(DEADLINE, left - self._seconds())),
            key=f"{task.id}:{self._progress.turns}",
            role=task.agent,
            task_type=task.type,
        )

    def _seconds(self) -> float:
        return round(self._progress.elapsed(self._ctx.clock.monotonic()), 3)


def _usage_of(outcome: Mapping[str, Any]) -> dict[str, float]:
    told = outcome["usage"]
    counted = {name: told[name] for name in ("input_tokens", "output_tokens", "cost_usd") if told.get(name)}
    return {**counted, "llm_calls": 1}
