"""Beth as a service: she follows `results.beth` and `control.beth`, and looks after every request that is open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from beth_agent_beth import requests
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.clearing import Clearing
from beth_agent_beth.orchestration.compose import RESULTS
from beth_agent_beth.orchestration.day import DayLedger, limit_of
from beth_agent_beth.orchestration.journaled import standing_of
from beth_agent_beth.orchestration.orchestrator import Input, Orchestrator
from beth_agent_beth.orchestration.within_day import WithinDay
from beth_agent_beth.orchestration.workspaces import GitWorkspaces, Workspaces
from beth_agent_beth.plan.planner import Planner
from beth_kit import places
from beth_sdk import history, logs, schema
from beth_sdk.bus.base import BEGINNING, Bus, Cursor
from beth_sdk.clock import Clock
from beth_sdk.errors import BusError, ContractError, CursorExpired, Held, JournalError
from beth_sdk.hookspecs import HookSink
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.messages import Control, Result
from beth_sdk.publish import control_topic
from beth_sdk.settings import Settings
from beth_sdk.worker.host import instance_name

LONGEST_HOLD = 10.0
"""Seconds a request's hold lives: looking after one input takes milliseconds, so a dead Beth delays nobody for long."""

WAIT = 5.0
"""Seconds one read of a topic waits."""

KEEP_PLACE_EVERY = 30.0
TRY_AGAIN = 1.0
LOOK_AROUND_EVERY = 60.0
"""Seconds between two looks at all requests, for a nudge that was lost and for what a Beth that died left undone."""

AT_ONCE = 16
"""Requests that are looked at side by side when she looks around."""

PLACES = "beth/cursor/"


class Beth:
    """The orchestrator's service. `workspaces` makes those of requests, or None where they have none."""

    def __init__(self, workspaces: Callable[[Settings], Workspaces | None] | None = None) -> None:
        self.agent = Planner()
        """Plays the role's own queue."""
        self._workspaces = workspaces or (lambda settings: GitWorkspaces(places.workspaces(settings.home)))

    async def run(
        self, bus: Bus, journal: Journal, settings: Settings, stop: asyncio.Event, *, clock: Clock, hooks: HookSink
    ) -> None:
        """Look after requests until `stop` is set."""
        workspaces = self._workspaces(settings)
        try:
            await _Run(bus, journal, settings, stop, clock=clock, hooks=hooks, workspaces=workspaces).serve()
        finally:
            if workspaces is not None:
                await workspaces.close()


