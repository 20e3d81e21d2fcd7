"""A request while its hold is held: what is appended is folded at once, and the hold lives until its holder lets go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.journaled import catch_up
from beth_sdk.clock import Clock
from beth_sdk.errors import Held, HoldLost, JournalError
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version
from beth_sdk.messages import Result

FIRST_TRY_AGAIN, LAST_TRY_AGAIN = 0.01, 0.5
"""Seconds between two tries to take the hold of a request that another Beth is just looking after."""


class HeldRequest:
    """A request's state under its hold."""

    def __init__(self, journal: Journal, clock: Clock, hold: Hold, state: RequestState) -> None:
        self.journal = journal
        self.state = state
        self._clock = clock
        self._hold = hold

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        """Append and fold; what others appended in between is folded first. Raises `HoldLost`."""
        state = self.state
        version = await self.journal.append(facts.stream_of(state.id), new, key=key, hold=self._hold)
        if version == state.version + len(new):
            now = self._clock.wall()
            for number, fact in enumerate(new, start=state.version + 1):
                state.take_in(Entry(Version(number), fact, self._hold.epoch, now))
        else:
            await catch_up(self.journal, state)

    async def take(self, result: Result) -> bool:
        """Accept a result, if it counts; returns whether it does."""
        if not self.state.accepts(result):
            return False
        await self.append([Fact(facts.TAKEN, {"result": result.to_json()})], key=f"taken:{result.key}")
        return True


@asynccontextmanager
async def holding(journal: Journal, clock: Clock, stream: str, holder: str, ttl: float) -> AsyncIterator[Hold]:
    """The hold of a stream, waited for while somebody else has it, renewed while it is used, and dropped.

    Raises `StreamArchived`. A hold that was lost all the same is known from the next append, which is refused.
    """
    hold = await _take_in_turn(journal, clock, stream, holder, ttl)
    renewing = asyncio.ensure_future(_renew(journal, clock, hold))
    try:
        yield hold
    finally:
        renewing.cancel()
        await drop(journal, hold)


async def take(journal: Journal, stream: str, holder: str, ttl: float) -> Hold:
    """Take a hold; where that is cut off in the middle, the hold is dropped in case it was taken all the same, since
    nobody else could have it before it ran out. Raises `Held`, `StreamArchived`."""
    taking = asyncio.ensure_future(journal.take(stream, holder, ttl))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        await asyncio.wait({asyncio.ensure_future(_drop_if_taken(journal, taking))})
        raise


async def _drop_if_taken(journal: Journal, taking: asyncio.Future[Hold]) -> None:
    with suppress(JournalError):
        await journal.drop(await taking)


async def drop(journal: Journal, hold: Hold) -> None:
    """Let a hold go, also where this is cut off in the middle: nobody else could have it before it ran out."""
    dropping = asyncio.ensure_future(journal.drop(hold))
    try:
        await asyncio.shield(dropping)
    except asyncio.CancelledError:
        await asyncio.wait({dropping})
        raise


async def _take_in_turn(journal: Journal, clock: Clock, stream: str, holder: str, ttl: float) -> Hold:
    delay = FIRST_TRY_AGAIN
    while True:
        try:
            return await take(journal, stream, holder, ttl)
        except Held as held:
            await clock.sleep(min(delay, held.remaining + 0.001))
            delay = min(delay * 2, LAST_TRY_AGAIN)


async def _renew(journal: Journal, clock: Clock, hold: Hold) -> None:
    while True:
        await clock.sleep(hold.ttl / 3)
        try:
            await journal.renew(hold)
        except HoldLost:
            return
        except JournalError:
            pass  # it cannot be reached; two more tries before the hold runs out
