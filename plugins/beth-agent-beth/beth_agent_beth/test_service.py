"""Beth as a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Killed, Office, Through, once, plan_of, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.service import KEEP_PLACE_EVERY, LOOK_AROUND_EVERY, PLACES, Beth
from beth_sdk import history, schema
from beth_sdk.bus.base import BEGINNING, Bus, Cursor, Message
from beth_sdk.errors import CursorExpired
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.messages import Control, Result, Task
from beth_sdk.publish import publish_result, send_control
from beth_sdk.settings import Settings

RETENTION = 30 * 86_400.0
CHORES = 4
"""How many of her chores sleep when there is nothing to do."""

T = TypeVar("T")


async def until(office: Office, request_id: str, so: Callable[[RequestState], bool]) -> RequestState:
    """Wait until the request is as `so` wants it; each change of it comes with an event."""
    cursor = await office.bus.tail("events")
    async with asyncio.timeout(10):
        while True:
            state = await office.state(request_id)
            if so(state):
                return state
            page = await office.bus.read("events", cursor, wait=1e9)
            cursor = page[-1][0] if page else cursor


async def ended(office: Office, request_id: str = "r") -> str:
    return (await until(office, request_id, lambda state: state.ended)).status


async def next_task(office: Office, role: str) -> Task:
    """Wait for a task of a role, and take it out of its queue."""
    async with asyncio.timeout(10):
        (delivery,) = await office.bus.receive([f"tasks.{role}"], "test", 1e9)
    await office.bus.ack(delivery)
    return schema.decode(Task, delivery.body)


async def meanwhile(office: Office, work: Coroutine[Any, Any, T]) -> T:
    """Let time pass, second by second, until `work` is done; a few minutes at most."""
    doing = asyncio.ensure_future(work)
    for _ in range(300):
        for _ in range(100):  # turns of the loop, so that everybody does what there is to do at this moment
            await asyncio.sleep(0)
        if doing.done():
            return doing.result()
        office.clock.advance(1.0)
    doing.cancel()
    raise AssertionError("minutes have passed")


async def send(office: Office, result: Result) -> None:
    """What a worker does when a task is done."""
    await publish_result(office.bus, "results.beth", await office.end(result))


def settings() -> Settings:
    return Settings(bus_url="memory://", journal_url="memory://", home=Path("unused"), retention=RETENTION)


@asynccontextmanager
async def serving(
    office: Office, *, bus: Bus | None = None, journal: Journal | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """A Beth at work; she is told to stop at the end, and must do so at once."""
    stop = asyncio.Event()
    running = asyncio.ensure_future(
        Beth(lambda _: None).run(
            bus or office.bus, journal or office.journal, settings(), stop, clock=office.clock, hooks=office.hooks
        )
    )
    try:
        yield running
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running


async def idle(office: Office) -> None:
    """Wait until she has looked around and waits for input."""
    async with asyncio.timeout(10):
        await office.clock.until_sleeping(CHORES)


async def test_she_takes_requests_to_their_end(office: Office) -> None:
    async with serving(office):
        await office.submit("a", "b: a")
        await send(office, result_of(await next_task(office, "a")))
        await send(office, result_of(await next_task(office, "b")))
        assert await ended(office) == "complete"


async def test_what_happened_while_she_was_away_is_taken_in_when_she_starts(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    await send(office, result_of(await office.one_queued("a")))
    async with serving(office):
        assert (await next_task(office, "b")).id == "r.2"


async def test_a_submission_whose_nudge_was_lost_is_found(office: Office) -> None:
    async with serving(office):
        await idle(office)
        await requests.submit(Through(_Deaf(office.bus)).as_bus, office.journal, "x", plan=plan_of("a"), request_id="r")
        await idle(office)
        assert await office.kinds() == [facts.RECEIVED]
        office.clock.advance(LOOK_AROUND_EVERY)
        assert (await next_task(office, "a")).id == "r.1"


class _Deaf:
    """A bus on which nothing that is appended to a topic arrives."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def append(self, topic: str, message: Message) -> None:
        return


async def test_results_and_controls_that_break_the_contract_are_passed_over(office: Office) -> None:
    async with serving(office):
        await office.submit()
        task = await next_task(office, "a")
        for topic in ("results.beth", "control.beth"):
            await office.bus.append(topic, Message("x", b"\xff not json"))
            await office.bus.append(topic, Message("x", b'{"task_id": "../../etc", "status": "complete"}'))
        await send(office, result_of(task))
        assert await ended(office) == "complete"


