"""A fleet of workers and Beths on one bus, things that happen to them by a seeded schedule, and what came of it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beth_sdk import openers, schema
from beth_sdk.bus.base import BEGINNING, Bus
from beth_sdk.journal.base import Journal, Version
from beth_sdk.messages import Result
from beth_sdk.publish import queue_of
from tests.chaos import distribution, load
from tests.chaos.buses import BUSES, ChaosBus
from tests.chaos.checker import KINDS, History, Violation, check
from tests.chaos.gather import REQUESTS, gather
from tests.chaos.processes import Child, start

PATIENCE = 60.0
"""Seconds without any result after which the rest counts as lost."""

STARVED = 0.25
"""Of the lives of workers, how many have renewals that never get through."""

LOOK = 0.1
"""Seconds between two looks at a queue's depth, which no bus announces."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to try. `lease` in seconds; `pause`: seconds between two faults, on average; `without`: a safeguard that the
    workers lack, to see that it is missed."""

    seed: int
    tasks: int
    bus: str = "sqlite"
    workers: int = 3
    concurrency: int = 4
    beths: int = 2
    lease: float = 1.0
    pause: float = 0.5
    without: str | None = None


@dataclass(slots=True)
class Report:
    """What came of it."""

    setup: Setup
    faults: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    history: History = field(default_factory=History)
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0

    def table(self) -> str:
        """Everything that was counted."""
        history, kinds = self.history, Counter(one.kind for one in self.violations)
        rows: list[tuple[str, object]] = [
            ("seed", self.setup.seed),
            ("bus", self.setup.bus),
            ("tasks acknowledged", len(history.acknowledged)),
            *((f"fault: {kind}", count) for kind, count in sorted(self.faults.items())),
            ("processes started", self.lives),
            ("executions", len(history.executions)),
            ("takeovers", history.takeovers),
            *((f"refused: {what}", count) for what, count in sorted(history.fenced.items())),
            *((kind, kinds[kind]) for kind in KINDS),
            ("seconds", round(self.seconds)),
        ]
        return "\n".join(f"{name:24} {value}" for name, value in rows)


class EndedByItselfError(Exception):
    """A process of the fleet ended, and nobody had killed it or told it to."""


class Slot:
    """A place in the fleet: whoever is killed there is replaced at once."""

    def __init__(self, name: str, life: Callable[[], Child]) -> None:
        self.name = name
        self.lives = 0
        self._life = life
        self._stopping = False
        self.child: Child | None = None

    async def keep(self) -> None:
        """Until `stop`. Raises `EndedByItselfError`."""
        while not self._stopping:
            self.lives += 1
            self.child = self._life()
            code = await self.child.wait()
            if code != -signal.SIGKILL and not self._stopping:
                said = self.child.output.read_text("utf-8", "replace")
                raise EndedByItselfError(f"{self.name} ended with exit code {code}: {said[-2000:]}")

    def signal(self, number: signal.Signals) -> None:
        if self.child is not None:
            self.child.signal(number)

    def stop(self) -> None:
        """Have it end in its own way, and replace it no more."""
        self._stopping = True
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)


class Fleet:
    """One run in a folder of its own."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.setup = setup
        self.report = Report(setup)
        self._folder = folder
        self._dice = random.Random(setup.seed)
        self._team = distribution.make(folder / "team", [load.ROLE], concurrency=setup.concurrency)
        self._ledger = folder / "ledger"
        self._chaos_bus: ChaosBus = BUSES[setup.bus]()
        self._slots: list[Slot] = []
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Publish, do everything to the fleet that the schedule says until all is done, and check."""
        began = time.monotonic()
        place = self._folder / "bus"
        place.mkdir()
        await self._chaos_bus.start(place)
        environment = self._chaos_bus.environment
        bus = await openers.open_bus(environment["MESSAGE_BUS_URL"])
        journal = await openers.open_journal(environment["BETH_JOURNAL_URL"])
        try:
            await self._try(bus, journal)
        finally:
            await journal.close()
            await bus.close()
            await self._chaos_bus.stop()
            self.report.seconds = time.monotonic() - began
        return self.report

    async def _try(self, bus: Bus, journal: Journal) -> None:
        given = await load.publish(
            bus, journal, tasks=self.setup.tasks, lease=self.setup.lease, dice=random.Random(self._dice.random())
        )
        self.report.faults.update({"copy of a task": given.copies, "blocked loop": given.blocked})
        keeping = [asyncio.ensure_future(slot.keep()) for slot in self._staff()]
        plaguing = asyncio.ensure_future(self._plague())
        try:
            try:
                await _unless_one_raises(self._done(bus, journal, given), keeping)
            finally:
                plaguing.cancel()
                await asyncio.gather(plaguing, *self._background, return_exceptions=True)
            await self._drained(bus)
        finally:
            await self._dismiss(keeping)
        logs = sorted(self._folder.glob("*.log"))
        history = await gather(bus, journal, ledger_file=self._ledger, logs=logs, acknowledged=given.acknowledged)
        self.report.lives = sum(slot.lives for slot in self._slots)
        self.report.history = history
        killed, stopped = (self.report.faults[f"{what} a worker"] for what in ("kill", "stop"))
        self.report.violations = check(
            history, least_takeovers=max(1, (killed + stopped) // 3), least_fenced=max(1, stopped // 6)
        )

    # -- the fleet ----------------------------------------------------------------------------

    def _staff(self) -> list[Slot]:
        setup = self.setup
        self._slots = [self._slot(f"worker-{number}", load.ROLE) for number in range(1, setup.workers + 1)]
        self._slots += [self._slot(f"beth-{number}", "beth") for number in range(1, setup.beths + 1)]
        return self._slots

    def _slot(self, name: str, role: str) -> Slot:
        dice = random.Random(f"{self.setup.seed}:{name}")
        unsafe = {"CHAOS_WITHOUT": self.setup.without} if self.setup.without and role == load.ROLE else {}
        environment = {
            **distribution.environment(self._team, self._folder, lease=self.setup.lease, ledger=self._ledger),
            **self._chaos_bus.environment,
            "BETH_LOG_LEVEL": "warning",
            "CHAOS_RECORD": "1",
            **unsafe,
        }

        def life() -> Child:
            starved = role == load.ROLE and dice.random() < STARVED
            self.report.faults["renewals held back"] += starved
            return start(
                name,
                ["serve", role],
                {**environment, "CHAOS_RENEWALS": "held"} if starved else environment,
                self._folder / f"{name}.log",
            )

        return Slot(name, life)

    async def _dismiss(self, keeping: list[asyncio.Task[None]]) -> None:
        for slot in self._slots:
            slot.stop()
        await asyncio.wait(keeping, timeout=PATIENCE)
        for slot in self._slots:
            slot.signal(signal.SIGKILL)
        await asyncio.gather(*keeping, return_exceptions=True)

    # -- what happens to it -------------------------------------------------------------------

    async def _plague(self) -> None:
        """One fault after the other, for as long as there is something to do."""
        workers = [slot for slot in self._slots if slot.name.startswith("worker")]
        beths = [slot for slot in self._slots if slot not in workers]
        faults: Mapping[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "kill a worker": (4, lambda: self._kill(workers)),
            "stop a worker": (4, lambda: self._freeze(workers)),
            "kill a Beth": (2, lambda: self._kill(beths)),
            "stop a Beth": (1, lambda: self._freeze(beths)),
            **{f"bus: {name}": (1, fault) for name, fault in self._chaos_bus.faults.items()},
        }
        weights = [weight for weight, _ in faults.values()]
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / self.setup.pause))
            (kind,) = self._dice.choices(list(faults), weights)
            self.report.faults[kind] += 1
            await faults[kind][1]()

    async def _kill(self, slots: list[Slot]) -> None:
        self._dice.choice(slots).signal(signal.SIGKILL)

    async def _freeze(self, slots: list[Slot]) -> None:
        """Stop one for longer than a lease; other things happen meanwhile."""
        child = self._dice.choice(slots).child
        seconds = self.setup.lease * self._dice.uniform(1.3, 2.5)
        if child is not None:
            child.signal(signal.SIGSTOP)
            thawing = asyncio.ensure_future(_thaw(child, seconds))
            self._background.add(thawing)
            thawing.add_done_callback(self._background.discard)

    # -- until all is done --------------------------------------------------------------------

    async def _done(self, bus: Bus, journal: Journal, given: load.Load) -> None:
        """Until every task that was published directly has a final result and every request has ended, or nothing has
        come for too long."""
        waiting = {*given.direct}
        cursor = BEGINNING
        while waiting:
            page = await bus.read(load.DIRECT, cursor, wait=PATIENCE, limit=1000)
            if not page:
                return
            cursor = page[-1][0]
            waiting -= {schema.decode(Result, message.body).task_id for _, message in page}
        left = {name: Version(0) for name in given.requests}
        came = time.monotonic()
        cursor = await bus.tail("events")
        while left and time.monotonic() < came + PATIENCE:
            for name, seen in list(left.items()):
                new = [entry async for entry in journal.read(f"{REQUESTS}{name}", after=seen or None)]
                if any(entry.fact.kind == "ended" for entry in new):
                    del left[name]
                elif new:
                    left[name] = new[-1].version
                came = time.monotonic() if new else came
            if left and (page := await bus.read("events", cursor, wait=1.0, limit=1000)):
                cursor = page[-1][0]

    async def _drained(self, bus: Bus) -> None:
        """Until the queue is empty: copies of what has ended are still to be acknowledged."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            stats = await bus.stats(queue_of(load.ROLE))
            if not (stats.ready or stats.delayed or stats.in_flight):
                return
            await asyncio.sleep(LOOK)


async def _unless_one_raises(work: Coroutine[Any, Any, None], others: list[asyncio.Task[None]]) -> None:
    """Await work; where one of the others ends before it, raise what that raised."""
    working = asyncio.ensure_future(work)
    await asyncio.wait({working, *others}, return_when=asyncio.FIRST_COMPLETED)
    for one in (working, *others):
        if one.done():
            working.cancel()
            await one


async def _thaw(child: Child, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        child.signal(signal.SIGCONT)
