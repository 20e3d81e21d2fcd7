"""Beth as a service through outages and crashes, and what she does not keep for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from beth_agent_beth.conftest import TTL, Killed, Office, Through, asking, inputs, once, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.service import LOOK_AROUND_EVERY, PLACES, TRY_AGAIN
from beth_agent_beth.test_service import RETENTION, ended, idle, meanwhile, next_task, send, serving, until
from beth_sdk.errors import BusUnavailable, JournalUnavailable

# -- outages and crashes ----------------------------------------------------------------------


async def test_an_outage_of_the_bus_is_waited_out(office: Office) -> None:
    bus = Through(office.bus)
    async with serving(office, bus=bus.as_bus):
        await idle(office)
        bus.before["read"] = once(BusUnavailable("away"))
        office.clock.advance(5)
        await idle(office)
        office.clock.advance(TRY_AGAIN)
        await office.submit()
        await send(office, result_of(await next_task(office, "a")))
        assert await ended(office) == "complete"


async def test_an_outage_at_the_start_is_waited_out(office: Office) -> None:
    await office.submit()
    bus, journal = Through(office.bus), Through(office.journal)
    bus.before["tail"] = once(BusUnavailable("away"))
    journal.before["take"] = once(JournalUnavailable("away"))
    async with serving(office, bus=bus.as_bus, journal=journal.as_journal):
        for _ in range(2):
            await office.clock.until_sleeping()
            office.clock.advance(TRY_AGAIN)
        assert (await next_task(office, "a")).id == "r.1"


async def test_tasks_that_an_outage_kept_from_being_published_are_published_after_it(office: Office) -> None:
    bus = Through(office.bus)
    async with serving(office, bus=bus.as_bus):
        await office.submit("a", "b: a")
        task = await next_task(office, "a")
        await idle(office)
        bus.before["publish"] = once(BusUnavailable("away"))
        await send(office, result_of(task))
        assert (await meanwhile(office, next_task(office, "b"))).id == "r.2"
    assert bus.calls.count("publish") == 3


async def test_a_new_request_that_an_outage_kept_from_its_tasks_gets_them_after_it(office: Office) -> None:
    bus = Through(office.bus)
    async with serving(office, bus=bus.as_bus):
        await idle(office)
        bus.before["publish"] = once(BusUnavailable("away"))
        await office.submit()
        assert (await meanwhile(office, next_task(office, "a"))).id == "r.1"
    assert bus.calls.count("publish") == 2


async def idle_after(office: Office, so: Callable[[], object]) -> None:
    """Wait until something has happened and she waits again."""
    async with asyncio.timeout(10):
        while not so():
            await asyncio.sleep(0)
    await idle(office)


async def test_what_fails_otherwise_ends_her_with_its_error(office: Office) -> None:
    journal = Through(office.journal)

    async def serve() -> None:
        async with serving(office, journal=journal.as_journal) as running:
            await idle(office)
            journal.before["append"] = once(ZeroDivisionError())
            await office.submit()
            await running

    with pytest.raises(ZeroDivisionError):
        await serve()


async def test_what_a_beth_that_died_for_good_left_undone_is_done_by_the_other(office: Office) -> None:
    bus = Through(office.bus)
    bus.before["publish"] = once(Killed(), lambda queue, *_: queue == "tasks.b")
    dying = office.beth(bus=bus.as_bus)
    async with serving(office):
        await office.submit("a", "b: a")
        task = await next_task(office, "a")
        await idle(office)
        with pytest.raises(Killed):
            await dying.attend("r", inputs(result_of(task)))
        await send(office, result_of(task))  # she reads it too, and it does not count any more
        assert (await meanwhile(office, next_task(office, "b"))).id == "r.2"


async def test_two_of_them_at_once_accept_one_result_for_each_task(office: Office) -> None:
    async with serving(office), serving(office):
        await office.submit("a", "b", "c: a b")
        for role in ("a", "b", "c"):
            await send(office, result_of(await next_task(office, role)))
        assert await ended(office) == "complete"
    kinds = await office.kinds()
    assert (kinds.count(facts.PUBLISHING), kinds.count(facts.TAKEN)) == (3, 3)


# -- stopping ---------------------------------------------------------------------------------


async def test_she_stops_at_once_while_another_beth_has_a_request_at_the_start(office: Office) -> None:
    await office.submit()
    await office.journal.take(facts.stream_of("r"), "another", TTL)
    async with serving(office):
        await office.clock.until_sleeping()


async def test_she_stops_at_once_while_another_beth_has_a_request(office: Office) -> None:
    async with serving(office):
        await idle(office)
        await office.journal.take(facts.stream_of("r"), "another", TTL)
        await office.submit()
        await idle(office)


async def test_a_hold_is_let_go_when_she_is_cut_off(office: Office) -> None:
    await office.submit()
    bus = Through(office.bus)
    stuck = asyncio.Event()

    async def stick(*_: object, **__: object) -> None:
        stuck.set()
        await asyncio.Event().wait()

    bus.publish = stick  # type: ignore[attr-defined]
    async with serving(office, bus=bus.as_bus):
        await stuck.wait()
    await office.journal.take(facts.stream_of("r"), "next", TTL)


# -- keeping ----------------------------------------------------------------------------------


async def test_ended_requests_are_archived_with_their_tasks_when_their_time_is_over(office: Office) -> None:
    async with serving(office):
        await office.submit()
        await office.submit(request_id="open")
        tasks = {one.request_id: one for one in [await next_task(office, "a") for _ in range(2)]}
        await send(office, result_of(tasks["r"]))
        assert await ended(office) == "complete"
        await idle(office)
        office.clock.advance(RETENTION - 1)
        await idle(office)
        assert [name async for name in office.journal.streams("")].count("request/r") == 1
        office.clock.advance(LOOK_AROUND_EVERY)
        await idle(office)
        left = [name async for name in office.journal.streams("") if not name.startswith(PLACES)]
        assert left == ["request/open"]
        assert (await office.state("r")).status == "complete", "it can still be read"


async def test_a_task_somebody_still_holds_puts_the_archiving_off(office: Office) -> None:
    async with serving(office):
        await office.submit()
        await send(office, result_of(await next_task(office, "a")))
        assert await ended(office) == "complete"
        await idle(office)
        hold = await office.journal.take("task/r.1", "worker", 2 * RETENTION)
        office.clock.advance(RETENTION + LOOK_AROUND_EVERY)
        await idle(office)
        assert "request/r" in [name async for name in office.journal.streams("")]
        await office.journal.drop(hold)
        office.clock.advance(LOOK_AROUND_EVERY)
        await idle(office)
        assert "request/r" not in [name async for name in office.journal.streams("")]


async def test_requests_that_ended_are_not_read_each_time_she_looks_around(office: Office) -> None:
    beth = office.beth()
    for number in range(20):
        await office.submit(request_id=f"r{number}")
        await beth.attend(f"r{number}")
        await beth.attend(f"r{number}", inputs(result_of(await office.one_queued("a"))))
    journal = Through(office.journal)
    async with serving(office, journal=journal.as_journal):
        await idle(office)
        assert journal.calls.count("read") >= 20
        journal.calls.clear()
        office.clock.advance(LOOK_AROUND_EVERY)
        await idle_after(office, lambda: "streams" in journal.calls)
        assert journal.calls.count("read") == 0


async def test_a_request_that_waits_for_an_answer_is_not_read_either(office: Office) -> None:
    journal = Through(office.journal)
    async with serving(office, journal=journal.as_journal):
        await office.submit()
        await send(office, asking(await next_task(office, "a")))
        await until(office, "r", lambda state: bool(state.questions))
        await idle(office)
        journal.calls.clear()
        office.clock.advance(LOOK_AROUND_EVERY)
        await idle_after(office, lambda: "streams" in journal.calls)
        assert journal.calls.count("read") == 0
