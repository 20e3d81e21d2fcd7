"""Publishing the tasks of a request: journaled first, then given to the bus, within what the fleet may cost a day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.held import HeldRequest
from beth_agent_beth.orchestration.publications import Publication
from beth_agent_beth.orchestration.within_day import WithinDay
from beth_sdk import history, trace
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.hookspecs import HookSink, PublishRecord
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.logs import Log
from beth_sdk.messages import Task
from beth_sdk.publish import publish_task, queue_of

AT_ONCE = 100
"""Tasks that are journaled in one append and published side by side."""

DATE = len("2026-01-30")
"""Of a timestamp: the part that is its day."""


class Publishing:
    """For all requests of one Beth; without a `day`, the fleet has no limit."""

    def __init__(
        self, bus: Bus, journal: Journal, clock: Clock, log: Log, hooks: HookSink, *, day: WithinDay | None
    ) -> None:
        self.withheld: set[str] = set()
        """Requests of which tasks wait because of the day's limit."""
        self._bus = bus
        self._journal = journal
        self._clock = clock
        self._log = log
        self._hooks = hooks
        self._day = day

    async def publish(self, held: HeldRequest, made: Sequence[Publication]) -> bool:
        """Publish these; returns False where all of them have to wait for another day."""
        if self._day is not None:
            made = await self._day.granted(held.state, made)
            if not made:
                await self._withhold(held, self._day)
                return False
        for one in made:
            if one.unparked:  # a pause that was written after its resume would park it again, for ever
                await history.resume(self._journal, one.task.id, token=f"continued:{one.task.key}")
        new = [fact for one in made for fact in one.facts()]
        await held.append(new, key=f"publishing:{held.state.version}")
        await self.send(held.state, [one.task for one in made if one.refusal is None])
        return True

    async def send(self, state: RequestState, tasks: Sequence[Task]) -> None:
        """Publish tasks that the journal has. Raises what the bus raised once all others were tried."""
        for start in range(0, len(tasks), AT_ONCE):
            sending = (self._send_one(state, task) for task in tasks[start : start + AT_ONCE])
            for outcome in await asyncio.gather(*sending, return_exceptions=True):
                if outcome is not None:
                    raise outcome

    async def _send_one(self, state: RequestState, task: Task) -> None:
        traceparent = state.request.get("traceparent")
        record = PublishRecord(queue_of(task.agent), task.key, state.id, trace.trace_id(traceparent))
        self._hooks.emit("before_publish", record)
        await publish_task(self._bus, task, journal_id=self._journal.id, traceparent=traceparent)
        self._hooks.emit("after_publish", record)

    async def _withhold(self, held: HeldRequest, day: WithinDay) -> None:
        told = day.withheld(self._clock.wall())
        self.withheld.add(held.state.id)
        if (held.state.withheld or {}).get("until", "")[:DATE] != told["until"][:DATE]:
            await held.append([Fact(facts.WITHHELD, told)], key=f"withheld:{held.state.version}")
            self._log.warning("the day's limit is reached; tasks wait", request_id=held.state.id, **told)
