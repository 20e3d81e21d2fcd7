"""The bus in memory passes the suite of every bus."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from beth_sdk.bus.base import BEGINNING, Outgoing
from beth_sdk.bus.memory import MemoryBus, open_bus
from beth_sdk.clock import Clock
from beth_sdk.errors import BusUnavailable, ConfigurationError
from beth_sdk.testing import BusConformance

numbers = itertools.count()


class TestMemoryBus(BusConformance):
    @pytest.fixture(autouse=True)
    def storage(self) -> None:
        self.url = f"memory://test-{next(numbers)}"

    async def open(self, clock: Clock) -> MemoryBus:
        return await open_bus(self.url, clock=clock)


async def test_without_a_name_every_bus_is_a_new_one() -> None:
    one, two = await open_bus("memory://"), await open_bus("memory://")
    await one.publish("tasks.developer", Outgoing("a:0", b""))
    assert await two.receive(["tasks.developer"], "worker", 0) == []


async def test_loops_in_several_threads_share_a_name() -> None:
    bus = await open_bus("memory://threads")

    async def publish() -> None:
        other = await open_bus("memory://threads")
        await other.publish("tasks.developer", Outgoing("a:0", b""))
        await other.close()

    waiting = asyncio.ensure_future(bus.receive(["tasks.developer"], "worker", 60))
    await asyncio.to_thread(lambda: asyncio.run(publish()))
    [delivery] = await asyncio.wait_for(waiting, 30)
    assert delivery.key == "a:0"
    await bus.close()


async def test_a_closed_bus_says_so() -> None:
    bus = await open_bus("memory://")
    await bus.close()
    await bus.close()
    with pytest.raises(BusUnavailable, match="closed"):
        await bus.stats("tasks.developer")
    with pytest.raises(BusUnavailable, match="closed"):
        await bus.receive(["tasks.developer"], "w", 10)
    with pytest.raises(BusUnavailable, match="closed"):
        await bus.read("events", BEGINNING, wait=10)


async def test_another_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="memory://NAME"):
        await open_bus("redis://localhost")
