"""Keeping what a worker has: hold and delivery, renewed at a third of the lease, however long the task runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from beth_sdk.agent import Context
from beth_sdk.errors import BusUnavailable, Held, JournalUnavailable
from beth_sdk.history import stream_of
from beth_sdk.messages import Result, Task
from beth_sdk.worker.conftest import LEASE, Bench, Gate, Logged, a_task, settled, soon
from beth_sdk.worker.worker import BOUNCE_WAIT, Worker


class Long:
    """An agent whose tasks each wait at a gate of their own."""

    def __init__(self, *names: str) -> None:
        self.gates = {name: Gate() for name in names or ("task-1",)}

    async def __call__(self, task: Task, ctx: Context) -> Result:
        await ctx.step("gate", self.gates[task.id], repeat="safe")
        return Result.complete("done")

    async def reached(self) -> None:
        for gate in self.gates.values():
            await gate.is_reached()

    def open(self) -> None:
        for gate in self.gates.values():
            gate.open()


@asynccontextmanager
async def at_work(bench: Bench, agent: Long) -> AsyncIterator[Worker]:
    """A worker in the middle of the agent's tasks; at the end it is stopped, with the gates open."""
    worker = bench.worker(agent)
    running = asyncio.ensure_future(worker.run())
    await bench.publish(*(a_task(id=name) for name in agent.gates))
    await agent.reached()
    try:
        yield worker
    finally:
        agent.open()
        worker.stop()
        await settled()
        bench.clock.advance(BOUNCE_WAIT)
        await soon(worker.drained.wait())
        await bench.bus.close()
        await soon(running)


async def pass_time(bench: Bench, seconds: float) -> None:
    """Let time pass as it does: in steps, between which everybody gets on."""
    for _ in range(int(seconds / 5)):
        bench.clock.advance(5)
        await settled()


@pytest.fixture
def long() -> Long:
    return Long()


async def test_hold_and_delivery_are_renewed_at_a_third_of_the_lease(bench: Bench, long: Long) -> None:
    async with at_work(bench, long):
        await pass_time(bench, LEASE)
        assert (bench.watch.count("renew"), bench.watch.count("extend")) == (3, 3)


async def test_a_task_of_twenty_leases_is_executed_once_and_nobody_else_gets_it(bench: Bench, long: Long) -> None:
    async with at_work(bench, long):
        await pass_time(bench, 20 * LEASE)
        assert await bench.stats() == (0, 0, 1)
        with pytest.raises(Held):
            await bench.journal.take(stream_of("task-1"), "another", LEASE)
        long.open()
        assert [one.attempt for one in await bench.ended()] == [1]


async def test_an_outage_of_the_journal_shorter_than_the_lease_is_survived(
    bench: Bench, long: Long, logged: Logged
) -> None:
    async with at_work(bench, long):
        bench.watch.fail("renew", JournalUnavailable("down"), JournalUnavailable("down"))
        await pass_time(bench, 2 * LEASE)
        assert len(logged("a hold was not renewed")) == 2
        long.open()
        assert [one.status for one in await bench.ended()] == ["complete"]


async def test_a_hold_that_ran_out_and_that_nobody_took_is_kept(bench: Bench, long: Long) -> None:
    async with at_work(bench, long):
        bench.watch.fail("renew", *[JournalUnavailable("down")] * 6)
        await pass_time(bench, 3 * LEASE)
        long.open()
        assert [one.status for one in await bench.ended()] == ["complete"]


async def test_an_error_nobody_thought_of_does_not_end_the_renewing(bench: Bench, long: Long, logged: Logged) -> None:
    async with at_work(bench, long):
        bench.watch.fail("renew", ValueError("odd"))
        bench.watch.fail("extend", ValueError("odd"))
        await pass_time(bench, LEASE)
        assert (bench.watch.count("renew"), bench.watch.count("extend")) == (3, 3)
        assert [one["error"] for one in logged("a hold was not renewed")] == ["odd"]
        assert [one["error"] for one in logged("a delivery was not extended")] == ["odd"]


async def test_a_lost_delivery_with_a_live_hold_is_harmless(bench: Bench, long: Long, logged: Logged) -> None:
    async with at_work(bench, long):
        bench.watch.fail("extend", *[BusUnavailable("down")] * 3)
        await pass_time(
            bench, LEASE + 5
        )  # the delivery runs out; the worker's free slot gets the copy, and gives it back
        assert len(logged("held elsewhere")) == 1
        assert logged("fenced") == []
        long.open()
        assert [one.status for one in await bench.ended()] == ["complete"]
        await pass_time(bench, LEASE)  # the copy comes back, and finds that it ended
        first, second = await bench.ended(2)
        assert first == second
        assert await bench.stats() == (0, 0, 0)


