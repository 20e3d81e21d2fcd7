"""Waiting for a channel without polling it: who of an event loop waits for what, woken from any thread."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from beth_sdk.clock import Clock, wait_for_event

T = TypeVar("T")

NEVER = math.inf
"""The moment at which nothing is due."""


class Waiters:
    """The receives and reads of one bus connection that wait, all on the loop that made this object.

    `wake` may be called from any thread; everything else belongs to the loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def wake(self, channels: Collection[str]) -> None:
        """Let everybody who waits for one of these channels look again."""
        # Looking without a lock is safe: whoever starts to wait is registered before it first looks at the bus.
        if not any(channel in self._events for channel in channels):
            return
        try:
            self._loop.call_soon_threadsafe(self._set, channels)
        except RuntimeError:  # the loop ended without closing its bus, so nobody waits there
            self._events = {}

    def wake_all(self) -> None:
        """Let everybody look again."""
        self.wake(list(self._events))

    def close(self) -> None:
        """End all waiting: each `wait` returns what it found last, which is nothing."""
        self._closed = True
        self._set(list(self._events))

    async def wait(
        self,
        channels: Sequence[str],
        attempt: Callable[[], Awaitable[tuple[list[T], float]]],
        *,
        clock: Clock,
        wait: float,
        recheck: float = NEVER,
    ) -> list[T]:
        """Repeat `attempt` until it finds something or `wait` seconds have passed, and return what it found.

        It is repeated when one of `channels` is woken, at the `clock.monotonic()` moment it returned beside an empty
        list (when something will be due), and after `recheck` seconds at the latest.
        """
        event = asyncio.Event()
        self._register(channels, event)
        try:
            give_up = clock.monotonic() + wait
            while not self._closed:
                event.clear()
                found, due = await attempt()
                now = clock.monotonic()
                if found or now >= give_up:
                    return found
                await wait_for_event(clock, event, min(give_up, due, now + recheck) - now)
            return []
        finally:
            self._unregister(channels, event)

    def _register(self, channels: Sequence[str], event: asyncio.Event) -> None:
        for channel in channels:
            self._events.setdefault(channel, set()).add(event)

    def _unregister(self, channels: Sequence[str], event: asyncio.Event) -> None:
        for channel in channels:
            waiting = self._events.get(channel)
            if waiting is not None:
                waiting.discard(event)
                if not waiting:
                    del self._events[channel]

    def _set(self, channels: Collection[str]) -> None:
        for channel in channels:
            for event in self._events.get(channel, ()):
                event.set()
