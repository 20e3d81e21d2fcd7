"""A request while its hold is held."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beth_agent_beth.conftest import TTL, Office, Through, once, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.held import HeldRequest, holding
from beth_sdk.errors import Held, HoldLost, JournalUnavailable
from beth_sdk.journal.base import Fact, Hold

STREAM = facts.stream_of("r")


async def test_a_hold_is_dropped_when_its_user_is_done_also_with_an_error(office: Office) -> None:
    with pytest.raises(ValueError, match="oh"):
        async with holding(office.journal, office.clock, STREAM, "one", TTL):
            raise ValueError("oh")
    hold = await office.journal.take(STREAM, "two", TTL)
    assert hold.epoch == 2


async def test_a_hold_that_is_used_for_long_is_renewed(office: Office) -> None:
    async with holding(office.journal, office.clock, STREAM, "one", TTL) as hold:
        for _ in range(9):
            await office.clock.until_sleeping()
            office.clock.advance(TTL / 3)
            await asyncio.sleep(0)
        await office.clock.until_sleeping()
        await office.journal.append(STREAM, [Fact("x")], key="x", hold=hold)
        with pytest.raises(Held):
            await office.journal.take(STREAM, "two", TTL)


async def test_a_renewal_that_fails_is_tried_again(office: Office) -> None:
    journal = Through(office.journal)
    journal.before["renew"] = once(JournalUnavailable("away"))
    async with holding(journal.as_journal, office.clock, STREAM, "one", TTL):
        for _ in range(2):
            await office.clock.until_sleeping()
            office.clock.advance(TTL / 3)
            await asyncio.sleep(0)
        await office.clock.until_sleeping()
        assert journal.calls.count("renew") == 2


async def test_somebody_elses_hold_is_waited_for(office: Office) -> None:
    theirs = await office.journal.take(STREAM, "other", TTL)

    async def take() -> int:
        async with holding(office.journal, office.clock, STREAM, "one", TTL) as hold:
            return hold.epoch

    taking = asyncio.ensure_future(take())
    await office.clock.until_sleeping()
    assert not taking.done()
    await office.journal.drop(theirs)
    office.clock.advance(1.0)
    assert await taking == 2


async def test_waiting_for_a_hold_can_be_cut_off(office: Office) -> None:
    await office.journal.take(STREAM, "other", TTL)

    async def take() -> None:
        async with holding(office.journal, office.clock, STREAM, "one", TTL):
            raise AssertionError("it is somebody else's")

    taking = asyncio.ensure_future(take())
    await office.clock.until_sleeping()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking


async def test_a_hold_that_was_taken_while_its_taker_was_cut_off_is_dropped(office: Office) -> None:
    taken, answered = asyncio.Event(), asyncio.Event()
    journal = Through(office.journal)

    async def slow(*arguments: Any) -> Hold:
        hold = await office.journal.take(*arguments)
        taken.set()
        await answered.wait()
        return hold

    journal.take = slow  # type: ignore[attr-defined]

    async def use() -> None:
        async with holding(journal.as_journal, office.clock, STREAM, "one", TTL):
            raise AssertionError("it was cut off before")

    using = asyncio.ensure_future(use())
    await taken.wait()
    using.cancel()
    answered.set()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert (await office.journal.take(STREAM, "two", TTL)).epoch == 2


async def test_a_hold_is_dropped_also_when_its_dropping_is_cut_off(office: Office) -> None:
    dropping, go_on = asyncio.Event(), asyncio.Event()
    journal = Through(office.journal)

    async def slow(hold: Hold) -> None:
        dropping.set()
        await go_on.wait()
        await office.journal.drop(hold)

    journal.drop = slow  # type: ignore[attr-defined]

    async def use() -> None:
        async with holding(journal.as_journal, office.clock, STREAM, "one", TTL):
            pass

    using = asyncio.ensure_future(use())
    await dropping.wait()
    using.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert (await office.journal.take(STREAM, "two", TTL)).epoch == 2


async def test_what_others_appended_in_between_is_folded_first(office: Office) -> None:
    await office.submit()
    state = await office.state()
    hold = await office.journal.take(STREAM, "one", TTL)
    held = HeldRequest(office.journal, office.clock, hold, state)
    await office.journal.append(STREAM, [Fact(facts.CANCEL, {"reason": "enough"})], key="cancel")
    await held.append([Fact(facts.PASSED_ON, {"version": 2})], key="passed_on")
    assert (state.version, state.cancel_reason, state.passed_on) == (3, "enough", 2)


async def test_appending_what_the_journal_has_under_that_key_changes_nothing(office: Office) -> None:
    await office.submit()
    state = await office.state()
    hold = await office.journal.take(STREAM, "one", TTL)
    held = HeldRequest(office.journal, office.clock, hold, state)
    for _ in range(2):
        await held.append([Fact(facts.CANCEL, {"reason": "enough"})], key="cancel")
    assert state.version == 2
    assert await office.kinds() == [facts.RECEIVED, facts.CANCEL]


async def test_nothing_is_appended_once_somebody_else_took_the_hold(office: Office) -> None:
    await office.submit()
    state = await office.state()
    hold = await office.journal.take(STREAM, "one", TTL)
    office.clock.advance(TTL + 1)
    await office.journal.take(STREAM, "two", TTL)
    with pytest.raises(HoldLost):
        await HeldRequest(office.journal, office.clock, hold, state).append([Fact("x")], key="x")
    assert await office.kinds() == [facts.RECEIVED]


async def test_a_result_that_does_not_count_is_not_journaled(office: Office) -> None:
    await office.submit()
    await office.beth().attend("r")
    task = await office.one_queued("a")
    state = await office.state()
    hold = await office.journal.take(STREAM, "one", TTL)
    held = HeldRequest(office.journal, office.clock, hold, state)
    assert await held.take(result_of(task))
    assert not await held.take(result_of(task, "failed"))
    assert (await office.kinds()).count(facts.TAKEN) == 1