async def test_a_bus_that_hangs_keeps_no_hold_from_being_renewed(bench: Bench, long: Long) -> None:
    async with at_work(bench, long):
        gate = bench.watch.hold_up("extend")
        await pass_time(bench, 2 * LEASE)
        assert bench.watch.count("renew") == 6
        assert bench.watch.count("extend") == 1  # nobody queues up behind it
        gate.set()


async def test_one_task_whose_renewal_hangs_keeps_no_other_from_being_renewed(bench: Bench) -> None:
    long = Long("task-1", "task-2")
    async with at_work(bench, long):
        gate = bench.watch.hold_up("renew task/task-1")
        await pass_time(bench, LEASE)
        assert (bench.watch.count("renew task/task-1"), bench.watch.count("renew task/task-2")) == (1, 3)
        gate.set()


async def test_a_hold_that_another_worker_took_stops_the_task_in_one_line_and_with_no_trace(
    bench: Bench, long: Long, logged: Logged
) -> None:
    async with at_work(bench, long):
        bench.watch.fail("renew", *[JournalUnavailable("frozen")] * 3)
        await pass_time(bench, LEASE + 5)
        await bench.journal.take(stream_of("task-1"), "another", LEASE)
        bench.watch.verbs.clear()
        await pass_time(bench, LEASE / 3)
        (line,) = logged("fenced")
        assert (line["epoch"], line["current_epoch"], line["refused"]) == (1, 2, "renewal")
        assert {"ack", "append results.beth"}.isdisjoint(bench.watch.verbs)
        assert await bench.kinds() == []
        assert bench.hooks.last("after_task").outcome == "fenced"


async def test_a_task_that_is_slow_to_stop_is_fenced_in_one_line_all_the_same(bench: Bench, logged: Logged) -> None:
    broom = Gate()

    class Slow(Long):
        async def __call__(self, task: Task, ctx: Context) -> Result:
            try:
                return await super().__call__(task, ctx)
            finally:
                await broom()

    async with at_work(bench, Slow()):
        bench.watch.fail("renew", *[JournalUnavailable("frozen")] * 3)
        await pass_time(bench, LEASE + 5)
        await bench.journal.take(stream_of("task-1"), "another", 1000)
        await pass_time(bench, LEASE / 3)
        await broom.is_reached()
        bench.watch.verbs.clear()
        await pass_time(bench, LEASE)
        assert bench.watch.count("renew") == 3
        assert len(logged("fenced")) == 1
        broom.open()


async def test_losing_a_hold_that_was_given_up_is_no_fence(bench: Bench, long: Long, logged: Logged) -> None:
    async with at_work(bench, long):
        publishing = bench.watch.hold_up("append results.beth")
        long.open()
        await bench.watch.until("drop")
        await bench.journal.take(stream_of("task-1"), "another", LEASE)
        await pass_time(bench, LEASE)
        assert bench.watch.count("renew") == 0
        assert bench.watch.count("extend") >= 2  # still being published: nobody else need do it
        publishing.set()
        assert len(await bench.ended()) == 1
        assert logged("fenced") == []


async def test_a_renewal_that_was_under_way_when_the_task_ended_is_no_fence(
    bench: Bench, long: Long, logged: Logged
) -> None:
    async with at_work(bench, long):
        gate = bench.watch.hold_up("renew")
        await pass_time(bench, LEASE / 3)
        long.open()
        await bench.ended()
        await bench.journal.take(stream_of("task-1"), "another", LEASE)
        gate.set()
        await settled()
        assert logged("fenced") == []


async def test_a_copy_is_not_extended_while_it_only_looks(bench: Bench) -> None:
    await bench.journal.take(stream_of("task-1"), "another", 1000)
    worker = bench.worker()
    running = asyncio.ensure_future(worker.run())
    gate = bench.watch.hold_up("release")
    await bench.publish()
    await bench.watch.until("release")
    await pass_time(bench, LEASE / 3)
    assert (bench.watch.count("extend"), bench.watch.count("renew")) == (0, 0)
    gate.set()
    await settled()
    worker.stop()
    await soon(worker.drained.wait())
    await bench.bus.close()
    await soon(running)
