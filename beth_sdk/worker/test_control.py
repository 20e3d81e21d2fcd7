"""Control messages: they hasten what stands in the journal, and are nothing without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from beth_sdk.bus.base import Message
from beth_sdk.errors import CursorExpired, JournalUnavailable
from beth_sdk.worker.conftest import (
    CONTROL,
    Bench,
    Logged,
    settled,
    soon,
)
from beth_sdk.worker.health import check
from beth_sdk.worker.test_worker import Gated, Serving, served, tasks


@pytest.fixture
async def serving(bench: Bench) -> AsyncIterator[Serving]:
    async with served(bench) as serving:
        yield serving


async def test_a_control_message_hastens_a_cancel(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent))
    await bench.publish(*tasks(2))
    await agent.running(2)
    await bench.told("cancel", "enough")
    await bench.control("cancel", task_id="task-1")
    assert [(one.task_id, one.status) for one in await bench.ended()] == [("task-1", "cancelled")]


async def test_a_control_message_alone_cancels_nothing(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    worker = bench.worker(agent)
    await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    await bench.control("cancel", task_id="task-1")
    await settled()
    assert worker.running == 1
    agent.gates["task-1"].open()
    assert [one.status for one in await bench.ended()] == ["complete"]


async def test_a_control_message_for_a_request_is_for_all_its_tasks(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent))
    await bench.publish(*tasks(2))
    await agent.running(2)
    for task in tasks(2):
        await bench.told("cancel", task_id=task.id)
    await bench.control("cancel", request_id="req-1")
    assert [one.status for one in await bench.ended(2)] == ["cancelled"] * 2


async def test_nonsense_among_control_messages_and_an_outage_do_not_end_the_listening(
    bench: Bench, serving: Serving, logged: Logged
) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent))
    await bench.publish()
    await agent.running(1)
    await bench.told("cancel")
    await bench.bus.append(CONTROL, Message("x", b"nonsense"))
    bench.watch.fail("read", JournalUnavailable("down"))
    await bench.control("cancel", task_id="task-1")
    await settled()
    assert len(logged("not a control message of this contract")) == 1
    assert logged("a control message had no effect") == [{"task_id": "task-1", "error": "down"}]
    await bench.control("cancel", task_id="task-1")
    assert [one.status for one in await bench.ended()] == ["cancelled"]


async def test_a_journal_that_hangs_for_one_task_holds_up_neither_the_others_nor_the_health_file(
    bench: Bench, serving: Serving
) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent, concurrency=2))
    await bench.publish(*tasks(2))
    await agent.running(2)
    hanging = bench.watch.hold_up("read task/task-1")
    await bench.control("tell", task_id="task-1")
    await settled()
    before = len(asyncio.all_tasks())
    for _ in range(50):
        await bench.control("tell", task_id="task-1")
    await settled()
    assert len(asyncio.all_tasks()) == before
    await bench.told("cancel", task_id="task-2")
    await bench.control("cancel", task_id="task-2")
    assert [one.task_id for one in await bench.ended()] == ["task-2"]
    assert bench.watch.count("read task/task-1") == 1
    for _ in range(20):
        bench.clock.advance(5)
        await settled()
    assert check(bench.health_file, bench.clock) is None
    hanging.set()


async def test_what_is_said_while_a_task_looks_has_it_look_again(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent))
    await bench.publish()
    await agent.running(1)
    looking = bench.watch.hold_up("read task/task-1")
    await bench.control("tell", task_id="task-1")
    await bench.watch.until("read task/task-1")
    await bench.control("cancel", task_id="task-1")
    await settled()
    looking.set()
    await bench.watch.until("read task/task-1", 2)


async def test_control_messages_that_were_trimmed_away_are_skipped(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    await serving.start(bench.worker(agent))
    await bench.publish()
    await agent.running(1)
    bench.watch.lose_reply(f"look {CONTROL}", CursorExpired(CONTROL, "1", "2"))
    await bench.control("tell", task_id="task-1")
    await settled()
    await bench.told("cancel")
    await bench.control("cancel", task_id="task-1")
    assert [one.status for one in await bench.ended()] == ["cancelled"]


async def test_drain_stops_the_worker(bench: Bench, serving: Serving) -> None:
    agent = Gated()
    worker = bench.worker(agent)
    running = await serving.start(worker)
    await bench.publish()
    await agent.running(1)
    await bench.control("drain")
    agent.gates["task-1"].open()
    await soon(worker.drained.wait())
    assert (await bench.kinds())[-1] == "handed_over"
    await bench.bus.close()
    await soon(running)


async def test_control_messages_from_before_its_start_are_none_of_its_business(bench: Bench, serving: Serving) -> None:
    await bench.control("drain")
    worker = bench.worker()
    await serving.start(worker)
    await bench.publish()
    assert len(await bench.ended()) == 1
