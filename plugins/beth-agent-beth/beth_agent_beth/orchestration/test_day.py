"""What a fleet may cost in a day: reserved before it is spent, by several Beths, over midnight, and killed anywhere."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration import day
from beth_agent_beth.orchestration.day import CLOSED, OPENED, PREFIX, RESERVED, SETTLED, DayLedger, limit_of
from beth_sdk.errors import HoldLost, JournalUnavailable, SettingError
from beth_sdk.journal.base import Fact, Hold, Version
from beth_sdk.journal.memory import MemoryJournal, open_journal
from beth_sdk.testing import ManualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0
TTL = 10.0


class Fleet:
    """A journal with open requests `beth-a` and `beth-b`, and Beths that keep its ledger."""

    def __init__(self, journal: MemoryJournal, clock: ManualClock) -> None:
        self.journal = journal
        self.clock = clock

    def beth(self, name: str = "one", limit: float = 1.0, journal: MemoryJournal | None = None) -> DayLedger:
        return DayLedger(journal or self.journal, self.clock, limit, instance=f"beth-{name}", ttl=TTL)

    async def say(self, name: str, kind: str, **data: object) -> None:
        await self.journal.append(facts.stream_of(name), [Fact(kind, data)], key=kind)

    async def days(self) -> list[str]:
        """The days that are not archived."""
        return [one.removeprefix(PREFIX) async for one in self.journal.streams(PREFIX)]

    async def kinds(self, date: str) -> list[str]:
        return [entry.fact.kind async for entry in self.journal.read(f"{PREFIX}{date}")]


@pytest.fixture
async def fleet() -> Fleet:
    clock = ManualClock(NOON)
    made = Fleet(await open_journal("memory://", clock=clock), clock)
    for request in ("beth-a", "beth-b"):
        await made.say(request, facts.RECEIVED, request={"description": "x"})
    return made


# -- the variable -----------------------------------------------------------------------------


def test_without_the_variable_there_is_no_limit() -> None:
    assert limit_of({}) is None
    assert limit_of({"BETH_MAX_COST_PER_DAY": " "}) is None


@pytest.mark.parametrize(("text", "limit"), [("25", 25.0), ("12.50", 12.5), ("0", 0.0)])
def test_the_limit_is_an_amount_of_us_dollars(text: str, limit: float) -> None:
    assert limit_of({"BETH_MAX_COST_PER_DAY": text}) == limit


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf", "5 USD", "1e99"])
def test_what_is_no_amount_stops_the_start_with_one_line(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        limit_of({"BETH_MAX_COST_PER_DAY": text})
    assert str(refused.value) == f"BETH_MAX_COST_PER_DAY={text!r} is not accepted; accepted: US dollars, as 25 or 12.50"


# -- a day ------------------------------------------------------------------------------------


async def test_what_is_reserved_counts_until_it_is_settled(fleet: Fleet) -> None:
    ledger = fleet.beth()
    assert await ledger.reserve("beth-a.1:0", 0.7)
    assert not await ledger.reserve("beth-b.1:0", 0.4)
    assert await ledger.left() == 0.3
    await ledger.settle("beth-a.1:0", 0.5)
    assert await ledger.left() == 0.5
    assert await ledger.reserve("beth-b.1:0", 0.4)


async def test_what_is_said_twice_counts_once(fleet: Fleet) -> None:
    ledger = fleet.beth()
    for _ in range(3):
        assert await ledger.reserve("beth-a.1:0", 0.7)
    for _ in range(3):
        await ledger.settle("beth-a.1:0", 0.5)
    assert await ledger.left() == 0.5
    assert await fleet.kinds("2026-03-01") == [OPENED, RESERVED, SETTLED]


async def test_who_was_refused_may_ask_again(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 1.0)
    assert not await ledger.reserve("beth-b.1:0", 0.1)
    await ledger.settle("beth-a.1:0", 0.0)
    assert await ledger.reserve("beth-b.1:0", 0.1)


async def test_who_needs_more_than_is_reserved_gets_the_difference(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.4)
    assert await ledger.reserve("beth-a.1:0", 0.9)
    assert await ledger.left() == pytest.approx(0.1)
    assert not await ledger.reserve("beth-a.1:0", 1.1)
    assert await ledger.left() == pytest.approx(0.1)


async def test_several_are_granted_what_there_is_in_order(fleet: Fleet) -> None:
    wants = {"beth-a.1:0": (0.0, 0.6), "beth-a.2:0": (0.0, 0.6), "beth-a.3:0": (0.0, 0.6), "beth-a.4:0": (0.0, 0.0)}
    assert await fleet.beth().grant(wants) == {"beth-a.1:0": 0.6, "beth-a.2:0": 0.4, "beth-a.4:0": 0.0}


async def test_less_than_the_least_is_granted_to_nobody(fleet: Fleet) -> None:
    ledger = fleet.beth()
    assert await ledger.grant({"beth-a.1:0": (0.8, 0.8), "beth-a.2:0": (0.3, 0.5)}) == {"beth-a.1:0": 0.8}
    assert await ledger.left() == pytest.approx(0.2)


async def test_what_costs_nothing_is_granted_on_a_day_without_money(fleet: Fleet) -> None:
    ledger = fleet.beth(limit=0.0)
    assert await ledger.reserve("beth-a.1:0", 0.0)
    assert not await ledger.reserve("beth-a.2:0", 0.01)


async def test_what_cost_more_than_was_reserved_counts_in_full(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.2)
    await ledger.settle("beth-a.1:0", 0.9)
    assert await ledger.left() == pytest.approx(0.1)


async def test_what_nobody_reserved_is_not_settled(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.settle_all({"beth-a.1:0": 0.5})
    await ledger.settle_all({})
    assert await ledger.left() == 1.0


async def test_a_limit_that_was_raised_counts_at_once(fleet: Fleet) -> None:
    await fleet.beth(limit=1.0).reserve("beth-a.1:0", 1.0)
    assert await fleet.beth(limit=3.0).left() == 2.0
    assert await fleet.beth(limit=0.5).left() == 0.0


# -- several Beths ----------------------------------------------------------------------------


async def test_two_beths_never_give_away_the_same_money(fleet: Fleet) -> None:
    one, two = fleet.beth("one"), fleet.beth("two")
    assert await one.reserve("beth-a.1:0", 0.7)
    assert not await two.reserve("beth-b.1:0", 0.7)
    await two.settle("beth-a.1:0", 0.1)
    assert await one.left() == 0.9


async def test_many_at_once_get_no_more_than_there_is(fleet: Fleet) -> None:
    beths = [fleet.beth(str(number)) for number in range(3)]
    asking = asyncio.gather(
        *(beth.reserve(f"beth-a.{number}:{place}", 0.1) for number, beth in enumerate(beths) for place in range(8))
    )
    while not asking.done():
        await asyncio.sleep(0)
        fleet.clock.advance(0.01)  # who waits for the hold of another tries again
    assert sum(await asking) == 10
    assert await beths[0].left() == 0.0


async def test_who_stood_still_while_another_took_the_ledger_tries_again(fleet: Fleet) -> None:
    class Freezing(MemoryJournal):
        """Stands still before the first append until its hold is another's."""

        frozen = False

        async def append(self, stream: str, new: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
            if new[0].kind == RESERVED and not self.frozen:
                self.frozen = True
                assert hold is not None
                await fleet.journal.drop(hold)
                assert await fleet.beth("two").reserve("beth-b.1:0", 0.7)
                with pytest.raises(HoldLost):
                    await super().append(stream, new, key=key, hold=hold)
            return await super().append(stream, new, key=key, hold=hold)

    frozen = Freezing(fleet.journal._store, fleet.clock)
    assert not await fleet.beth("one", journal=frozen).reserve("beth-a.1:0", 0.7)
    assert frozen.frozen


# -- midnight ---------------------------------------------------------------------------------


async def test_a_new_day_has_all_of_its_money(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 1.0)
    await ledger.settle("beth-a.1:0", 1.0)
    assert ledger.until_tomorrow() == 12 * 3600
    fleet.clock.advance(12 * 3600)
    assert await ledger.left() == 1.0


async def test_what_is_reserved_at_midnight_counts_on_both_days(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.7)
    fleet.clock.advance(DAY)
    assert await ledger.left() == pytest.approx(0.3)
    assert await ledger.reserve("beth-a.1:0", 0.7)  # it is reserved already
    await ledger.settle("beth-a.1:0", 0.2)
    assert await ledger.left() == pytest.approx(0.8)


async def test_a_task_may_run_for_days(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.7)
    for _ in range(5):
        fleet.clock.advance(DAY)
        assert await fleet.beth("another").left() == pytest.approx(0.3)
    fleet.clock.advance(20 * DAY)
    assert await ledger.left() == pytest.approx(0.3)


async def test_days_that_are_over_are_archived_and_forgotten(fleet: Fleet) -> None:
    ledger = fleet.beth()
    for number in range(4):
        await ledger.reserve(f"beth-a.{number}:0", 0.1)
        await ledger.settle(f"beth-a.{number}:0", 0.1)
        fleet.clock.advance(DAY)
    await ledger.left()
    assert await fleet.days() == ["2026-03-05"]
    assert await fleet.kinds("2026-03-04") == [OPENED, RESERVED, SETTLED, CLOSED]
    assert ledger._day is not None
    assert ledger._day.open == {}


async def test_what_was_reserved_for_a_request_that_is_over_is_not_carried_on(fleet: Fleet) -> None:
    """Beth died between reserving and publishing, and the request was cancelled."""
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.7)
    await ledger.reserve("beth-nobody.1:0", 0.1)
    await fleet.say("beth-a", facts.ENDED, status="cancelled", reason="")
    assert await ledger.left() == pytest.approx(0.2)
    fleet.clock.advance(DAY)
    assert await ledger.left() == 1.0


