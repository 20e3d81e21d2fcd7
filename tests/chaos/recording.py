"""A journal that notes in the ledger which holds were kept, and a journal and a bus that no renewal gets through to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from beth_sdk.bus.base import Delivery
from beth_sdk.history import PREFIX
from beth_sdk.journal.base import Fact, Hold, Journal, Version
from tests.chaos.ledger import Ledger
from tests.chaos.through import ThroughBus, ThroughJournal


class RecordingJournal(ThroughJournal):
    """Notes `kept` for each renewal of a task's hold that succeeded, and each append under it, with the moment (on
    the monotonic clock) in which it was asked for: by then the hold had not been lost."""

    def __init__(self, inner: Journal, ledger: Ledger) -> None:
        super().__init__(inner)
        self._ledger = ledger

    async def renew(self, hold: Hold) -> None:
        asked = time.monotonic()
        await super().renew(hold)
        self._kept(hold, asked)

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        asked = time.monotonic()
        version = await super().append(stream, facts, key=key, hold=hold)
        if hold is not None:
            self._kept(hold, asked)
        return version

    def _kept(self, hold: Hold, asked: float) -> None:
        if hold.stream.startswith(PREFIX):
            task = hold.stream.removeprefix(PREFIX)
            self._ledger.write("kept", task=task, instance=hold.holder, epoch=hold.epoch, asked=asked)


class StarvedJournal(ThroughJournal):
    """No renewal gets through: the hold of whoever is at work runs out, and an append is the first to learn of it."""

    async def renew(self, hold: Hold) -> None:
        await asyncio.get_running_loop().create_future()


class StarvedBus(ThroughBus):
    """No renewal gets through: what somebody is at work on is handed out again."""

    async def extend(self, delivery: Delivery) -> None:
        await asyncio.get_running_loop().create_future()
