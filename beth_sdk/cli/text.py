"""Text for people: tables, times, sizes, and foreign text made safe for a terminal. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NOTHING = "–"


def one_line(text: str, limit: int | None = None) -> str:
    """The text on one line of at most `limit` characters. Control characters are escaped, so that what an agent or a
    task says cannot steer the terminal or forge a line."""
    text = " ".join(text.split())
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"


def visible(line: str, limit: int | None = None) -> str:
    """A line as it stands, its blanks kept, in at most `limit` characters and without anything that could steer the
    terminal."""
    line = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line.expandtabs(4))
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def head(value: Any, limit: int | None = 80) -> str:
    """The beginning of a JSON value: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return one_line(value, limit)
    return one_line(json.dumps(value, ensure_ascii=False), limit)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under their headers, in columns two blanks apart; cells are made safe for a terminal."""
    cells = [[*headers], *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def span(seconds: float) -> str:
    """A length of time in its two largest units: `0.25 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, name, smaller, smaller_name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name} {rest} {smaller_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def moment(at: float) -> str:
    """Seconds since the Unix epoch as a date and time, UTC: `2026-01-30 10:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def time_of_day(at: float) -> str:
    """Seconds since the Unix epoch as a time of the day, UTC: `10:00:00`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def size(count: float) -> str:
    """Bytes in a unit that suits: `17 B`, `1.2 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def plural(count: int, noun: str, several: str | None = None) -> str:
    """`1 task`, `2 tasks`."""
    return f"{count} {noun if count == 1 else several or noun + 's'}"
