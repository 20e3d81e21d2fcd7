"""Showing a request while it runs: a live tree on a terminal, plain lines in a pipe, nothing with `--json`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as LiveTree

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.terminal import view
from beth_agent_beth.terminal.live import Screen
from beth_agent_beth.terminal.marks import Signs
from beth_agent_beth.terminal.picture import Picture
from beth_sdk.cli.text import one_line
from beth_sdk.clock import Clock
from beth_sdk.history import TaskHistory
from beth_sdk.journal.base import Entry
from beth_sdk.messages import Event

REFRESH = 4
"""Pictures a second on a terminal."""

TOLD = frozenset({"accepted", "step", "progress", "log", "handed_over", "denied"})
"""Kinds of events that are lines in a pipe."""


class Display(Protocol):
    """Gets what happens; may be called from any thread. `state` comes after the `fact`s that it has folded; `begun` is
    what the journal says of a task that was at work before anybody watched."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def event(self, event: Event) -> None: ...
    def fact(self, entry: Entry) -> None: ...
    def begun(self, task_id: str, history: TaskHistory) -> None: ...
    def state(self, state: RequestState) -> None: ...
    def say(self, lines: Sequence[str]) -> None: ...


class Silent:
    """For `--json`: what happens is not shown, only what came of it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None: ...
    def fact(self, entry: Entry) -> None: ...
    def begun(self, task_id: str, history: TaskHistory) -> None: ...
    def state(self, state: RequestState) -> None: ...
    def say(self, lines: Sequence[str]) -> None: ...


class PlainLines:
    """A line for each change."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._signs = Signs.for_encoding(console.encoding)
        self._screen = Screen()
        self._last: RequestState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, event: Event) -> None:
        now = self._clock.monotonic()
        self._screen.see(event, now)
        one = self._last.tasks.get(event.task_id or "") if self._last else None
        if one is not None and event.kind in TOLD:
            said = f"{event.kind} {one_line(event.message or '')}".rstrip()
            self.say([f"  {one_line(one.agent)} {one_line(one.name)}: {said}"])

    def fact(self, entry: Entry) -> None:
        self._screen.note(entry)

    def begun(self, task_id: str, history: TaskHistory) -> None:
        self._screen.begun(task_id, history, self._clock.monotonic(), self._clock.wall())

    def state(self, state: RequestState) -> None:
        self._last = state
        now = self._clock.monotonic()
        changed = self._screen.look(state)
        self.say([view.plain(one, self._screen.live.get(one.id), now, self._signs) for one in changed])

    def say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LivingTree:
    """The tree of tasks, redrawn in place."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._screen = Screen()
        self._state: RequestState | None = None
        self._lock = threading.Lock()
        self._live = LiveTree(
            get_renderable=lambda: self,
            console=console,
            refresh_per_second=REFRESH,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def event(self, event: Event) -> None:
        with self._lock:
            self._screen.see(event, self._clock.monotonic())
            if self._state is not None:
                self._screen.look(self._state)

    def fact(self, entry: Entry) -> None:
        with self._lock:
            self._screen.note(entry)

    def begun(self, task_id: str, history: TaskHistory) -> None:
        with self._lock:
            self._screen.begun(task_id, history, self._clock.monotonic(), self._clock.wall())

    def state(self, state: RequestState) -> None:
        with self._lock:
            self._state = state
            self._screen.look(state)

    def say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, highlight=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:  # from the first line to the last: the tasks may be about to change
            if self._state is None:
                return []
            picture = Picture(self._state, self._screen, self._clock.monotonic(), self._clock.wall())
            return picture.lines(options.max_width, console.height, Signs.for_encoding(options.encoding))


def display_for(*, json: bool, clock: Clock) -> Display:
    """What suits where the output goes. A terminal that cannot move its cursor gets lines, and so does a pipe, whatever
    variables say that force colours."""
    if json:
        return Silent()
    console = Console()
    terminal = sys.stdout.isatty() and not console.is_dumb_terminal
    return LivingTree(console, clock) if terminal else PlainLines(console, clock)