class _Run:
    def __init__(
        self,
        bus: Bus,
        journal: Journal,
        settings: Settings,
        stop: asyncio.Event,
        *,
        clock: Clock,
        hooks: HookSink,
        workspaces: Workspaces | None,
    ) -> None:
        instance = settings.instance or instance_name("beth")
        ttl = min(LONGEST_HOLD, settings.lease or LONGEST_HOLD)
        self._bus = bus
        self._journal = journal
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._log = logs.get("beth.orchestrator").bind(instance=instance)
        self._open: set[str] = set()
        self._ended: dict[str, float] = {}
        """When the requests ended that were seen to have ended, in seconds since the Unix epoch."""
        self._cancelling: dict[str, None] = {}
        """Requests with tasks that were cancelled and that somebody still has."""
        self._ttl = ttl
        limit = limit_of(os.environ)
        day = None if limit is None else WithinDay(DayLedger(journal, clock, limit, instance=instance, ttl=ttl))
        self._orchestrator = Orchestrator(
            bus, journal, clock, self._log, hooks, instance=instance, ttl=ttl, workspaces=workspaces, day=day
        )
        home = workspaces.home if isinstance(workspaces, GitWorkspaces) else None
        self._clearing = None if home is None else Clearing(home, journal, clock, self._log)
        self._kept_at = clock.monotonic()
        self._place_in_results = self._place_in_controls = BEGINNING

    async def serve(self) -> None:
        working = asyncio.ensure_future(self._work())
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Cut off anywhere, as a crash would: whatever was appended and not done is done by the next Beth.
            for one in (working, stopping):
                one.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
            if self._clearing is not None:
                await self._clearing.finish()
            self._log.info("stopped")
        if not working.cancelled():
            working.result()

    async def _work(self) -> None:
        await self._insistently(self._begin)
        chores = [self._results, self._controls, self._look_around_regularly, self._insist_on_cancels]
        if self._clearing is not None:
            chores.append(self._clearing.forever)
        doing = [asyncio.ensure_future(self._insistently(chore)) for chore in chores]
        try:
            await asyncio.wait(doing, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for one in doing:  # once: what they do about it must not be cut off too
                one.cancel()
            await asyncio.wait(doing)
        for one in doing:
            if not one.cancelled():
                one.result()

    async def _insistently(self, chore: Callable[[], Awaitable[None]]) -> None:
        """One chore to its end; while bus or journal cannot be reached, it waits and begins again."""
        while not self._stop.is_set():
            try:
                await chore()
                return
            except (BusError, JournalError) as error:
                self._log.warning("waiting for a server", error=str(error), again_in=TRY_AGAIN)
                await self._clock.sleep(TRY_AGAIN)

    async def _begin(self) -> None:
        self._place_in_results = await self._place()
        self._place_in_controls = await self._bus.tail(control_topic("beth"))
        await self._look_around(first=True)
        self._log.info("ready", open_requests=len(self._open))

    # -- inputs -------------------------------------------------------------------------------

    async def _results(self) -> None:
        while not self._stop.is_set():
            try:
                page = await self._bus.read(RESULTS, self._place_in_results, wait=WAIT, limit=500)
            except CursorExpired as expired:
                # What was trimmed still stands in the journals of the tasks.
                self._log.warning("results were trimmed; reading the journals instead", cursor=expired.cursor)
                self._place_in_results = Cursor(expired.oldest)
                self._open.clear()
                await self._look_around()
                continue
            by_request: dict[str, list[Input]] = {}
            for _, message in page:
                try:
                    result = schema.decode(Result, message.body)
                except ContractError as error:
                    self._log.error("a result that breaks the contract was passed over", error=str(error))
                    continue
                by_request.setdefault(result.request_id or facts.request_of(result.task_id), []).append(Input(result))
            attending = (self._attend(request_id, inputs) for request_id, inputs in by_request.items())
            for outcome in await asyncio.gather(*attending, return_exceptions=True):
                if outcome is not None:
                    raise outcome  # the place stays where it is, so the whole page is read again
            if page:
                self._place_in_results = page[-1][0]
                await self._keep_place()

    async def _controls(self) -> None:
        topic = control_topic("beth")
        while not self._stop.is_set():
            try:
                page = await self._bus.read(topic, self._place_in_controls, wait=WAIT)
            except CursorExpired as expired:
                self._place_in_controls = Cursor(expired.oldest)
                continue
            for cursor, message in page:
                await self._obey(message.body)
                self._place_in_controls = cursor

    async def _obey(self, body: bytes) -> None:
        try:
            control = schema.decode(Control, body)
        except ContractError as error:
            self._log.error("a control message that breaks the contract was passed over", error=str(error))
            return
        if control.request_id is not None:
            # A task that was redriven is known from its own journal alone.
            await self._attend(control.request_id, reconcile=control.task_id is not None)

    async def _look_around_regularly(self) -> None:
        while not self._stop.is_set():
            await self._clock.sleep(LOOK_AROUND_EVERY)
            await self._look_around()

    async def _insist_on_cancels(self) -> None:
        """What a worker had that died is only free once its hold has run out."""
        while not self._stop.is_set():
            await self._clock.sleep(self._ttl)
            for request_id in list(self._cancelling):
                await self._attend(request_id, reconcile=True)

    async def _attend(self, request_id: str, inputs: list[Input] | None = None, *, reconcile: bool = False) -> None:
        try:
            state = await self._orchestrator.attend(request_id, inputs or (), reconcile=reconcile)
        except BaseException:
            self._open.discard(request_id)  # so that the next look around finds it
            raise
        if state is None or state.ended:
            self._open.discard(request_id)
        else:
            self._open.add(request_id)
        if state is not None and state.being_cancelled:
            self._cancelling[request_id] = None
        else:
            self._cancelling.pop(request_id, None)
        if state is not None and self._clearing is not None:
            self._clearing.changed(state)
        if state is not None and state.ended_at is not None:
            self._ended[request_id] = state.ended_at
        else:
            self._ended.pop(request_id, None)

    # -- the whole ----------------------------------------------------------------------------

    async def _look_around(self, *, first: bool = False) -> None:
        """Reconcile every open request that is not known yet, or that another Beth may have left half done, and archive
        what ended long ago. The `first` time also those that failed: a task may have been redriven since."""
        looking: list[str] = []
        async for stream in self._journal.streams(facts.PREFIX):
            looking.append(stream.removeprefix(facts.PREFIX))
            if len(looking) >= AT_ONCE:
                await self._look_at(looking, first=first)
                looking = []
        await self._look_at(looking, first=first)

    async def _look_at(self, request_ids: Sequence[str], *, first: bool) -> None:
        """Side by side, so that they share what they wait for."""
        looking = (self._look_at_one(request_id, first=first) for request_id in request_ids)
        for outcome in await asyncio.gather(*looking, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _look_at_one(self, request_id: str, *, first: bool) -> None:
        if request_id in self._open:
            if self._orchestrator.others_work(request_id):
                await self._attend(request_id, reconcile=True)
            elif self._orchestrator.to_attend(request_id):
                await self._attend(request_id)
            return
        ended_at = self._ended.get(request_id)
        if ended_at is None:
            standing = await standing_of(self._journal, request_id)
            if standing.open or (first and standing.status == "failed"):
                await self._attend(request_id, reconcile=True)
            elif standing.ended_at is not None:
                ended_at = self._ended[request_id] = standing.ended_at
        if ended_at is not None and self._clock.wall() - ended_at > self._settings.retention:
            await self._archive(request_id)

    async def _archive(self, request_id: str) -> None:
        try:
            for task_id in (await requests.read(self._journal, request_id)).tasks:
                await self._journal.archive(history.stream_of(task_id))
            await self._journal.archive(facts.stream_of(request_id))
            if self._clearing is not None:
                await self._clearing.archived(request_id)
        except Held:
            return  # somebody is at it again; next time
        self._ended.pop(request_id, None)

    # -- the place in results.beth ------------------------------------------------------------

    async def _place(self) -> Cursor:
        """Where this or another Beth was in the results: everything before it was taken."""
        streams = [stream async for stream in self._journal.streams(PLACES)]
        place = BEGINNING
        for stream in streams[-1:]:
            async for entry in self._journal.read(stream):
                place = Cursor(str(entry.fact.data["cursor"]))
        for stream in streams[:-1]:
            await self._journal.archive(stream)
        return place

    async def _keep_place(self) -> None:
        place, now = self._place_in_results, self._clock.monotonic()
        if now - self._kept_at < KEEP_PLACE_EVERY:
            return
        self._kept_at = now
        today = datetime.fromtimestamp(self._clock.wall(), UTC).date()
        stream = f"{PLACES}{today.isoformat()}"
        await self._journal.append(stream, [Fact("place", {"cursor": place})], key=f"place:{place}")
