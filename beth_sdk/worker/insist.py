"""Going on through an outage: what must happen is tried until the server answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from beth_sdk.clock import Clock
from beth_sdk.errors import BusUnavailable, JournalUnavailable
from beth_sdk.logs import Log

T = TypeVar("T")

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


async def insist(clock: Clock, log: Log, what: str, operation: Callable[[], Awaitable[T]]) -> T:
    """Await `operation()` until it does not raise `BusUnavailable` or `JournalUnavailable`.

    Only for operations that may be repeated: every journal append has a key, and every publish has one too.
    """
    delay = FIRST_DELAY
    while True:
        try:
            return await operation()
        except (BusUnavailable, JournalUnavailable) as error:
            log.warning("waiting for a server", what=what, error=str(error), again_in=delay)
        await clock.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)
