"""A worker: how much it takes, what it listens to, and how it stops."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from beth_sdk.agent import Context
from beth_sdk.errors import BusUnavailable
from beth_sdk.messages import Result, Task
from beth_sdk.worker.conftest import (
    Acting,
    Bench,
    Gate,
    Logged,
    a_task,
    complete,
    settled,
    soon,
)
from beth_sdk.worker.health import check
from beth_sdk.worker.loops import LoopThread
from beth_sdk.worker.worker import LAST_WAIT, RECEIVE_WAIT, Worker


class Serving:
    """A worker that serves; ended at the end of the test."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._workers: list[tuple[Worker, asyncio.Task[None]]] = []

    async def start(self, worker: Worker) -> asyncio.Task[None]:
        running = asyncio.ensure_future(worker.run())
        self._workers.append((worker, running))
        await settled()
        return running

    async def stop(self) -> None:
        """As a host does: tell them, wait until they are drained, close the bus, wait for their end."""
        for worker, running in self._workers:
            worker.stop()
            drained = asyncio.ensure_future(worker.drained.wait())
            await soon(asyncio.wait({drained, running}, return_when=asyncio.FIRST_COMPLETED))
        await self._bench.bus.close()
        for _, running in self._workers:
            await soon(running)


@asynccontextmanager
async def served(bench: Bench) -> AsyncIterator[Serving]:
    """Nobody is left running, however the test ended."""
    serving = Serving(bench)
    yield serving
    for worker, running in serving._workers:
        worker.kill()
        for _ in range(4):
            await settled()
            bench.clock.advance(LAST_WAIT)
        await bench.bus.close()
        await soon(asyncio.wait({running}))


@pytest.fixture
async def serving(bench: Bench) -> AsyncIterator[Serving]:
    async with served(bench) as serving:
        yield serving


class Gated:
    """An agent whose tasks wait at a gate each, in the order in which they begin."""

    def __init__(self) -> None:
        self.gates: dict[str, Gate] = {}
        self.reached = asyncio.Condition()

    async def __call__(self, task: Task, ctx: Context) -> Result:
        gate = self.gates.setdefault(task.id, Gate())
        async with self.reached:
            self.reached.notify_all()
        await ctx.step("gate", gate, repeat="safe")
        return Result.complete(task.id)

    async def running(self, count: int) -> None:
        async with self.reached:
            await soon(self.reached.wait_for(lambda: len(self.gates) >= count))
        for gate in self.gates.values():
            await gate.is_reached()


def tasks(count: int) -> list[Task]:
    return [a_task(id=f"task-{number}") for number in range(1, count + 1)]


# -- taking -------------------------------------------------------------------------------


async def test_a_worker_does_tasks_one_after_the_other(bench: Bench, serving: Serving) -> None:
    await serving.start(bench.worker(complete))
    await bench.publish(*tasks(5))
    assert [one.status for one in await bench.ended(5)] == ["complete"] * 5
    assert await bench.stats() == (0, 0, 0)


async def test_a_worker_asks_for_as_many_tasks_as_it_has_free_slots_and_for_none_when_it_has_none(
    bench: Bench, serving: Serving
) -> None:
    agent = Gated()
    worker = bench.worker(agent, concurrency=3)
    await bench.publish(*tasks(4))
    await serving.start(worker)
    await agent.running(3)
    assert (worker.running, (await bench.stats())[0]) == (3, 1)
    bench.clock.advance(10 * RECEIVE_WAIT)
    await settled()
    assert [verb for verb in bench.watch.verbs if verb.startswith("receive")] == ["receive 3"]
    agent.gates["task-2"].open()
    await agent.running(4)
    assert [verb for verb in bench.watch.verbs if verb.startswith("receive")][-1] == "receive 1"


async def test_an_outage_of_the_bus_is_waited_out_ever_longer(bench: Bench, serving: Serving, logged: Logged) -> None:
    bench.watch.fail("receive", *[BusUnavailable("down")] * 8)
    await serving.start(bench.worker())
    for delay in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        bench.clock.advance(delay)
        await settled()
    assert [one["again_in"] for one in logged("cannot receive")] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    await bench.publish()
    assert len(await bench.ended()) == 1


async def test_a_worker_that_waits_out_an_outage_stops_at_once(bench: Bench, serving: Serving) -> None:
    bench.watch.fail("receive", *[BusUnavailable("down")] * 8)
    await serving.start(bench.worker())
    for _ in range(6):
        bench.clock.advance(4)
        await settled()
    await serving.stop()


