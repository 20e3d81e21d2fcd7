"""A bus on which one task is done by throw-away developers, and all that can be known of how."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from beth_sdk import openers, schema
from beth_sdk.bus.base import BEGINNING, Bus
from beth_sdk.history import stream_of
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.messages import Result
from beth_sdk.publish import publish_task, queue_of
from beth_sdk.settings import sqlite_url
from tests.chaos import distribution, ledger, load
from tests.chaos.agents import Script
from tests.chaos.checker import Violation, check
from tests.chaos.gather import gather
from tests.chaos.watching import PATIENCE, Events

TASK = "task-1"

LOOK = 0.01
"""Seconds between two looks at what nobody announces: a line in a file, a queue's depth, a lock."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker in the middle of the task: it began with a step at the moment `at` on the monotonic clock."""

    instance: str
    pid: int
    epoch: int
    at: float


class Team:
    """Developers on one bus, with a lease of their own choice, in seconds."""

    def __init__(self, folder: Path, bus: Bus, journal: Journal, lease: float) -> None:
        self.bus = bus
        self.journal = journal
        self.database = folder / "bus.db"
        self.ledger = folder / "ledger"
        self.environment = {
            **distribution.environment(
                distribution.make(folder / "team", [load.ROLE]), folder, lease=lease, ledger=self.ledger
            ),
            "MESSAGE_BUS_URL": sqlite_url(self.database),
        }
        self._events = Events(bus)

    async def publish(self, script: Script, *, copies: int = 0) -> None:
        """Publish the task, and copies of it that the bus takes for other tasks."""
        task = load.a_task(TASK, script)
        await publish_task(self.bus, task, journal_id=self.journal.id)
        for _ in range(copies):
            await load.publish_copy(self.bus, self.journal, task)

    async def begins(self, step: str, *, after: Worker | None = None) -> Worker:
        """Wait until a worker begins with a step: any, or another one than before."""
        event = await self._events.step_begins(step, but_of=after.instance if after else None)
        # The event is sent just before the line is written.
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in ledger.read(self.ledger, "step begins"):
                    if (line["step"], line["instance"]) == (step, event.instance):
                        return Worker(line["instance"], line["pid"], line["epoch"], line["at"])
                await asyncio.sleep(LOOK)

    async def result(self) -> Result:
        """Wait for the first result of the task."""
        async with asyncio.timeout(PATIENCE):
            while not (page := await self.bus.read(load.DIRECT, BEGINNING, wait=PATIENCE)):
                pass
        return schema.decode(Result, page[0][1].body)

    async def queue_is_empty(self) -> None:
        """Wait until every copy of the task was acknowledged."""
        async with asyncio.timeout(PATIENCE):
            while True:
                stats = await self.bus.stats(queue_of(load.ROLE))
                if not (stats.ready or stats.delayed or stats.in_flight):
                    return
                await asyncio.sleep(LOOK)

    async def entries(self) -> list[Entry]:
        """The task's journal."""
        return [entry async for entry in self.journal.read(stream_of(TASK))]

    def runs(self, step: str) -> int:
        """How often a step was begun with."""
        return sum(line["step"] == step for line in ledger.read(self.ledger, "step begins"))

    def executions(self) -> list[float]:
        """When the task was executed, on the monotonic clock."""
        return [line["at"] for line in ledger.read(self.ledger, "execute")]

    def done(self, step: str) -> float:
        """When a step was done first, on the monotonic clock."""
        return float(next(line["at"] for line in ledger.read(self.ledger, "step done") if line["step"] == step))

    async def violations(self) -> list[Violation]:
        """What the checker finds."""
        known = await gather(self.bus, self.journal, ledger_file=self.ledger, logs=[], acknowledged=[(TASK, 0)])
        return check(known)

    async def freeze(self, worker: Worker) -> None:
        """SIGSTOP, at a moment in which the worker is not writing to the database: everybody would have to wait for it,
        and what was to be seen here would not happen."""
        while True:
            os.kill(worker.pid, signal.SIGSTOP)
            if await asyncio.to_thread(self._can_write):
                return
            os.kill(worker.pid, signal.SIGCONT)
            await asyncio.sleep(LOOK)

    def _can_write(self) -> bool:
        """Whether the database is free within a moment: others write too, for milliseconds."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=0.3, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True


@asynccontextmanager
async def team(folder: Path, *, lease: float) -> AsyncIterator[Team]:
    """A team in an empty folder; its processes are started with `beth`."""
    url = sqlite_url(folder / "bus.db")
    bus, journal = await openers.open_bus(url), await openers.open_journal(url)
    try:
        yield Team(folder, bus, journal, lease)
    finally:
        await journal.close()
        await bus.close()
