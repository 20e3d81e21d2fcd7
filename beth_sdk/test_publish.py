"""Topics, keys and headers of what goes onto the bus."""

from __future__ import annotations

from typing import Any

import pytest

from beth_sdk import publish, schema, trace
from beth_sdk.bus.base import BEGINNING
from beth_sdk.bus.memory import MemoryBus, open_bus
from beth_sdk.errors import LoopRefused, MessageTooLarge
from beth_sdk.messages import Control, Result, Task
from beth_sdk.testing import ManualClock


@pytest.fixture
async def bus() -> MemoryBus:
    return await open_bus("memory://", clock=ManualClock())


def a_task(**changes: Any) -> Task:
    fields = {
        "id": "task-1",
        "type": "implement",
        "agent": "developer",
        "payload": {"description": "x"},
        "timestamp": "2026-01-30T10:00:00Z",
    }
    return schema.parse(Task, {**fields, **changes})


async def test_a_task_goes_to_its_roles_queue_under_its_key_with_its_journal_and_trace(bus: MemoryBus) -> None:
    parent = trace.start()
    await publish.publish_task(bus, a_task(continuation=2, priority=0), journal_id="j-1", traceparent=parent)
    (delivery,) = await bus.receive(["tasks.developer"], "w", 0)
    assert (delivery.key, delivery.priority) == ("task-1:2", 0)
    assert delivery.headers[publish.JOURNAL_HEADER] == "j-1"
    assert delivery.headers["content-type"] == "application/json"
    assert trace.trace_id(delivery.headers[trace.HEADER]) == trace.trace_id(parent)
    assert schema.decode(Task, delivery.body) == a_task(continuation=2, priority=0)


async def test_publishing_a_task_twice_is_one_task(bus: MemoryBus) -> None:
    for _ in range(2):
        await publish.publish_task(bus, a_task(), journal_id="j-1")
    assert (await bus.stats("tasks.developer")).ready == 1


async def test_a_task_can_go_to_another_queue_and_be_handed_out_later(bus: MemoryBus) -> None:
    await publish.publish_task(bus, a_task(), journal_id="j-1", queue="tasks.documentation", delay=5.0)
    assert (await bus.stats("tasks.documentation")).delayed == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ancestors": ["a", "task-1", "b"]}, "its own ancestor"),
        ({"ancestors": ["a", "b", "c"], "max_hops": 2}, "more than 2 hops"),
    ],
)
async def test_a_task_that_would_go_round_is_refused_with_its_chain(
    bus: MemoryBus, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(LoopRefused, match=reason) as refused:
        await publish.publish_task(bus, a_task(**changes), journal_id="j-1")
    assert refused.value.chain == (*changes["ancestors"], "task-1")
    assert (await bus.stats("tasks.developer")).ready == 0


async def test_a_task_with_as_many_hops_as_it_may_have_is_published(bus: MemoryBus) -> None:
    await publish.publish_task(bus, a_task(ancestors=["a", "b"], max_hops=2), journal_id="j-1")
    assert (await bus.stats("tasks.developer")).ready == 1


async def test_a_message_over_the_limit_is_refused_before_it_reaches_the_bus(bus: MemoryBus) -> None:
    result = schema.parse(Result, {"task_id": "task-1", "status": "complete", "result": "x" * 300_000})
    with pytest.raises(MessageTooLarge):
        await publish.publish_result(bus, "results.beth", result)
    assert await bus.read("results.beth", BEGINNING) == []


async def test_a_result_is_kept_in_the_order_of_its_task(bus: MemoryBus) -> None:
    parent = trace.start()
    result = schema.parse(Result, {"task_id": "task-1", "status": "complete", "result": 1})
    await publish.publish_result(bus, "results.beth", result, traceparent=parent)
    ((_, message),) = await bus.read("results.beth", BEGINNING)
    assert message.key == "task-1"
    assert schema.decode(Result, message.body) == result
    assert trace.trace_id(message.headers[trace.HEADER]) == trace.trace_id(parent)


@pytest.mark.parametrize(("fields", "key"), [({"task_id": "t"}, "t"), ({"request_id": "r"}, "r"), ({}, "developer")])
async def test_a_control_message_is_kept_in_the_order_of_what_it_is_about(
    bus: MemoryBus, fields: dict[str, str], key: str
) -> None:
    await publish.send_control(bus, "developer", schema.parse(Control, {"kind": "drain", **fields}))
    ((_, message),) = await bus.read("control.developer", BEGINNING)
    assert message.key == key
