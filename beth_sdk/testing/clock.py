"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Coroutine
from typing import Any


class ManualClock:
    """A `Clock` for tests: an hour's lease runs out in no time. May be shared by several threads and loops."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._wall = wall
        self._monotonic = 1000.0
        self._boots = 1
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    @property
    def boot_id(self) -> str:
        return f"boot-{self._boots}"

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and wake whoever slept for that long."""
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds
            while self._sleepers and self._sleepers[0][0] <= self._monotonic:
                _wake(heapq.heappop(self._sleepers)[2])

    def set_wall(self, wall: float) -> None:
        """Set the date, as an operator or a time server does; no time passes."""
        self._wall = wall

    def reboot(self, seconds: float = 60.0) -> None:
        """Let the machine start anew, which takes `seconds`: another boot, its monotonic time from near zero."""
        with self._lock:
            self._wall += seconds
            self._monotonic = 10.0
            self._boots += 1

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait until the clock was advanced by `seconds` from this call on."""
        # Not a coroutine function: its first line would run later than the call, after who knows how many advances.
        return self._sleep_until(self._monotonic + max(0.0, seconds))

    async def until_sleeping(self, count: int = 1) -> None:
        """Wait until at least `count` sleeps are under way, so that advancing meets them."""
        with self._lock:
            if self._sleeping() >= count:
                return
            watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append((count, watcher))
        await watcher

    async def _sleep_until(self, moment: float) -> None:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._monotonic >= moment:
                return
            heapq.heappush(self._sleepers, (moment, next(self._numbers), sleeper))
            sleeping = self._sleeping()
            for _, watcher in [found for found in self._watchers if found[0] <= sleeping]:
                _wake(watcher)
            self._watchers = [found for found in self._watchers if found[0] > sleeping]
        await sleeper

    def _sleeping(self) -> int:
        """How many sleep, those left out that were cancelled."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)


def _wake(future: asyncio.Future[None]) -> None:
    try:
        future.get_loop().call_soon_threadsafe(_finish, future)
    except RuntimeError:
        pass  # its loop ended: nobody sleeps there any more


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