async def test_one_of_an_archived_request_is_not_carried_on_either(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.7)
    await fleet.say("beth-a", facts.ENDED, status="complete", reason="")
    await fleet.journal.archive(facts.stream_of("beth-a"))
    fleet.clock.advance(DAY)
    assert await ledger.left() == 1.0


async def test_a_beth_whose_clock_is_behind_uses_the_day_that_is_open(fleet: Fleet) -> None:
    behind = ManualClock(NOON)
    late = DayLedger(fleet.journal, behind, 1.0, instance="beth-late", ttl=TTL)
    await late.reserve("beth-a.1:0", 0.2)
    fleet.clock.advance(DAY)
    await fleet.beth().reserve("beth-a.2:0", 0.3)
    assert await late.left() == pytest.approx(0.5)
    await late.settle("beth-a.1:0", 0.0)
    assert await fleet.beth("three").left() == pytest.approx(0.7)
    assert await fleet.days() == ["2026-03-02"]


async def test_a_day_that_was_closed_by_a_beth_that_then_died_is_followed_by_another(fleet: Fleet) -> None:
    ledger = fleet.beth()
    await ledger.reserve("beth-a.1:0", 0.7)
    await fleet.journal.append(f"{PREFIX}2026-03-01", [Fact(CLOSED)], key="closed")
    assert await fleet.beth("two").left() == pytest.approx(0.3)
    assert await ledger.left() == pytest.approx(0.3)
    assert await fleet.days() == ["2026-03-02"]


