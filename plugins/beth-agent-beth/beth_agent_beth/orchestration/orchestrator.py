"""What Beth does about one request at a time: take its hold, fold, append, publish, drop.

Every fact is appended before what it says is done, and everything that is done may be done twice: killed anywhere, she
goes on where the journal ends.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration import reconciling
from beth_agent_beth.orchestration.held import HeldRequest, holding
from beth_agent_beth.orchestration.journaled import catch_up
from beth_agent_beth.orchestration.merging import Merging
from beth_agent_beth.orchestration.outcome import outcome_of
from beth_agent_beth.orchestration.publications import publications
from beth_agent_beth.orchestration.publishing import AT_ONCE, Publishing
from beth_agent_beth.orchestration.replaying import Turn, too_early
from beth_agent_beth.orchestration.steering import Steering
from beth_agent_beth.orchestration.within_day import WithinDay
from beth_agent_beth.orchestration.workspaces import Workspaces
from beth_agent_beth.plan import planning
from beth_sdk import schema
from beth_sdk.bus.base import Bus, Message
from beth_sdk.clock import Clock
from beth_sdk.errors import HoldLost, StreamArchived
from beth_sdk.hookspecs import HookSink, PlanRecord, RequestRecord
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version
from beth_sdk.logs import Log
from beth_sdk.messages import Event, Result, timestamp

FIRST = Version(1)
"""The version of a request of which nothing is known but that it was received."""


@dataclass(frozen=True, slots=True)
class Input:
    """A result that arrived."""

    result: Result


class Orchestrator:
    """Looks after requests. One for each Beth; lives on the loop of bus and journal. `ttl`: seconds a hold lives
    without being renewed. Without `workspaces`, requests have no repository."""

    def __init__(
        self,
        bus: Bus,
        journal: Journal,
        clock: Clock,
        log: Log,
        hooks: HookSink,
        *,
        instance: str,
        ttl: float,
        workspaces: Workspaces | None = None,
        day: WithinDay | None = None,
    ) -> None:
        self._bus = bus
        self._journal = journal
        self._clock = clock
        self._log = log
        self._hooks = hooks
        self._instance = instance
        self._ttl = ttl
        self._steering = Steering(bus, clock, instance=instance, ttl=ttl)
        self._merging = Merging(workspaces, clock, log)
        self._states: dict[str, RequestState] = {}
        """Of requests that have not ended; each is touched only under its lock."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._interrupted: set[str] = set()
        """Requests of which something may have been journaled and not published, because looking after them failed."""
        self._day = day
        self._publishing = Publishing(bus, journal, clock, log, hooks, day=day)
        self._early: dict[str, list[Result]] = {}
        """Results of replayed requests whose turn has not come; who forgets them finds them in the tasks' journals."""
        self._others_work: set[str] = set()
        """Requests of which another Beth journaled that she publishes, and may have died before she did."""

    async def attend(
        self, request_id: str, inputs: Sequence[Input] = (), *, reconcile: bool = False
    ) -> RequestState | None:
        """Take these results and do whatever follows. With `reconcile`, also look into the journals of its tasks and
        publish again what has no result. Returns None for a request that does not exist, or was archived."""
        async with self._locks.setdefault(request_id, asyncio.Lock()):
            try:
                reconcile = reconcile or request_id in self._interrupted
                state = await self._until_not_fenced(request_id, inputs, reconcile=reconcile)
            except BaseException:
                self._interrupted.add(request_id)
                self._states.pop(request_id, None)
                self._early.pop(request_id, None)
                raise
            self._interrupted.discard(request_id)
            if reconcile:
                self._others_work.discard(request_id)
            if state is None or state.ended:
                self._states.pop(request_id, None)
                self._others_work.discard(request_id)
            return state

    def to_attend(self, request_id: str) -> bool:
        """Whether a request is to be looked at again although nothing has happened to it."""
        return request_id in self._publishing.withheld

    def others_work(self, request_id: str) -> bool:
        """Whether another Beth is to have published tasks of this request since it was last reconciled here."""
        return request_id in self._others_work

    # -- under the hold -----------------------------------------------------------------------

    async def _until_not_fenced(
        self, request_id: str, inputs: Sequence[Input], *, reconcile: bool
    ) -> RequestState | None:
        if request_id not in self._states and await self._known(request_id) is None:
            return None
        while True:
            try:
                return await self._hold_and_attend(request_id, inputs, reconcile=reconcile)
            except StreamArchived:
                return None
            except HoldLost as lost:
                # Another Beth took over while this one stood still. What she did is in the journal.
                self._log.warning("fenced", request_id=request_id, epoch=lost.epoch, current_epoch=lost.current)
                self._states.pop(request_id, None)

    async def _known(self, request_id: str) -> RequestState | None:
        """The request as the journal has it now, None where it does not exist."""
        state = self._states.get(request_id) or RequestState(request_id)

        def seen(entry: Entry) -> None:
            if entry.fact.kind == facts.PUBLISHING:  # what she publishes herself is folded as she appends it
                self._others_work.add(request_id)

        await catch_up(self._journal, state, seen)
        if not state.request:
            return None
        self._states[request_id] = state
        return state

    async def _hold_and_attend(
        self, request_id: str, inputs: Sequence[Input], *, reconcile: bool
    ) -> RequestState | None:
        stream = facts.stream_of(request_id)
        async with holding(self._journal, self._clock, stream, self._instance, self._ttl) as hold:
            return await self._under_hold(request_id, hold, inputs, reconcile=reconcile)

    async def _under_hold(
        self, request_id: str, hold: Hold, inputs: Sequence[Input], *, reconcile: bool
    ) -> RequestState | None:
        state = await self._known(request_id)
        if state is None:
            return None
        held = HeldRequest(self._journal, self._clock, hold, state)
        before = state.version
        self._publishing.withheld.discard(request_id)
        results = await self._take_in_turn(held, [*self._early.pop(request_id, ()), *(one.result for one in inputs)])
        if reconcile:
            await self._steering.insist(held)
            await self._publishing.send(state, await reconciling.reconcile(held))
        if self._day is not None:
            await self._day.settle(state, state.tasks.values() if reconcile else _of(state, inputs))
        results = await self._go_on(held, results)
        if results:
            self._early[request_id] = results
        if state.version != before:
            await self._tell_watchers(state)
        return state

    async def _go_on(self, held: HeldRequest, early: list[Result]) -> list[Result]:
        """Do all there is to do now; returns the results whose turn in a replay has not come."""
        state = held.state
        while True:
            advanced, before = await self._advance(held), len(early)
            early = await self._take_in_turn(held, early)
            if advanced or len(early) < before:
                continue
            if not early or not state.outstanding.keys() <= {one.task_id for one in early}:
                return early
            await self._take(held, early.pop(0))  # nobody else will end: it goes another way than the recording

    async def _take_in_turn(self, held: HeldRequest, results: Sequence[Result]) -> list[Result]:
        """Take these; returns those whose turn in a replay has not come."""
        early: list[Result] = []
        for result in results:
            if too_early(held.state, result):
                early.append(result)
            else:
                await self._take(held, result)
        return early

    async def _take(self, held: HeldRequest, result: Result) -> None:
        one = held.state.tasks.get(result.task_id)
        if one is not None and result.continuation > one.continuation:
            await reconciling.take_redriven(held, one)
        if await held.take(result):
            self._log.info("result", request_id=held.state.id, task_id=result.task_id, status=result.status)
        else:
            self._log.debug("a result that does not count", key=result.key, status=result.status)

    async def _advance(self, held: HeldRequest) -> bool:
        """Do the next thing; returns whether there may be more to do."""
        state = held.state
        if state.ended:
            return False
        if state.workflow is None and state.cancel_reason is None:
            planned = await self._plan(held)
            if planned is not None:
                return planned
        if state.last_steer > state.passed_on:
            await self._steering.pass_on(held)
            return True
        if self._merging.to_open(state) and not state.open_questions:
            impossible = await self._merging.open(held)
            if impossible is not None:
                await self._end(held, {"status": "failed", "reason": impossible})
            return impossible is None
        return await self._merge_or_publish(held)

    async def _merge_or_publish(self, held: HeldRequest) -> bool:
        state, now = held.state, self._clock.wall()
        turn = Turn(state, now)
        if turn.wait:
            return False
        to_merge = turn.merge or (None if turn.publish else next(iter(state.to_merge), None))
        if to_merge is not None:
            await self._merging.merge(held, to_merge)
            return True
        asking = planning.next_question(state)
        if asking is not None:
            await self._ask(held, asking)
            return True
        made = [turn.publish] if turn.publish else publications(state, now, AT_ONCE)
        if made:
            return await self._publishing.publish(held, made)
        asking = planning.about_the_budget(state)
        if asking is not None:
            await self._ask(held, asking)
            return True
        ending = outcome_of(state)
        if ending is not None:
            await self._end(held, ending)
        return False

    async def _plan(self, held: HeldRequest) -> bool | None:
        """Do what is to be done about the plan; returns whether there may be more to do, None where the plan has to
        wait for the planner or a person."""
        state = held.state
        if state.version == FIRST:
            self._hooks.emit("before_request", self._record(state))
        step = planning.next_step(state)
        if step is None:
            return None
        if step.question is not None:
            await self._ask(held, step.question)
            return True
        if step.plan is None:
            await self._end(held, {"status": "failed", "reason": step.reason or "no plan could be made"})
            return False
        plan = step.plan
        self._hooks.emit("before_plan", PlanRecord(state.id, plan.name))
        tasks = [task.model_dump(exclude_defaults=True) for task in plan.task]
        await held.append([Fact(facts.PLANNED, {"workflow": plan.name, "tasks": tasks})], key="planned")
        self._log.info("planned", request_id=state.id, workflow=plan.name, tasks=len(tasks))
        self._hooks.emit("after_plan", PlanRecord(state.id, plan.name, len(tasks)))
        return True

    async def _ask(self, held: HeldRequest, asked: Asked) -> None:
        await held.append([Fact(facts.ASKING, {"question": asked.to_json()})], key=f"asking:{asked.id}")
        self._log.info("asking", request_id=held.state.id, about=asked.about, kind=asked.kind)

    async def _end(self, held: HeldRequest, ending: dict[str, Any]) -> None:
        state = held.state
        await held.append([Fact(facts.ENDED, ending)], key=f"ended:{state.version}")
        self._log.info("request ended", request_id=state.id, status=ending["status"], reason=ending["reason"])
        seconds = self._clock.wall() - state.received_at
        self._hooks.emit("after_request", self._record(state, ending["status"], seconds))

    # -- watchers -----------------------------------------------------------------------------

    async def _tell_watchers(self, state: RequestState) -> None:
        """Events may be lost; watchers read the journal, and this tells them when."""
        event = Event.model_validate(
            {
                "id": secrets.token_hex(8),
                "kind": "progress",
                "timestamp": timestamp(self._clock.wall()),
                "request_id": state.id,
                "agent": "beth",
                "instance": self._instance,
                "data": {"version": state.version, "status": state.status},
            }
        )
        await self._bus.append("events", Message(state.id, schema.encode(event)))

    def _record(self, state: RequestState, status: str | None = None, seconds: float | None = None) -> RequestRecord:
        return RequestRecord(state.id, str(state.request.get("description", "")), status, seconds)


def _of(state: RequestState, inputs: Sequence[Input]) -> list[TaskState]:
    """The tasks that these results are of."""
    return [state.tasks[one.result.task_id] for one in inputs if one.result.task_id in state.tasks]
