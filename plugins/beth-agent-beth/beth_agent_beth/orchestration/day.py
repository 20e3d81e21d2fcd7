"""What all requests of a journal may cost in a UTC day together: a ledger that every Beth keeps, one stream a day.

Money is reserved before a task is published and settled once its result is there. What is reserved when a day ends is
carried into the next, where all of it counts until it is settled: nobody knows on which side of midnight it is spent.
A day that was carried over is closed for good, and archived.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.held import holding
from beth_agent_beth.orchestration.journaled import standing_of
from beth_sdk.clock import Clock
from beth_sdk.errors import Held, HoldLost, SettingError, StreamArchived
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version
from beth_sdk.variables import DeclaredVariable

T = TypeVar("T")

PREFIX = "day/"

OPENED = "opened"
RESERVED = "reserved"
SETTLED = "settled"
CLOSED = "closed"

VARIABLE = "BETH_MAX_COST_PER_DAY"

DECLARED = DeclaredVariable(
    VARIABLE,
    "none",
    "What all requests of the journal together may cost in a day (UTC), in US dollars. Once it is reached, tasks wait "
    "for the next day, or for a larger limit.",
    "US dollars, as 25 or 12.50",
)

_UNITS = 10**9
"""To a US dollar: sums of whole numbers do not drift."""

_LARGEST = 10**9


def limit_of(environ: Mapping[str, str]) -> float | None:
    """US dollars a day; None where nobody limits it. Raises `SettingError`."""
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit <= _LARGEST:
        raise SettingError(VARIABLE, text, DECLARED.accepted)
    return limit


@dataclass(slots=True)
class _Day:
    """The fold of one day's stream, in units. Memory is for what is reserved now."""

    date: date
    version: Version = Version(0)
    spent: int = 0
    open: dict[str, int] = field(default_factory=dict)
    reserved: int = 0
    """The sum of what is open."""
    closed: bool = False

    @property
    def stream(self) -> str:
        return f"{PREFIX}{self.date.isoformat()}"

    def left(self, limit: float) -> int:
        return max(0, _down(limit) - self.spent - self.reserved)

    def take_in(self, entry: Entry) -> None:
        if entry.version <= self.version:
            return
        data = entry.fact.data
        match entry.fact.kind:
            case "opened" | "reserved":
                for key, amount in data["amounts"].items():
                    self._change(key, _up(amount))
            case "settled":
                for key, amount in data["amounts"].items():
                    if key in self.open:
                        self._change(key, 0)
                        self.spent += _up(amount)
            case "closed":
                self.closed = True
            case _:
                pass  # a later version's fact: kept, passed over
        self.version = entry.version

    def _change(self, key: str, units: int) -> None:
        self.reserved += units - self.open.pop(key, 0)
        if units:
            self.open[key] = units


