"""Whatever is done to queues, the SQLite bus and the bus in memory, written apart from each other, do the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beth_sdk.bus import memory, sqlite
from beth_sdk.bus.base import Bus, Delivery, Outgoing, Queue
from beth_sdk.errors import LeaseLost
from beth_sdk.testing import ManualClock

QUEUES = ("tasks.developer", "tasks.tester")
LEASE = 60.0

queues = st.sampled_from(QUEUES)
delays = st.sampled_from([0, 0, 30, 90])
chosen = st.integers(0, 99)

actions = st.one_of(
    st.tuples(st.just("publish"), queues, st.integers(0, 7), st.integers(0, 4), delays),
    st.tuples(st.just("receive"), st.sampled_from([QUEUES, QUEUES[:1], QUEUES[1:]]), st.integers(1, 4)),
    st.tuples(st.just("extend"), chosen),
    st.tuples(st.just("ack"), chosen),
    st.tuples(st.just("release"), chosen, delays),
    st.tuples(st.just("advance"), st.sampled_from([1.0, 30.0, 61.0])),
    st.tuples(st.just("stats"), queues),
)


class Play:
    """A script of actions on a bus, and all that can be seen of what they did."""

    def __init__(self, bus: Bus, clock: ManualClock) -> None:
        self.bus = bus
        self.clock = clock
        self.seen: list[Any] = []
        self.deliveries: list[Delivery] = []

    async def run(self, script: list[tuple[Any, ...]]) -> list[Any]:
        for queue in QUEUES:
            await self.bus.declare(Queue(queue, LEASE))
        for name, *arguments in script:
            act: Callable[..., Any] = getattr(self, name)
            self.seen.append((name, await act(*arguments)))
        return self.seen

    def delivery(self, number: int) -> Delivery | None:
        """One of all deliveries so far, stale ones among them."""
        return self.deliveries[number % len(self.deliveries)] if self.deliveries else None

    async def publish(self, queue: str, key: int, priority: int, delay: float) -> None:
        await self.bus.publish(queue, Outgoing(f"{key}:0", b"", priority), delay=delay)

    async def receive(self, queues: tuple[str, ...], limit: int) -> list[Any]:
        received = await self.bus.receive(queues, "worker", 0, limit)
        self.deliveries += received
        return [(d.queue, d.key, d.priority, d.deliveries, d.lease) for d in received]

    async def extend(self, number: int) -> str:
        delivery = self.delivery(number)
        if delivery is None:
            return "nothing"
        try:
            await self.bus.extend(delivery)
        except LeaseLost:
            return "lost"
        return "extended"

    async def ack(self, number: int) -> None:
        if (delivery := self.delivery(number)) is not None:
            await self.bus.ack(delivery)

    async def release(self, number: int, delay: float) -> None:
        if (delivery := self.delivery(number)) is not None:
            await self.bus.release(delivery, delay=delay)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def stats(self, queue: str) -> Any:
        return await self.bus.stats(queue)


@settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(actions, min_size=10, max_size=60))
def test_both_buses_play_every_script_the_same(script: list[tuple[Any, ...]]) -> None:
    async def play_both(folder: Path) -> tuple[list[Any], list[Any]]:
        clock = ManualClock()
        file = await sqlite.open_bus(f"sqlite:///{folder}/beth.db", clock=clock)
        on_disk = await Play(file, clock).run(script)
        await file.close()
        clock = ManualClock()
        return on_disk, await Play(await memory.open_bus("memory://", clock=clock), clock).run(script)

    with tempfile.TemporaryDirectory() as folder:
        on_disk, in_memory = asyncio.run(play_both(Path(folder)))
    assert on_disk == in_memory
