"""What `beth up` shows of its processes: their output, marked, and what happens to them, in words or as JSON."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import click

from beth_sdk.cli.options import ExitCode, note, show_json
from beth_sdk.cli.supervisor import Happening, Place
from beth_sdk.cli.text import span
from beth_sdk.clock import Clock
from beth_sdk.messages import timestamp


def in_words(happening: Happening) -> str:
    """A line for people about something that happened."""
    name, data = happening.place.name, happening.data
    match happening.event:
        case "started":
            return f"{name} started (process {data['pid']})"
        case "exited":
            return f"{name} {ending(data['exit_code'])} after {span(data['seconds'])}"
        case _:
            return f"{name} is started again in {span(data['delay'])}"


def ending(code: int) -> str:
    """An exit code in words; a negative one is a signal's."""
    if code == 0:
        return "ended"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    if code == ExitCode.USAGE:
        return "is configured wrongly, and ended"
    return f"crashed (exit code {code})"


def as_document(happening: Happening, wall: float) -> dict[str, Any]:
    """What `--json` prints about something that happened; `wall` in seconds since the Unix epoch."""
    place = happening.place
    return {
        "event": happening.event,
        "role": place.role,
        "index": place.index,
        **happening.data,
        "time": timestamp(wall),
    }


class Screen:
    """Standard output and error of `beth up`. `width`: of the longest mark. Nothing here raises for a reader that is
    gone: `on_gone` is called instead, once."""

    def __init__(self, width: int, clock: Clock, *, as_json: bool) -> None:
        self.on_gone: Callable[[], None] = lambda: None
        self._width = width
        self._clock = clock
        self._as_json = as_json
        self._gone = False

    def tell(self, happening: Happening) -> None:
        """Show what happened: words on standard error, or with `as_json` a document on standard output."""
        if self._as_json:
            self._guarded(lambda: show_json(as_document(happening, self._clock.wall())))
        else:
            self.say(in_words(happening))

    def output(self, place: Place, line: str) -> None:
        """Pass on a line of a process."""
        self._guarded(lambda: click.echo(f"{place.name.ljust(self._width)} | {line}", err=True))

    def say(self, message: str) -> None:
        """A line of `beth up` itself."""
        self._guarded(lambda: note(message))

    def _guarded(self, write: Callable[[], None]) -> None:
        if self._gone:
            return
        try:
            write()
        except OSError:
            self._gone = True
            self.on_gone()
