"""Waiting for a channel: looked at again when it is woken, when something is due, and never in between."""

from __future__ import annotations

import asyncio

from beth_sdk.bus.waiting import NEVER, Waiters
from beth_sdk.testing import ManualClock


class Shelf:
    """Something to wait for, and how often it was looked at."""

    def __init__(self, due: float = NEVER) -> None:
        self.things: list[str] = []
        self.looks = 0
        self.due = due

    async def look(self) -> tuple[list[str], float]:
        self.looks += 1
        return self.things, self.due


async def test_only_a_wake_of_its_channel_makes_a_waiter_look_again() -> None:
    clock, waiters, shelf = ManualClock(), Waiters(), Shelf()
    waiting = asyncio.ensure_future(waiters.wait(["a", "b"], shelf.look, clock=clock, wait=60))
    await clock.until_sleeping()
    waiters.wake(["c"])
    shelf.things.append("thing")
    await asyncio.sleep(0)
    assert shelf.looks == 1
    waiters.wake(["c", "b"])
    assert await asyncio.wait_for(waiting, 30) == ["thing"]
    assert shelf.looks == 2


async def test_what_is_woken_while_it_looks_looks_once_more() -> None:
    clock, waiters, shelf = ManualClock(), Waiters(), Shelf()

    async def look() -> tuple[list[str], float]:
        found = await shelf.look()
        if shelf.looks == 1:
            waiters.wake(["a"])
            await asyncio.sleep(0)
            return [], NEVER
        return found

    shelf.things.append("thing")
    assert await asyncio.wait_for(waiters.wait(["a"], look, clock=clock, wait=60), 30) == ["thing"]


async def test_what_was_due_already_while_it_looked_is_not_slept_over() -> None:
    clock, waiters = ManualClock(), Waiters()
    shelf = Shelf(due=clock.monotonic() + 5)

    async def look() -> tuple[list[str], float]:
        if shelf.looks:
            return ["thing"], NEVER
        found = await shelf.look()
        clock.advance(5)
        return found

    assert await asyncio.wait_for(waiters.wait(["a"], look, clock=clock, wait=60), 30) == ["thing"]


async def test_a_loop_that_ended_with_somebody_waiting_is_passed_over() -> None:
    async def leave() -> Waiters:
        waiters = Waiters()
        waiters._register(["a"], asyncio.Event())
        return waiters

    left = await asyncio.to_thread(lambda: asyncio.run(leave()))
    left.wake(["a"])
    left.wake_all()


async def test_closing_ends_every_wait_with_nothing() -> None:
    clock, waiters, shelf = ManualClock(), Waiters(), Shelf()
    waits = [asyncio.ensure_future(waiters.wait([name], shelf.look, clock=clock, wait=60)) for name in "ab"]
    await clock.until_sleeping(2)
    waiters.close()
    assert await asyncio.wait_for(asyncio.gather(*waits), 30) == [[], []]
    assert waiters.closed
