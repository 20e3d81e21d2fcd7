"""Where records wait for hook plugins: a bounded queue and a thread of its own, so that no hook delays a task."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pluggy

from beth_sdk import logs
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.hookspecs import NOUNS

DEFAULT_SIZE = 1000
"""Records that may wait: seconds' worth for a busy worker, and under a megabyte."""

SLOW = 1.0
"""Seconds in one hook after which it is logged as slow."""

LOG_INTERVAL = 60.0
"""Seconds in which one plugin's same hook is complained about once."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Implementation:
    """One plugin's function for one hook."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    takes_record: bool

    def __call__(self, record: object) -> None:
        if self.takes_record:
            self.function(record)
        else:
            self.function()


_Waiting: TypeAlias = "tuple[tuple[_Implementation, ...], object] | None"


class HookQueue:
    """Hands records to the plugins of a plugin manager, in order, on a daemon thread.

    For `before_…` the plugins are called in the order of their names, for `after_…` in reverse. Where no plugin
    implements anything there is no thread, and `emit` does next to nothing.
    """

    def __init__(
        self, plugin_manager: pluggy.PluginManager, *, size: int = DEFAULT_SIZE, clock: Clock | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._implementations = _implementations(plugin_manager)
        self._queue: queue.Queue[_Waiting] = queue.Queue(size)
        self._dropped = 0
        self._overflowing = False
        self._closed = False
        self._abandoned = threading.Event()
        self._lock = threading.Lock()
        self._complaints: dict[tuple[str, str, str], float] = {}
        self._thread: threading.Thread | None = None
        if self._implementations:
            self._thread = threading.Thread(target=self._serve, name="beth-hooks", daemon=True)
            self._thread.start()

    @property
    def dropped(self) -> int:
        """How many records no plugin saw, because the queue was full or closed."""
        return self._dropped

    def emit(self, name: str, record: object) -> None:
        """Have the plugins called with a record. From any thread; never blocks, never raises."""
        implementations = self._implementations.get(name)
        if implementations is None:
            return
        if self._closed:
            self._drop(name)
            return
        try:
            self._queue.put_nowait((implementations, record))
        except queue.Full:
            self._drop(name)

    def close(self, timeout: float = 5.0) -> bool:
        """Have what waits seen to, for at most `timeout` seconds; returns whether nothing was left behind."""
        self._closed = True
        if self._thread is None:
            return True
        deadline = time.monotonic() + timeout
        try:
            self._queue.put(None, timeout=max(0.0, timeout))
        except queue.Full:
            self._abandoned.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive() and not self._abandoned.is_set():
            return True
        self._abandoned.set()
        log.warning("hooks were not finished in time", seconds=timeout, waiting=self._queue.qsize())
        return False

    def _drop(self, name: str) -> None:
        with self._lock:
            self._dropped += 1
            first = not self._overflowing and not self._closed
            self._overflowing = self._overflowing or first
        if first:
            log.warning("hook queue is full; records are dropped", hook=name, size=self._queue.maxsize)

    def _serve(self) -> None:
        while not self._abandoned.is_set():
            waiting = self._queue.get()
            if waiting is None:
                return
            implementations, record = waiting
            for implementation in implementations:
                self._call(implementation, record)
            # Only an empty queue ends an overflow: otherwise each freed place would begin a new one, and be logged.
            if self._overflowing and self._queue.empty():
                with self._lock:
                    self._overflowing = False
                log.warning("hook queue has caught up", dropped=self._dropped)

    def _call(self, implementation: _Implementation, record: object) -> None:
        began = self._clock.monotonic()
        try:
            implementation(record)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises, the next one is called
            self._complain("hook failed", implementation, error=error, exc_info=error)
        seconds = self._clock.monotonic() - began
        if seconds >= SLOW:
            self._complain("hook is slow", implementation, seconds=seconds)

    def _complain(self, message: str, about: _Implementation, **fields: Any) -> None:
        now = self._clock.monotonic()
        key = (message, about.plugin, about.hook)
        last = self._complaints.get(key)
        if last is None or now - last >= LOG_INTERVAL:
            self._complaints[key] = now
            log.warning(message, plugin=about.plugin, hook=about.hook, **fields)


def _implementations(plugin_manager: pluggy.PluginManager) -> dict[str, tuple[_Implementation, ...]]:
    found: dict[str, tuple[_Implementation, ...]] = {}
    for name in (f"{when}_{noun}" for noun in NOUNS for when in ("before", "after")):
        caller = getattr(plugin_manager.hook, name, None)
        if caller is None:
            continue
        ordered = sorted(caller.get_hookimpls(), key=lambda one: one.plugin_name, reverse=name.startswith("after_"))
        if ordered:
            found[name] = tuple(
                _Implementation(one.plugin_name, name, one.function, "record" in one.argnames) for one in ordered
            )
    return found
