"""Beth killed, cut off from her servers, overtaken by another: what she does about a request all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beth_agent_beth.conftest import (
    TTL,
    Killed,
    Life,
    Office,
    Through,
    inputs,
    once,
    result_of,
)
from beth_agent_beth.fold import facts
from beth_sdk.clock import SystemClock
from beth_sdk.errors import BusUnavailable, JournalUnavailable
from beth_sdk.messages import Result

STREAM = facts.stream_of("r")


# -- crashes and outages ----------------------------------------------------------------------


async def test_a_task_is_journaled_before_it_is_published(office: Office) -> None:
    await office.submit()
    bus = Through(office.bus)
    seen: list[str] = []

    def look(*_: object) -> None:
        seen.extend(kind for kind, *_ in office.journal._store.stream(STREAM).entries)

    bus.before["publish"] = look
    await office.beth(bus=bus.as_bus).attend("r")
    assert seen == [facts.RECEIVED, facts.PLANNED, facts.PUBLISHING]


async def test_a_beth_killed_between_append_and_publish_publishes_when_she_is_started_again(office: Office) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    bus.before["publish"] = once(Killed(), lambda queue, *_: queue == "tasks.b")
    with pytest.raises(Killed):
        await office.beth(bus=bus.as_bus).attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.1"]
    await office.beth().attend("r", reconcile=True)
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"]
    assert (await office.kinds()).count(facts.PUBLISHING) == 2


async def test_what_an_outage_kept_from_being_published_is_published_by_the_next_attempt(office: Office) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    bus.before["publish"] = once(BusUnavailable("away"), lambda queue, *_: queue == "tasks.a")
    beth = office.beth(bus=bus.as_bus)
    with pytest.raises(BusUnavailable):
        await beth.attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"], "the others were tried"
    await beth.attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.1"]


async def test_an_append_whose_answer_was_lost_is_not_done_twice(office: Office) -> None:
    await office.submit("a")
    journal = Through(office.journal)
    journal.after["append"] = once(JournalUnavailable("away"), lambda stream, new: new[0].kind == facts.PUBLISHING)
    beth = office.beth(journal=journal.as_journal)
    with pytest.raises(JournalUnavailable):
        await beth.attend("r")
    await beth.attend("r")
    assert [task.id for task in await office.queued("a")] == ["r.1"]
    assert await office.kinds() == [facts.RECEIVED, facts.PLANNED, facts.PUBLISHING]


async def killed_once(office: Office, verb: str, when: str, nth: int) -> bool:
    """Take a request to its end, the first Beth killed at the nth call of that verb; returns whether she was."""
    name = f"r-{verb}-{when}-{nth}"
    await office.submit("a", "b: a", request_id=name)
    life = Life(nth)
    journal, bus = Through(office.journal, life), Through(office.bus, life)
    for one in (journal, bus):
        getattr(one, when)[verb] = life.hit
    beth = office.beth(bus=bus.as_bus, journal=journal.as_journal)
    results: list[Result] = []
    while not (await office.state(name)).ended:
        try:
            await beth.attend(name, inputs(*results), reconcile=True)
        except Killed:
            office.clock.advance(TTL + 1)  # whatever she held runs out
            beth = office.beth()
        else:
            results = [await office.end(result_of(task)) for task in await office.queued("a", "b")]
    kinds = await office.kinds(name)
    assert (await office.state(name)).status == "complete"
    assert (kinds.count(facts.PUBLISHING), kinds.count(facts.TAKEN), kinds.count(facts.ENDED)) == (2, 2, 1)
    return life.over


@pytest.mark.parametrize(("verb", "least"), [("append", 6), ("publish", 2), ("take", 3), ("drop", 3)])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_anywhere_she_goes_on_and_each_task_has_one_result(
    office: Office, verb: str, when: str, least: int
) -> None:
    kills = 0
    while await killed_once(office, verb, when, kills + 1):
        kills += 1
    assert kills >= least


# -- several Beths ----------------------------------------------------------------------------


async def test_two_beths_at_once_publish_each_task_once_and_accept_one_result_each(office: Office) -> None:
    await office.submit("a", "b", "c: a b", "d: c")
    clock = SystemClock()
    beths = [office.beth(clock=clock), office.beth(clock=clock)]
    await asyncio.gather(*(beth.attend("r") for beth in beths))
    done: list[str] = []
    while tasks := await office.queued("a", "b", "c", "d"):
        done += [task.id for task in tasks]
        both = inputs(*(result_of(task) for task in tasks))
        await asyncio.gather(*(beth.attend("r", both) for beth in beths))
    assert done == ["r.1", "r.2", "r.3", "r.4"]
    kinds = await office.kinds()
    assert (kinds.count(facts.PUBLISHING), kinds.count(facts.TAKEN), kinds.count(facts.ENDED)) == (4, 4, 1)


async def test_the_same_beth_may_be_asked_twice_at_once(office: Office) -> None:
    await office.submit("a", "b")
    beth = office.beth()
    await asyncio.gather(*(beth.attend("r") for _ in range(5)))
    assert (await office.kinds()).count(facts.PLANNED) == 1
    assert len(await office.queued("a", "b")) == 2


async def test_a_beth_that_was_fenced_sees_what_the_other_did_and_goes_on_from_there(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.submit("a", "b: a")
    journal = Through(office.journal)
    slow = office.beth(journal=journal.as_journal)
    await slow.attend("r")
    task = await office.one_queued("a")
    other = office.beth()

    async def overtake() -> None:
        office.clock.advance(TTL + 1)
        await other.attend("r", inputs(result_of(task, result="other")))

    async def frozen_append(*arguments: Any, **options: Any) -> Any:
        del journal.append
        await overtake()
        return await office.journal.append(*arguments, **options)

    journal.append = frozen_append  # type: ignore[attr-defined]
    state = await slow.attend("r", inputs(result_of(task, result="slow")))
    assert state is not None
    assert state.tasks["r.1"].result is not None
    assert state.tasks["r.1"].result.result == "other"
    assert [one.id for one in await office.queued("b")] == ["r.2"]
    assert (await office.kinds()).count(facts.TAKEN) == 1
    assert caplog.messages.count("fenced") == 1
    assert state.version == (await office.state()).version


async def test_what_another_beth_published_may_have_to_be_published_again(office: Office) -> None:
    await office.submit("a", "b: a")
    dying, beth = office.beth(), office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    assert not beth.others_work("r")
    await dying.attend("r", inputs(result_of(task)))
    await office.queued("b")  # as if she had died before
    await beth.attend("r", inputs(result_of(task)))
    assert beth.others_work("r")
    await beth.attend("r", reconcile=True)
    assert not beth.others_work("r")
