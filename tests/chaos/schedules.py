"""Short schedules, each made so that one safeguard alone stands between it and a task lost or done twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from beth_sdk import openers
from beth_sdk.bus.base import Bus
from beth_sdk.journal.base import Journal
from beth_sdk.publish import publish_task, queue_of
from beth_sdk.settings import sqlite_url
from tests.chaos import distribution, load
from tests.chaos.agents import Script
from tests.chaos.checker import History
from tests.chaos.gather import gather
from tests.chaos.processes import Child, start
from tests.chaos.safeguards import ENDED_BEFORE_ACK, ENDED_CHECK, EPOCH_CHECK, HOLD
from tests.chaos.watching import PATIENCE, Events

LEASE = 1.0
TASK = "task-1"

LOOK = 0.05
"""Seconds between two looks at the queue's depth, which no bus announces."""


class Stage:
    """A bus with one task and a few workers, all of them without the same safeguard, or with all."""

    def __init__(self, folder: Path, bus: Bus, journal: Journal, without: str | None) -> None:
        self.bus = bus
        self.journal = journal
        self._folder = folder
        self._without = without
        self._team = distribution.make(folder / "team", [load.ROLE])
        self._workers: list[Child] = []
        self._events = Events(bus)

    async def publish(self, script: Script, *, copies: int = 0) -> None:
        """Publish the task, and copies of it that the bus takes for others."""
        task = load.a_task(TASK, script)
        await publish_task(self.bus, task, journal_id=self.journal.id)
        for _ in range(copies):
            await load.publish_copy(self.bus, self.journal, task)

    def worker(self, **chaos: str) -> Child:
        """Start a worker; `chaos`: variables of `launch`."""
        environment = {
            **distribution.environment(self._team, self._folder, lease=LEASE, ledger=self._ledger),
            "MESSAGE_BUS_URL": sqlite_url(self._folder / "bus.db"),
            "CHAOS_RECORD": "1",
            **({"CHAOS_WITHOUT": self._without} if self._without else {}),
            **chaos,
        }
        name = f"worker-{len(self._workers) + 1}"
        child = start(name, ["serve", load.ROLE], environment, self._folder / f"{name}.log")
        self._workers.append(child)
        return child

    async def step_begins(self, name: str) -> None:
        """Wait until a worker begins with this step of the task."""
        await self._events.step_begins(name)

    async def history(self) -> History:
        """What is known once the queue is empty and every worker has stopped."""
        async with asyncio.timeout(PATIENCE):
            while not await self._empty():
                await asyncio.sleep(LOOK)
        self.dismiss(signal.SIGTERM)
        await asyncio.gather(*(one.wait() for one in self._workers))
        return await gather(
            self.bus,
            self.journal,
            ledger_file=self._ledger,
            logs=[one.output for one in self._workers],
            acknowledged=[(TASK, 0)],
        )

    def dismiss(self, number: signal.Signals) -> None:
        """Send all workers a signal."""
        for worker in self._workers:
            worker.signal(number)

    @property
    def _ledger(self) -> Path:
        return self._folder / "ledger"

    async def _empty(self) -> bool:
        stats = await self.bus.stats(queue_of(load.ROLE))
        return not (stats.ready or stats.delayed or stats.in_flight)


@asynccontextmanager
async def stage(folder: Path, *, without: str | None = None) -> AsyncIterator[Stage]:
    """A stage in an empty folder."""
    url = sqlite_url(folder / "bus.db")
    bus, journal = await openers.open_bus(url), await openers.open_journal(url)
    here = Stage(folder, bus, journal, without)
    try:
        yield here
    finally:
        here.dismiss(signal.SIGKILL)
        await journal.close()
        await bus.close()


async def two_copies_at_once(here: Stage) -> None:
    """Two workers get the same task at the same time, as after a broker's reconnect."""
    await here.publish(Script(seconds=(0.0, 2 * LEASE, 0.0)), copies=1)
    here.worker()
    here.worker()


async def a_late_append(here: Stage) -> None:
    """A worker loses its hold in the middle of a step without noticing, and comes to the step's end."""
    await here.publish(Script(seconds=(0.0, 2.5 * LEASE, 0.0)))
    here.worker(CHAOS_RENEWALS="held")
    await here.step_begins("second")
    here.worker()


async def a_kill_in_the_middle(here: Stage) -> None:
    """A worker dies in the middle of a step."""
    await here.publish(Script(seconds=(0.0, 2 * LEASE, 0.0)))
    victim = here.worker()
    await here.step_begins("second")
    victim.signal(signal.SIGKILL)
    here.worker()


async def a_kill_at_the_end(here: Stage) -> None:
    """A worker dies when the task has ended, before anybody was told."""
    await here.publish(Script())
    victim = here.worker(CHAOS_KILL="1@journal.append[task: ended] after")
    await victim.wait()
    here.worker()


SCHEDULES: Mapping[str, Callable[[Stage], Awaitable[None]]] = {
    HOLD: two_copies_at_once,
    EPOCH_CHECK: a_late_append,
    ENDED_BEFORE_ACK: a_kill_in_the_middle,
    ENDED_CHECK: a_kill_at_the_end,
}
"""For each safeguard, the schedule that it protects from."""


async def play(folder: Path, schedule: str, *, without: str | None = None) -> History:
    """Play the schedule of a safeguard in an empty folder, to its end."""
    async with stage(folder, without=without) as here:
        await SCHEDULES[schedule](here)
        return await here.history()