async def test_a_worker_whose_receiving_breaks_ends_with_the_error_and_hands_over(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    agent = Gated()
    receiving = bench.watch.hold_up("receive 1")
    bench.watch.fail("receive 1", TypeError("a defect"))
    running = await serving.start(bench.worker(agent, concurrency=2))
    await bench.publish()
    await agent.running(1)
    receiving.set()
    await settled()
    agent.gates["task-1"].open()
    with pytest.raises(TypeError, match="a defect"):
        await soon(running)
    assert await bench.kinds() == ["started", "step_done", "handed_over"]
    assert logged("the worker cannot go on")[0]["error"] == "a defect"


async def test_a_delivery_that_fails_stops_neither_the_worker_nor_its_slot(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    bench.watch.fail("append results.beth", RuntimeError("refused"))
    worker = bench.worker(concurrency=1)
    await serving.start(worker)
    await bench.publish(*tasks(2))
    assert [one.task_id for one in await bench.ended()] == ["task-2"]
    assert logged("a delivery failed; it comes again")[0]["error"] == "refused"


async def test_an_agent_that_exits_in_a_task_of_its_own_stops_nobody(bench: Bench, serving: Serving) -> None:
    async def exits(task: Task, ctx: Context) -> Result:
        if task.id == "task-1":

            async def leave() -> None:
                raise SystemExit(3)

            await asyncio.gather(leave())
        return Result.complete(1)

    loop = LoopThread("agent").start()
    try:
        await serving.start(bench.worker(exits, agent_loop=loop, max_attempts=1))
        await bench.publish(*tasks(2))
        found = {one.task_id: one.status for one in await bench.ended(2)}
        assert found == {"task-1": "failed", "task-2": "complete"}
        await serving.stop()
    finally:
        loop.close()


async def test_an_agent_that_blocks_its_loop_keeps_its_task(bench: Bench, serving: Serving) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def blocks(task: Task, ctx: Context) -> Result:
        begun.set()
        go_on.wait()
        return Result.complete(1)

    loop = LoopThread("agent").start()
    try:
        await serving.start(bench.worker(blocks, agent_loop=loop))
        await bench.publish()
        await soon(asyncio.to_thread(begun.wait))
        for _ in range(36):
            bench.clock.advance(5)
            await settled()
        assert (bench.watch.count("renew"), await bench.stats()) == (9, (0, 0, 1))
        go_on.set()
        assert [one.attempt for one in await bench.ended()] == [1]
        await serving.stop()
    finally:
        go_on.set()
        loop.close()


# -- starting -----------------------------------------------------------------------------


class Preparing(Acting):
    """An agent that takes its time to set up."""

    def __init__(self) -> None:
        super().__init__(complete)
        self.gate = Gate()

    async def setup(self) -> None:
        await self.gate()


async def test_no_task_is_taken_before_the_agent_is_set_up(bench: Bench, serving: Serving) -> None:
    agent = Preparing()
    await bench.publish()
    await serving.start(bench.worker(agent))
    assert bench.watch.count("receive") == 0
    assert bench.hooks.names == ["before_start"]
    agent.gate.open()
    assert len(await bench.ended()) == 1


@pytest.mark.parametrize("error", [ValueError("no model"), SystemExit(2)])
async def test_an_agent_that_cannot_set_up_ends_the_worker_with_its_message(
    bench: Bench, serving: Serving, error: BaseException
) -> None:
    class Unready(Acting):
        async def setup(self) -> None:
            raise error

    running = await serving.start(bench.worker(Unready(complete)))
    with pytest.raises((ValueError, RuntimeError), match=r"no model|exit\(2\)"):
        await soon(running)
    assert bench.watch.count("receive") == 0


async def test_a_worker_that_is_stopped_while_its_agent_sets_up_does_not_wait_for_it(
    bench: Bench, serving: Serving
) -> None:
    agent = Preparing()
    running = await serving.start(bench.worker(agent))
    await agent.gate.is_reached()
    await serving.stop()
    await soon(running)
    assert bench.hooks.names == ["before_start"]
    assert not agent.closed


async def test_a_worker_whose_bus_is_down_at_the_start_says_so(bench: Bench) -> None:
    worker = bench.worker()
    await bench.bus.close()
    with pytest.raises(BusUnavailable):
        await soon(worker.run())


# -- health -------------------------------------------------------------------------------


async def test_an_idle_worker_is_well(bench: Bench, serving: Serving) -> None:
    await serving.start(bench.worker())
    for _ in range(60):
        bench.clock.advance(5)
        await settled()
        assert check(bench.health_file, bench.clock) is None


async def test_a_worker_all_of_whose_slots_are_taken_for_hours_is_well(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent, concurrency=1))
    await bench.publish()
    await agent.running(1)
    for _ in range(60):
        bench.clock.advance(5)
        await settled()
        assert check(bench.health_file, bench.clock) is None
    assert json.loads(bench.health_file.read_text())["running"] == 1


async def test_a_worker_whose_bus_does_not_answer_is_not(bench: Bench, serving: Serving) -> None:
    await serving.start(bench.worker())
    bench.watch.fail("receive", *[BusUnavailable("down")] * 99)
    await bench.bus.close()
    for _ in range(8):
        bench.clock.advance(5)
        await settled()
    assert check(bench.health_file, bench.clock) is not None