# -- killed anywhere --------------------------------------------------------------------------


class Dying(MemoryJournal):
    """Fails once, at the given call of the journal: before it does anything, or after it has."""

    at = -1
    after = False
    calls = 0

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        self._die(after=False)
        hold = await super().take(stream, holder, ttl)
        self._die(after=True)
        return hold

    async def append(self, stream: str, new: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        self._die(after=False)
        version = await super().append(stream, new, key=key, hold=hold)
        self._die(after=True)
        return version

    async def archive(self, stream: str) -> None:
        self._die(after=False)
        await super().archive(stream)
        self._die(after=True)

    def _die(self, *, after: bool) -> None:
        self.calls += not after
        if self.calls == self.at and after == self.after:
            self.at = -1
            raise JournalUnavailable("gone")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 12))
async def test_whoever_is_killed_anywhere_leaves_sums_that_are_whole(fleet: Fleet, at: int, *, after: bool) -> None:
    await fleet.beth("first").reserve("beth-b.1:0", 0.25)
    fleet.clock.advance(DAY)  # so that there is a day to be carried over
    journal = Dying(fleet.journal._store, fleet.clock)
    journal.at, journal.after = at, after

    done = 0  # as the request's own journal says: only what was cut off is done again

    async def life() -> None:
        nonlocal done
        ledger = fleet.beth("dying", journal=journal)
        while done < 3:
            if done == 1:
                await ledger.settle("beth-a.1:0", 0.125)
            else:
                assert await ledger.reserve(f"beth-a.{1 + done}:0", 0.5)
            done += 1

    for _ in range(2):
        living = asyncio.ensure_future(life())
        while not living.done():
            await asyncio.sleep(0)
            fleet.clock.advance(0.5)
        if living.exception() is None:
            break
        assert isinstance(living.exception(), JournalUnavailable)
    fleet.clock.advance(TTL)
    assert await fleet.beth("after").left() == 0.125
    assert [one for one in await fleet.days() if one > "2026-03-01"] == ["2026-03-02"]


@pytest.mark.parametrize("seed", range(10))
async def test_no_day_ever_costs_more_than_its_limit(fleet: Fleet, seed: int) -> None:
    """Beths that come and go over many days; what runs over midnight is counted with the day on which it is dearer."""
    dice = random.Random(seed)
    running: dict[str, float] = {}
    spent: dict[int, float] = {}
    beths = [fleet.beth(str(number)) for number in range(3)]
    for number in range(150):
        ledger = dice.choice(beths) if dice.random() < 0.8 else fleet.beth(f"new-{number}")
        today = int(fleet.clock.wall() // DAY)
        if dice.random() < 0.5:
            key = f"beth-a.{number}:0"
            got = await ledger.grant({key: (dice.choice([0.0, 0.1]), dice.random() * 0.6)})
            running.update(got)
        elif running:
            key = dice.choice(sorted(running))
            cost = running.pop(key) * dice.random()
            await ledger.settle(key, cost)
            spent[today] = spent.get(today, 0.0) + cost
        if dice.random() < 0.1:
            fleet.clock.advance(dice.random() * 2 * DAY)
        assert spent.get(int(fleet.clock.wall() // DAY), 0.0) + sum(running.values()) <= 1.0 + 1e-6
    assert day.VARIABLE == "BETH_MAX_COST_PER_DAY"
