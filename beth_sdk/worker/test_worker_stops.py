"""How a worker stops: hands over, interrupts, leaves nothing behind, and waits for nobody too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from beth_sdk.agent import Context
from beth_sdk.bus.base import Outgoing
from beth_sdk.errors import BusUnavailable
from beth_sdk.messages import Result, Task
from beth_sdk.worker.conftest import (
    QUEUE,
    Acting,
    Bench,
    Gate,
    Logged,
    a_manifest,
    complete,
    settled,
    soon,
)
from beth_sdk.worker.test_worker import Gated, Serving, served, tasks
from beth_sdk.worker.worker import BOUNCE_WAIT, LAST_WAIT


@pytest.fixture
async def serving(bench: Bench) -> AsyncIterator[Serving]:
    async with served(bench) as serving:
        yield serving


async def test_an_idle_worker_stops_without_waiting_for_its_receive(bench: Bench, serving: Serving) -> None:
    agent = Acting(complete)
    running = await serving.start(bench.worker(agent))
    before = bench.clock.monotonic()
    await serving.stop()
    await soon(running)
    assert bench.clock.monotonic() == before
    assert agent.closed
    assert bench.hooks.names == ["before_start", "after_start", "before_stop", "after_stop"]


async def test_hooks_tell_how_long_the_worker_was_up(bench: Bench, serving: Serving) -> None:
    await serving.start(bench.worker())
    bench.clock.advance(100)
    await serving.stop()
    assert [bench.hooks.last(name).uptime for name in ("before_start", "after_start", "before_stop", "after_stop")] == [
        None,
        0.0,
        100.0,
        100.0,
    ]


async def test_a_worker_that_is_told_to_stop_hands_over_at_the_step_and_takes_nothing_new(
    bench: Bench, serving: Serving
) -> None:
    agent = Gated()
    worker = bench.worker(agent, concurrency=1)
    await serving.start(worker)
    await bench.publish(*tasks(2))
    await agent.running(1)
    worker.stop()
    await settled()
    assert worker.running == 1
    agent.gates["task-1"].open()
    await soon(worker.drained.wait())
    assert await bench.kinds() == ["started", "step_done", "handed_over"]
    assert await bench.stats() == (2, 0, 0)
    assert bench.watch.count("receive") == 1


async def test_a_task_that_ends_while_the_worker_drains_is_complete(bench: Bench, serving: Serving) -> None:
    gate = Gate()

    async def stepless(task: Task, ctx: Context) -> Result:
        return Result.complete(await gate())

    worker = bench.worker(stepless)
    await serving.start(worker)
    await bench.publish()
    await gate.is_reached()
    worker.stop()
    await settled()
    gate.open()
    assert [one.status for one in await bench.ended()] == ["complete"]


async def test_what_still_runs_when_the_grace_is_over_is_interrupted_and_handed_over(
    bench: Bench, serving: Serving
) -> None:
    agent = Gated()
    worker = bench.worker(agent, stop_grace=30.0)
    await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    worker.stop()
    await settled()
    bench.clock.advance(29)
    await settled()
    assert worker.running == 1
    bench.clock.advance(1)
    await settled()
    assert await bench.kinds() == ["started", "handed_over"]


async def test_a_kill_does_not_wait_for_the_grace(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    worker = bench.worker(agent)
    await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    worker.stop()
    await settled()
    worker.kill()
    await settled()
    assert await bench.kinds() == ["started", "handed_over"]


async def test_an_agent_that_eats_its_cancellation_is_left_to_its_lease(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def deaf(task: Task, ctx: Context) -> Result:
        while True:
            reached.set()
            try:
                await never.wait()
            except asyncio.CancelledError:
                continue
            return Result.complete(1)

    worker = bench.worker(deaf)
    running = await serving.start(worker)
    await bench.publish()
    await soon(reached.wait())
    worker.kill()
    await settled()
    bench.clock.advance(LAST_WAIT)
    await settled()
    bench.clock.advance(BOUNCE_WAIT)
    await soon(worker.drained.wait())
    assert logged("left to their leases") == [{"running": 1}]
    await bench.bus.close()
    await soon(running)
    assert await bench.kinds() == []
    never.set()
    await settled()


async def test_what_is_handed_over_and_comes_straight_back_is_handed_back(bench: Bench, serving: Serving) -> None:
    """A receive is under way while the worker drains; it may get the very task that was just given back."""
    agent = Gated()
    worker = bench.worker(agent, concurrency=2)
    await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    await settled()
    assert bench.watch.count("receive") == 2
    worker.stop()
    agent.gates["task-1"].open()
    await bench.watch.until("release")
    slow = bench.watch.hold_up("release")
    await bench.watch.until("release", 2)
    await settled()
    assert not worker.drained.is_set()
    slow.set()
    await soon(worker.drained.wait())
    assert await bench.stats() == (1, 0, 0)


async def test_the_last_events_are_sent_before_the_bus_may_be_closed(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    worker = bench.worker(agent)
    await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    await settled()
    gate = bench.watch.hold_up("append events")
    worker.stop()
    agent.gates["task-1"].open()
    await bench.watch.until("append events", 3)
    assert not worker.drained.is_set()
    gate.set()
    await soon(worker.drained.wait())
    assert [event.kind for event in await bench.events()] == ["accepted", "step", "handed_over"]


async def test_a_bus_that_takes_no_events_any_more_does_not_keep_a_worker_from_stopping(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    bench.watch.hold_up("append events")
    worker = bench.worker()
    await serving.start(worker)
    await bench.publish()
    await bench.ended()
    worker.stop()
    await settled()
    assert not worker.drained.is_set()
    bench.clock.advance(LAST_WAIT)
    await soon(worker.drained.wait())
    assert len(logged("sending the last events takes too long, and is not waited for")) == 1


async def test_an_agent_that_cannot_close_ends_the_worker_with_its_error_when_all_is_done(
    bench: Bench, serving: Serving
) -> None:
    class Stuck(Acting):
        async def close(self) -> None:
            raise ValueError("stuck")

    worker = bench.worker(Stuck(complete))
    running = await serving.start(worker)
    worker.stop()
    await soon(worker.drained.wait())
    await bench.bus.close()
    with pytest.raises(ValueError, match="stuck"):
        await soon(running)
    assert bench.hooks.names[-1] == "after_stop"


async def test_an_agent_that_never_closes_is_not_waited_for(bench: Bench, serving: Serving, logged: Logged) -> None:
    closing = asyncio.Event()

    class Slow(Acting):
        async def close(self) -> None:
            closing.set()
            await asyncio.Event().wait()

    worker = bench.worker(Slow(complete))
    running = await serving.start(worker)
    worker.stop()
    await soon(worker.drained.wait())
    await bench.bus.close()
    await soon(closing.wait())
    await settled()
    bench.clock.advance(LAST_WAIT)
    await soon(running)
    assert len(logged("the agent's close() takes too long, and is not waited for")) == 1


async def test_a_delivery_that_arrives_after_the_stop_is_handed_back(bench: Bench, serving: Serving) -> None:
    worker = bench.worker(concurrency=1)
    await serving.start(worker)
    worker.stop()
    await bench.bus.publish(QUEUE, Outgoing("late", b"{}"))
    await settled()
    assert bench.watch.verbs[-1] == "release 0"
    assert await bench.stats() == (1, 0, 0)


async def test_a_bus_that_was_closed_behind_its_back_ends_no_worker_in_a_spin(bench: Bench, serving: Serving) -> None:
    worker = bench.worker(manifest=a_manifest())
    await serving.start(worker)
    await bench.bus.close()
    await settled()
    assert bench.watch.count("receive") < 20
    worker.stop()


async def test_a_delivery_that_cannot_be_handed_back_waits_for_its_lease_and_the_worker_stops(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    worker = bench.worker(concurrency=1)
    await serving.start(worker)
    bench.watch.fail("release", BusUnavailable("down"))
    worker.stop()
    await bench.bus.publish(QUEUE, Outgoing("late", b"{}"))
    await settled()
    assert logged("a delivery waits for its lease to run out") == [{"key": "late", "error": "down"}]
    await serving.stop()
