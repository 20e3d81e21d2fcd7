"""A worker: takes tasks for one role as long as it has free slots, and hands over what runs when told to stop."""

from __future__ import annotations

import asyncio
import random as randomness
from collections.abc import Awaitable, Callable
from typing import Any

from beth_sdk.agent import Agent, HandedOver
from beth_sdk.bus.base import Bus, Delivery, Queue
from beth_sdk.clock import Clock, wait_for_event
from beth_sdk.errors import BusError
from beth_sdk.hookspecs import HookSink, ServiceRecord
from beth_sdk.journal.base import Journal
from beth_sdk.logs import Log
from beth_sdk.manifest import Manifest
from beth_sdk.worker.control import ControlListener
from beth_sdk.worker.events import EventSink
from beth_sdk.worker.health import Health
from beth_sdk.worker.insist import FIRST_DELAY, LONGEST_DELAY
from beth_sdk.worker.loops import LoopThread
from beth_sdk.worker.renewal import Renewal
from beth_sdk.worker.run import TaskRun
from beth_sdk.worker.surroundings import Surroundings, Terms

RECEIVE_WAIT = 5.0
"""Seconds one receive waits. It is never cancelled; closing the bus ends it."""

LAST_WAIT = 10.0
"""Seconds that interrupted tasks, and then the agent's `close`, get to clean up."""

BOUNCE_WAIT = 0.5
"""Seconds in which the receive under way may still get what was just handed over, and hand it back."""