async def test_results_of_other_peoples_tasks_and_forged_ones_are_passed_over(office: Office) -> None:
    async with serving(office):
        for name in ("r", "other"):
            await office.submit(request_id=name)
        tasks = {(await next_task(office, "a")).request_id or "" for _ in range(2)}
        assert tasks == {"r", "other"}
        task = (await office.state("r")).tasks["r.1"].task
        assert task is not None
        for forged in (
            result_of(task.with_(id="task-abc123"), request_id=None),
            result_of(task, request_id="other"),
            result_of(task, request_id="nobody"),
            result_of(task.with_(continuation=7)),
        ):
            await publish_result(office.bus, "results.beth", forged)
        await send(office, result_of(task, result="mine"))
        state = await until(office, "r", lambda state: state.ended)
        assert state.tasks["r.1"].result is not None
        assert state.tasks["r.1"].result.result == "mine"
        assert not (await office.state("other")).ended


async def test_a_result_without_a_requests_id_is_known_by_its_task(office: Office) -> None:
    async with serving(office):
        await office.submit()
        await send(office, result_of(await next_task(office, "a"), request_id=None))
        assert await ended(office) == "complete"


async def test_she_goes_on_from_the_place_she_wrote_down(office: Office) -> None:
    async with serving(office):
        await office.submit("a", "b")
        await idle(office)
        office.clock.advance(KEEP_PLACE_EVERY)
        await send(office, result_of(await next_task(office, "a")))
        await until(office, "r", lambda state: state.tasks["r.1"].status == "complete")
        await idle(office)
    place = await office.bus.tail("results.beth")
    (stream,) = [name async for name in office.journal.streams(PLACES)]
    assert [entry.fact.data async for entry in office.journal.read(stream)] == [{"cursor": place}]

    bus = Through(office.bus)
    read: list[tuple[str, Cursor]] = []
    bus.before["read"] = lambda topic, after: read.append((topic, after))
    async with serving(office, bus=bus.as_bus):
        await idle(office)
    assert ("results.beth", place) in read
    assert ("results.beth", BEGINNING) not in read


async def test_the_place_is_written_down_now_and_then(office: Office) -> None:
    async with serving(office):
        await office.submit("a", "b")
        for role in ("a", "b"):
            await send(office, result_of(await next_task(office, role)))
        assert await ended(office) == "complete"
        await idle(office)
    assert [name async for name in office.journal.streams(PLACES)] == []


async def test_the_place_is_not_written_down_before_what_was_read_is_taken(office: Office) -> None:
    async with serving(office):
        await office.submit()
        task = await next_task(office, "a")
    journal = Through(office.journal)
    journal.before["append"] = once(Killed(), lambda stream, new: new[0].kind == facts.TAKEN)
    office.clock.advance(KEEP_PLACE_EVERY)
    await publish_result(office.bus, "results.beth", result_of(task))  # and no journal knows it
    with pytest.raises(Killed):
        async with serving(office, journal=journal.as_journal) as running:
            await running
    async with serving(office):
        assert await ended(office) == "complete"


async def test_results_that_were_trimmed_are_looked_up_in_the_journals(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    task = await office.one_queued("a")
    bus = Through(office.bus)
    async with serving(office, bus=bus.as_bus):
        await idle(office)
        await office.end(result_of(task))  # the result itself never shows
        bus.before["read"] = once(CursorExpired("results.beth", "1", "2"), lambda topic, *_: topic == "results.beth")
        office.clock.advance(10)
        assert (await next_task(office, "b")).id == "r.2"


async def test_a_redrive_is_acted_on_when_she_is_told(office: Office) -> None:
    async with serving(office):
        await office.submit()
        task = await next_task(office, "a")
        await send(office, result_of(task, "failed"))
        assert await ended(office) == "failed"
        again = await redriven(office, task)
        await send_control(office.bus, "beth", Control(kind="resume", task_id="r.1", request_id="r"))
        await until(office, "r", lambda state: not state.ended)
        await send(office, result_of(again))
        assert await ended(office) == "complete"


async def test_a_redrive_while_she_was_away_is_found_when_she_starts(office: Office) -> None:
    async with serving(office):
        await office.submit()
        task = await next_task(office, "a")
        await send(office, result_of(task, "failed"))
        assert await ended(office) == "failed"
    again = await redriven(office, task)
    async with serving(office):
        await until(office, "r", lambda state: not state.ended)
        await send(office, result_of(again))
        assert await ended(office) == "complete"


async def redriven(office: Office, task: Task) -> Task:
    again = task.with_(continuation=task.continuation + 1)
    fact = Fact(history.REDRIVEN, {"continuation": again.continuation, "task": again.to_json()})
    await office.journal.append(history.stream_of(task.id), [fact], key="redriven")
    return again
