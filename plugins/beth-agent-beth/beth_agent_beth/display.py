"""Showing a request while it runs: a live tree on a terminal, plain lines in a pipe, nothing with `--json`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live as LiveTree
from rich.tree import Tree

from beth_agent_beth import view
from beth_agent_beth.state import RequestState
from beth_sdk.cli.text import one_line
from beth_sdk.clock import Clock
from beth_sdk.messages import Event

REFRESH = 4
"""Pictures a second on a terminal."""


class Display(Protocol):
    """Gets what happens; may be called from any thread."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def event(self, event: Event) -> None: ...
    def state(self, state: RequestState) -> None: ...
    def say(self, lines: Sequence[str]) -> None: ...


class Silent:
    """For `--json`: what happens is not shown, only what came of it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None: ...
    def state(self, state: RequestState) -> None: ...
    def say(self, lines: Sequence[str]) -> None: ...


class PlainLines:
    """A line for each change."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._screen = view.Screen()
        self._before: dict[str, str] = {}
        self._last: RequestState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None:
        now = self._clock.monotonic()
        self._screen.see(event, now)
        one = self._last.tasks.get(event.task_id or "") if self._last else None
        if one is not None and event.kind in ("accepted", "step", "progress", "log", "handed_over", "denied"):
            self.say([f"  {one.agent} {one.name}: {event.kind} {one_line(event.message or '')}".rstrip()])

    def state(self, state: RequestState) -> None:
        self._last = state
        now = self._clock.monotonic()
        self.say([view.plain(one, self._screen.live.get(one.id), now) for one in view.changes(self._before, state)])

    def say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LivingTree:
    """The tree of tasks, redrawn in place."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._screen = view.Screen()
        self._state: RequestState | None = None
        self._lock = threading.Lock()
        self._live = LiveTree(get_renderable=self._picture, console=console, refresh_per_second=REFRESH)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def event(self, event: Event) -> None:
        with self._lock:
            self._screen.see(event, self._clock.monotonic())

    def state(self, state: RequestState) -> None:
        with self._lock:
            self._state = state

    def say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, highlight=False)

    def _picture(self) -> Tree | str:
        with self._lock:
            return view.tree(self._state, self._screen, self._clock.monotonic()) if self._state else ""


def display_for(*, json: bool, clock: Clock) -> Display:
    """What suits where the output goes."""
    if json:
        return Silent()
    console = Console()
    return LivingTree(console, clock) if console.is_terminal else PlainLines(console, clock)