class Worker:
    """One role at work. Made and run on the bus's loop; `stop` and `kill` belong there too."""

    def __init__(
        self,
        agent: Agent,
        manifest: Manifest,
        terms: Terms,
        *,
        bus: Bus,
        journal: Journal,
        bus_loop: LoopThread,
        agent_loop: LoopThread,
        hooks: HookSink,
        clock: Clock,
        log: Log,
        health: Health,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self._terms = terms
        self._log = log
        self._clock = clock
        self._hooks = hooks
        self._health = health
        self._agent_loop = agent_loop
        self._runs: dict[TaskRun, asyncio.Task[None]] = {}
        self._slot_free = asyncio.Event()
        self._stop = asyncio.Event()
        self._kill = asyncio.Event()
        self._broken: Exception | None = None
        self.drained = asyncio.Event()
        """Set once nothing runs any more and every event is sent: from then on the bus may be closed."""
        self._events = EventSink(bus, clock, log)
        self._around = Surroundings(
            agent=agent,
            manifest=manifest,
            terms=terms,
            bus=bus,
            journal=journal,
            events=self._events,
            hooks=hooks,
            clock=clock,
            log=log,
            bus_loop=bus_loop,
            agent_loop=agent_loop,
            draining=self._stop,
            random=random,
        )
        runs, role = self._runs.keys(), manifest.role
        self._renewal = Renewal(runs, bus=bus, journal=journal, clock=clock, log=log, lease=terms.lease)
        self._control = ControlListener(
            runs, role=role, bus=bus, clock=clock, log=log, health=health, drain=self._stop.set
        )

    @property
    def running(self) -> int:
        """How many tasks run now."""
        return len(self._runs)

    def stop(self) -> None:
        """Take nothing new; hand running tasks over at their next step boundary."""
        self._stop.set()

    def kill(self) -> None:
        """Do not wait for step boundaries: interrupt what runs, and hand it over."""
        self._stop.set()
        self._kill.set()

    async def run(self) -> None:
        """Serve until stopped, then until everything is handed over.

        Raises what kept it from starting, what `close` raised, and what broke receiving or renewing: a worker that
        cannot do its part ends, instead of sitting there.
        """
        began = self._clock.monotonic()
        self._hooks.emit("before_start", ServiceRecord(self._around.manifest.role, self._terms.instance))
        try:
            for queue in self._terms.queues:
                await self._around.bus.declare(Queue(queue, self._terms.lease))
            if await self._set_up():
                await self._serve(began)
        finally:
            await self._let_go_of_the_bus()
            self._log.info("stopped", events_dropped=self._events.dropped)
        if self._broken is not None:
            raise self._broken

    async def _set_up(self) -> bool:
        """Have the agent get ready; returns False when told to stop before it is."""
        setting_up: asyncio.Future[Any] = asyncio.wrap_future(
            self._agent_loop.submit(_called(self._around.agent.setup))
        )
        stopped: asyncio.Future[Any] = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({setting_up, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if setting_up.done():
            await setting_up
            return True
        setting_up.cancel()
        return False

    async def _serve(self, began: float) -> None:
        self._log.info("ready", queues=", ".join(self._terms.queues), concurrency=self._terms.concurrency)
        self._hooks.emit("after_start", self._service_record(began))
        chores = [
            asyncio.ensure_future(self._never_ending(one)) for one in (self._renewal.forever, self._control.forever)
        ]
        receiving = asyncio.ensure_future(self._never_ending(self._receive))
        await self._stop.wait()
        self._hooks.emit("before_stop", self._service_record(began))
        self._log.info("stopping", running=self.running)
        if self._runs:
            await self._drain()
            await self._within(BOUNCE_WAIT, asyncio.shield(receiving), None)
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await self._let_go_of_the_bus()
        # A receive is never cancelled: it ends by itself, or when the bus is closed.
        await receiving
        closing = self._agent_loop.call(_called(self._around.agent.close))
        try:
            await self._within(LAST_WAIT, closing, "the agent's close()")
        except Exception as error:  # noqa: BLE001 - raised once everything else is done
            self._broken = self._broken or error
        self._hooks.emit("after_stop", self._service_record(began))

    async def _let_go_of_the_bus(self) -> None:
        if not self.drained.is_set():
            await self._within(LAST_WAIT, self._events.close(), "sending the last events")
            self.drained.set()

    async def _never_ending(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work without which the worker is none: where it fails, the worker stops, and says so."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._log.error("the worker cannot go on", error=str(error), exc_info=True)
            self._broken = self._broken or error
            self.stop()

    async def _within(self, seconds: float, work: Awaitable[None], what: str | None) -> None:
        """Await work, but not for longer than this; what is late is left to itself, and named in the log."""
        working = asyncio.ensure_future(work)
        patience = asyncio.ensure_future(self._clock.sleep(seconds))
        await asyncio.wait({working, patience}, return_when=asyncio.FIRST_COMPLETED)
        patience.cancel()
        if working.done():
            await working
            return
        working.cancel()
        if what is not None:
            self._log.error(f"{what} takes too long, and is not waited for", seconds=seconds)

    # -- receiving ----------------------------------------------------------------------------

    async def _receive(self) -> None:
        terms, bus = self._terms, self._around.bus
        delay = FIRST_DELAY
        while not self._stop.is_set():
            free = terms.concurrency - self.running
            if free <= 0:
                self._slot_free.clear()
                await self._slot_free.wait()
                continue
            try:
                deliveries = await bus.receive(terms.queues, terms.instance, RECEIVE_WAIT, free)
            except BusError as error:
                self._log.warning("cannot receive", error=str(error), again_in=delay)
                await wait_for_event(self._clock, self._stop, delay)
                delay = min(delay * 2, LONGEST_DELAY)
                continue
            delay = FIRST_DELAY
            self._health.alive(running=self.running + len(deliveries))
            for delivery in deliveries:
                if self._stop.is_set():
                    await self._hand_back(delivery)
                else:
                    self._begin(delivery)

    async def _hand_back(self, delivery: Delivery) -> None:
        try:
            await self._around.bus.release(delivery)
        except BusError as error:
            self._log.warning("a delivery waits for its lease to run out", key=delivery.key, error=str(error))

    def _begin(self, delivery: Delivery) -> None:
        run = TaskRun(self._around, delivery)
        self._runs[run] = asyncio.ensure_future(self._process(run))

    async def _process(self, run: TaskRun) -> None:
        try:
            await run.process()
        except Exception as error:  # noqa: BLE001 - one delivery must never stop a worker; its lease hands it out again
            self._log.error("a delivery failed; it comes again", key=run.delivery.key, error=str(error), exc_info=True)
        finally:
            del self._runs[run]
            self._slot_free.set()

    # -- stopping -----------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Wait for step boundaries as long as the grace lasts, then interrupt what still runs."""
        self._slot_free.set()
        patience = asyncio.ensure_future(self._clock.sleep(self._terms.stop_grace))
        killed = asyncio.ensure_future(self._kill.wait())
        while self._runs and not patience.done() and not killed.done():
            await asyncio.wait({*self._runs.values(), patience, killed}, return_when=asyncio.FIRST_COMPLETED)
        patience.cancel()
        killed.cancel()
        if not self._runs:
            return
        self._log.warning("interrupting what still runs", running=self.running)
        for run in list(self._runs):
            run.interrupt(HandedOver(at_once=True))
        last = asyncio.ensure_future(self._clock.sleep(LAST_WAIT))
        while self._runs and not last.done():
            await asyncio.wait({*self._runs.values(), last}, return_when=asyncio.FIRST_COMPLETED)
        last.cancel()
        if self._runs:
            self._log.error("left to their leases", running=self.running)

    def _service_record(self, began: float) -> ServiceRecord:
        return ServiceRecord(self._around.manifest.role, self._terms.instance, self._clock.monotonic() - began)


async def _called(part: Callable[[], Awaitable[None]]) -> None:
    """Call a part of an agent. Raises what it raises; an attempt to exit the process is an error like any other."""
    try:
        await part()
    except SystemExit as error:
        raise RuntimeError(f"it called exit({error.code!r})") from error
