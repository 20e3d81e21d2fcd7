"""Passing on what people want (cancel, pause, resume) to the tasks of a request, as facts in the tasks' journals."""

from __future__ import annotations

from collections.abc import Mapping

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.held import HeldRequest, drop, take
from beth_sdk import history, schema
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.errors import Held, HoldLost
from beth_sdk.journal.base import Fact, Hold
from beth_sdk.messages import Control, Result, timestamp
from beth_sdk.publish import send_control


class Steering:
    """Lets tasks know, and ends at once those that nobody has begun. `ttl`: seconds a task's hold lives meanwhile."""

    def __init__(self, bus: Bus, clock: Clock, *, instance: str, ttl: float) -> None:
        self._bus = bus
        self._clock = clock
        self._instance = instance
        self._ttl = ttl

    async def pass_on(self, held: HeldRequest) -> None:
        """Pass on the newest cancel, pause or resume; doing it twice is harmless."""
        state = held.state
        steer = state.last_steer
        for one in [one for one in state.tasks.values() if one.status in ("published", "asking")]:
            reason = _cancel_reason(state, one)
            if reason is not None:
                await self._cancel(held, one, reason)
            else:
                await self._pause_or_resume(held, one, token=str(steer))
        await held.append([Fact(facts.PASSED_ON, {"version": steer})], key=f"passed_on:{steer}")

    async def insist(self, held: HeldRequest) -> None:
        """End the tasks that were to be cancelled, and whose worker died before it did so: once its hold has run out,
        nobody has them, and perhaps nobody ever will."""
        state = held.state
        if state.last_steer > state.passed_on:
            return  # that is passed on first
        for one in [state.tasks[task_id] for task_id in state.outstanding]:
            reason = _cancel_reason(state, one)
            if reason is not None:
                await self._cancel(held, one, reason)

    async def _pause_or_resume(self, held: HeldRequest, one: TaskState, *, token: str) -> None:
        known = await history.read_history(held.journal, one.id)
        if one.paused == known.paused:
            return
        tell = history.pause if one.paused else history.resume
        await tell(held.journal, one.id, token=token)
        control = Control(kind="pause" if one.paused else "resume", task_id=one.id, request_id=held.state.id)
        await send_control(self._bus, one.agent, control)

    async def _cancel(self, held: HeldRequest, one: TaskState, reason: str) -> None:
        await history.cancel(held.journal, one.id, one.continuation, reason)
        try:
            # Where nobody has it, nobody would say that it is over for as long as no worker comes along.
            result = await self._end(held, one, reason)
        except (Held, HoldLost):
            control = Control(kind="cancel", task_id=one.id, request_id=held.state.id, reason=reason)
            await send_control(self._bus, one.agent, control)
        else:
            await held.take(result)

    async def _end(self, held: HeldRequest, one: TaskState, reason: str) -> Result:
        """End a task in a worker's place; returns how it ended. Raises `Held` or `HoldLost` where it has a worker."""
        journal, stream = held.journal, history.stream_of(one.id)
        hold = await take(journal, stream, self._instance, self._ttl)
        try:
            known = await history.read_history(journal, one.id)
            ended = known.ended.get(one.continuation)
            if ended is not None:
                return schema.parse(Result, ended["result"])
            result = self._cancelled(held.state, one, hold, reason, known.usage)
            fact = Fact(history.ENDED, {"continuation": one.continuation, "result": result.to_json()})
            await journal.append(stream, [fact], key=f"{hold.epoch}:ended", hold=hold)
            return result
        finally:
            await drop(journal, hold)

    def _cancelled(
        self, state: RequestState, one: TaskState, hold: Hold, reason: str, usage: Mapping[str, float]
    ) -> Result:
        return schema.parse(
            Result,
            {
                "task_id": one.id,
                "continuation": one.continuation,
                "status": "cancelled",
                "request_id": state.id,
                "agent": "beth",
                "epoch": hold.epoch,
                "usage": dict(usage),
                "error": {"code": "cancelled", "message": reason or "cancelled", "retryable": False},
                "timestamp": timestamp(self._clock.wall()),
            },
        )


def _cancel_reason(state: RequestState, one: TaskState) -> str | None:
    """Why a published task is to be cancelled, None where it is not."""
    if one.status != "published":
        return None
    return state.cancelled.get(one.id) if state.cancel_reason is None else state.cancel_reason
