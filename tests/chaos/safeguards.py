"""The safeguards, each taken out of bus or journal without a change to the product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from beth_sdk.bus.base import Bus, Delivery
from beth_sdk.errors import Held, HoldLost
from beth_sdk.history import ENDED, PREFIX
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version
from tests.chaos.through import ThroughBus, ThroughJournal

HOLD = "hold"
EPOCH_CHECK = "epoch check"
ENDED_BEFORE_ACK = "ended before ack"
ENDED_CHECK = "ended-check at take"


class _EveryoneHolds(ThroughJournal):
    """A live hold keeps nobody out: whoever comes works beside its holder, under the same epoch."""

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        try:
            return await super().take(stream, holder, ttl)
        except Held as held:
            return Hold(stream, holder, held.epoch, ttl)


class _NoEpochCheck(ThroughJournal):
    """Appends are accepted from whoever held the task at any time."""

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        try:
            return await super().append(stream, facts, key=key, hold=hold)
        except HoldLost:
            return await super().append(stream, facts, key=key)


class _NoEndedCheck(ThroughJournal):
    """Nobody sees that a task has ended."""

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        async for entry in super().read(stream, after):
            if entry.fact.kind != ENDED or not stream.startswith(PREFIX):
                yield entry


class _AckFirst(ThroughBus):
    """A task is acknowledged when it is received, before anything was done about it."""

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:
        deliveries = await super().receive(queues, worker, wait, limit)
        for delivery in deliveries:
            await self.ack(delivery)
        return deliveries


_JOURNALS = {HOLD: _EveryoneHolds, EPOCH_CHECK: _NoEpochCheck, ENDED_CHECK: _NoEndedCheck}


def journal_without(safeguard: str, journal: Journal) -> Journal:
    """The journal, without a safeguard; as it is, where that is the bus's."""
    wrapper = _JOURNALS.get(safeguard)
    return journal if wrapper is None else wrapper(journal)


def bus_without(safeguard: str, bus: Bus) -> Bus:
    """The bus, without a safeguard; as it is, where that is the journal's."""
    return _AckFirst(bus) if safeguard == ENDED_BEFORE_ACK else bus
