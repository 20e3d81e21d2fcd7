"""A patch made fit for a terminal: nothing in it steers the terminal, and its lines have colours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click

# Tabs stay. What agents wrote must not move the cursor, name windows or reverse the reading direction.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def readable(printed: bytes) -> list[str]:
    """The lines of what git printed, with control characters escaped; bytes that are no UTF-8 are shown as such."""
    text = printed.decode("utf-8", "backslashreplace")
    return [_UNSAFE.sub(_escaped, line) for line in text.removesuffix("\n").split("\n")] if text else []


def coloured(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a patch with the colours that git gives them."""
    old = new = 0
    for line in lines:
        hunk = _HUNK.match(line) if not (old or new) else None
        if hunk is not None:
            old, new = (1 if count is None else int(count) for count in hunk.groups())
            yield click.style(hunk[0], fg="cyan") + line[hunk.end() :]
        elif old or new:
            # Within a hunk, a line "--- x" is a removed "-- x": only the counts tell where the hunk ends.
            sign = line[:1]
            old -= sign in {"-", " "}
            new -= sign in {"+", " "}
            yield click.style(line, fg={"-": "red", "+": "green"}[sign]) if sign in {"-", "+"} else line
        else:
            yield click.style(line, bold=True)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
