"""Events on their way: in the background, bounded, never in a task's way."""

from __future__ import annotations

import asyncio

from beth_sdk import logs, schema, trace
from beth_sdk.bus.base import BEGINNING
from beth_sdk.errors import BusUnavailable
from beth_sdk.messages import Event
from beth_sdk.worker.conftest import Bench, Logged, a_task, settled, soon
from beth_sdk.worker.events import AT_ONCE, TOPIC, WAITING_AT_MOST, EventSink


def a_sink(bench: Bench) -> EventSink:
    return EventSink(bench.bus, bench.clock, logs.get("test"))


async def test_an_event_says_what_happened_to_which_task_where_and_when(bench: Bench) -> None:
    sink = a_sink(bench)
    parent = trace.start()
    sink.emit("progress", a_task(), "w-1", message="half", data={"percent": 50}, traceparent=parent)
    await soon(sink.close())
    ((_, message),) = await bench.bus.read(TOPIC, BEGINNING)
    event = schema.decode(Event, message.body).to_json()
    assert len(event.pop("id")) == 16
    assert event == {
        "kind": "progress",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "task_id": "task-1",
        "request_id": "req-1",
        "agent": "developer",
        "instance": "w-1",
        "message": "half",
        "data": {"percent": 50},
    }
    assert message.key == "req-1"
    assert trace.trace_id(message.headers[trace.HEADER]) == trace.trace_id(parent)


async def test_events_are_sent_in_order(bench: Bench) -> None:
    sink = a_sink(bench)
    for number in range(200):
        sink.emit("progress", a_task(), "w-1", message=str(number))
    await soon(sink.close())
    pages = await bench.bus.read(TOPIC, BEGINNING, limit=500)
    assert [schema.decode(Event, one.body).message for _, one in pages] == [str(number) for number in range(200)]


async def test_events_that_the_bus_is_too_slow_for_are_dropped_and_counted(bench: Bench) -> None:
    gate = bench.watch.hold_up(f"append {TOPIC}")
    sink = a_sink(bench)
    sink.emit("progress", a_task(), "w-1")
    await bench.watch.until(f"append {TOPIC}")  # one is on its way, nothing waits
    for _ in range(WAITING_AT_MOST + 5):
        sink.emit("progress", a_task(), "w-1")
    assert sink.dropped == 5
    gate.set()
    await soon(sink.close())
    assert len(await bench.bus.read(TOPIC, BEGINNING, limit=5000)) == WAITING_AT_MOST + 1


async def test_not_more_than_some_events_are_on_their_way_at_once(bench: Bench) -> None:
    gate = bench.watch.hold_up(f"append {TOPIC}")
    sink = a_sink(bench)
    for _ in range(500):
        sink.emit("progress", a_task(), "w-1")
    await settled()
    assert bench.watch.count(f"append {TOPIC}") == AT_ONCE
    gate.set()
    await soon(sink.close())


async def test_events_that_the_bus_refuses_are_counted_told_in_one_line_and_later_ones_are_sent(
    bench: Bench, logged: Logged
) -> None:
    bench.watch.fail(f"append {TOPIC}", BusUnavailable("down"), BusUnavailable("down"))
    sink = a_sink(bench)
    for _ in range(2):
        sink.emit("progress", a_task(), "w-1")
    await settled()
    sink.emit("progress", a_task(), "w-1", message="later")
    await soon(sink.close())
    assert sink.dropped == 2
    assert logged("events were lost") == [{"number": 2, "error": "down"}]
    assert [event.message for event in await bench.events()] == ["later"]


async def test_an_event_that_breaks_the_contract_is_dropped_with_a_warning(bench: Bench, logged: Logged) -> None:
    sink = a_sink(bench)
    sink.emit("progress", a_task(), "w-1", data={"what": object()})
    sink.emit("progress", a_task(), "w-1", data={"what": "x" * 300_000})
    await soon(sink.close())
    assert await bench.events() == []
    assert len(logged("an event that breaks the contract was dropped")) == 1
    assert "262,144" in logged("events were lost")[0]["error"]


async def test_closing_sends_what_waits_and_can_be_repeated(bench: Bench) -> None:
    sink = a_sink(bench)
    sink.emit("progress", a_task(), "w-1")
    await soon(asyncio.gather(sink.close(), sink.close()))
    await soon(sink.close())
    assert len(await bench.events()) == 1