class DayLedger:
    """One for each Beth. `limit` in US dollars; `ttl`: seconds that the hold of the ledger lives without being renewed.

    A key names what is paid for, as `task_id:continuation` does; whatever is said of it twice counts once.
    """

    def __init__(self, journal: Journal, clock: Clock, limit: float, *, instance: str, ttl: float) -> None:
        self.limit = limit
        self._journal = journal
        self._clock = clock
        self._instance = instance
        self._ttl = ttl
        self._day: _Day | None = None
        self._busy = asyncio.Lock()

    async def reserve(self, key: str, amount: float) -> bool:
        """Put this much aside, in US dollars; False where the day does not have it any more."""
        return key in await self.grant({key: (amount, amount)})

    async def grant(self, wants: Mapping[str, tuple[float, float]]) -> dict[str, float]:
        """Put aside for each key from the least to the most that it wants, in US dollars, in order; returns what each
        got. A key for which there is not even the least is left out; one that has enough already keeps what it has."""
        return await self._insist(lambda: self._grant(wants))

    async def settle(self, key: str, spent: float) -> None:
        """What was reserved under this key has cost so many US dollars, and no more is to come."""
        await self.settle_all({key: spent})

    async def settle_all(self, spent: Mapping[str, float]) -> None:
        """The same for several. Keys under which nothing is reserved, or not any more, are passed over."""
        if spent:
            await self._insist(lambda: self._settle(spent))

    async def left(self) -> float:
        """US dollars that can still be reserved today."""
        return await self._insist(self._left)

    def until_tomorrow(self) -> float:
        """Seconds until there is a new day."""
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return (midnight - now).total_seconds()

    # -- under the hold -----------------------------------------------------------------------

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do this; again where this Beth stood still for so long that another one took the ledger."""
        async with self._busy:
            while True:
                try:
                    return await work()
                except HoldLost:
                    self._day = None

    async def _grant(self, wants: Mapping[str, tuple[float, float]]) -> dict[str, float]:
        async with self._held() as (day, hold):
            left = day.left(self.limit)
            granted: dict[str, int] = {}
            new: dict[str, int] = {}
            for key, (least, most) in wants.items():
                has = day.open.get(key, 0)
                if has < _up(least) or (not has and most > 0):
                    more = max(0, min(left, _up(most) - has))
                    if has + more < max(1, _up(least)):
                        continue
                    left -= more
                    has = new[key] = has + more
                granted[key] = has
            if new:
                await self._append(day, hold, Fact(RESERVED, {"amounts": _told(new)}))
            return _told(granted)

    async def _settle(self, spent: Mapping[str, float]) -> None:
        async with self._held() as (day, hold):
            known = {key: _up(amount) for key, amount in spent.items() if key in day.open}
            if known:
                await self._append(day, hold, Fact(SETTLED, {"amounts": _told(known)}))

    async def _left(self) -> float:
        async with self._held() as (day, _):
            return day.left(self.limit) / _UNITS

    # -- the stream of today ------------------------------------------------------------------

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[tuple[_Day, Hold]]:
        """Today as the journal has it, under its hold."""
        earliest = date.min
        while True:
            day = await self._opened(max(self._today(), earliest))
            try:
                async with holding(self._journal, self._clock, day.stream, self._instance, self._ttl) as hold:
                    await self._catch_up(day, hold)
                    if not day.closed:
                        yield day, hold
                        return
            except StreamArchived:
                pass
            # Another Beth's clock is ahead, or she closed the day and died before she opened the next.
            self._day, earliest = None, day.date + timedelta(days=1)

    async def _opened(self, today: date) -> _Day:
        """The day that is open today."""
        if self._day is not None and self._day.date >= today:
            return self._day
        while True:
            known = sorted([_date_of(one) async for one in self._journal.streams(PREFIX)])
            day = _Day(max([today, *known]))
            earlier = [_Day(one) for one in known if one < day.date]
            try:
                if day.date not in known:
                    await self._open(day, await self._carried(earlier[-1]) if earlier else {})
            except StreamArchived:
                continue  # another Beth has opened a day in the meantime
            for one in earlier:
                with suppress(Held):  # whoever opens the next day does it
                    await self._journal.archive(one.stream)
            self._day = day
            return day

    async def _open(self, day: _Day, carried: Mapping[str, int]) -> None:
        """Begin a day with what is reserved, unless another Beth has."""
        async with holding(self._journal, self._clock, day.stream, self._instance, self._ttl) as hold:
            await self._catch_up(day, hold)
            if not day.version:
                await self._append(day, hold, Fact(OPENED, {"amounts": _told(carried)}))

    async def _carried(self, day: _Day) -> dict[str, int]:
        """What is reserved on a day that is over, for requests that are not; from now on nobody adds to the day."""
        async with holding(self._journal, self._clock, day.stream, self._instance, self._ttl) as hold:
            await self._catch_up(day, hold)
            if not day.closed:
                await self._append(day, hold, Fact(CLOSED))
        over = {one: await self._is_over(one) for one in {facts.request_of(key) for key in day.open}}
        return {key: units for key, units in day.open.items() if not over[facts.request_of(key)]}

    async def _is_over(self, request_id: str) -> bool:
        """Whether nothing of a request can cost anything: Beth may have died after she reserved for a task that was
        then cancelled and never published."""
        try:
            return not (await standing_of(self._journal, request_id)).open
        except StreamArchived:
            return True

    async def _catch_up(self, day: _Day, hold: Hold) -> None:
        if hold.version != day.version:
            async for entry in self._journal.read(day.stream, after=day.version or None):
                day.take_in(entry)

    async def _append(self, day: _Day, hold: Hold, fact: Fact) -> None:
        # Under the hold nobody else writes, so that what is new follows what was folded.
        version = await self._journal.append(day.stream, [fact], key=f"{hold.epoch}:{day.version}", hold=hold)
        day.take_in(Entry(version, fact, hold.epoch, self._clock.wall()))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.wall(), UTC).date()


def _date_of(stream: str) -> date:
    return date.fromisoformat(stream.removeprefix(PREFIX))


def _up(amount: float) -> int:
    return math.ceil(round(amount * _UNITS, 3))


def _down(amount: float) -> int:
    return math.floor(round(amount * _UNITS, 3))


def _told(amounts: Mapping[str, int]) -> dict[str, float]:
    return {key: units / _UNITS for key, units in amounts.items()}
