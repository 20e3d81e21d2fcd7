"""Whether a model goes in circles, seen from what it called and what came back. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

SAME = 4
"""Times that the same calls with the same answers come in a row before it counts."""

FAILURES = 3
"""Turns in a row in which a tool fails with the same words."""

ROUNDS = 3
"""Times that a cycle of several turns, such as A B A B A B, is gone through."""

LONGEST_CYCLE = 4
"""Turns of the longest cycle that is looked for."""

SILENT = 3
"""Replies in a row that call no tool."""

# What differs between two runs of the same command that did the same: durations, times of day, addresses in memory.
_FICKLE = re.compile(
    r"\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|secs?|seconds?)\b|\b\d\d:\d\d:\d\d(?:[.,]\d+)?|\b0x[0-9a-f]{6,}\b"
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One reply of a model and what came of it: `calls` as (tool, arguments as they were written), `answers` as
    (text, whether it is an error), in the same order. Without a call, the model only talked."""

    calls: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, bool], ...]


def stuck(turns: Sequence[Exchange]) -> str | None:
    """What the model is doing over and over at the end of `turns` (the oldest first), in words for it; None: nothing.

    Arguments are compared as JSON, and answers without durations, times of day and addresses, which differ anyway.
    """
    last = [_plain(turn) for turn in turns[-max(SAME, FAILURES, SILENT, ROUNDS * LONGEST_CYCLE) :]]
    return _silent(last) or _repeating(last) or _failing(last) or _cycling(last)


def _silent(turns: Sequence[Exchange]) -> str | None:
    if len(turns) < SILENT or any(turn.calls for turn in turns[-SILENT:]):
        return None
    return (
        f"Your last {SILENT} replies called no tool, so nothing happened. Work is done by calling tools, and a task "
        "ends by calling `finish`: call a tool now."
    )


def _repeating(turns: Sequence[Exchange]) -> str | None:
    if len(turns) < SAME or not turns[-1].calls or len(set(turns[-SAME:])) > 1:
        return None
    return (
        f"You called {_names(turns[-1:])} {SAME} times in a row with the same arguments and got the same answer each "
        "time. Calling it again will not change that. Think about what the answer tells you, and do something else."
    )


def _failing(turns: Sequence[Exchange]) -> str | None:
    if len(turns) < FAILURES:
        return None
    same = set.intersection(*(_failures(turn) for turn in turns[-FAILURES:]))
    if not same:
        return None
    tool, error = min(same)
    return (
        f"`{tool}` failed {FAILURES} times in a row with the same error: {_short(error)}\n"
        "Do not try that once more. Find out why it fails, or reach the goal in another way."
    )


def _cycling(turns: Sequence[Exchange]) -> str | None:
    for length in range(2, LONGEST_CYCLE + 1):
        seen = turns[-length * ROUNDS :]
        if len(seen) == length * ROUNDS and seen == [*seen[:length]] * ROUNDS and any(turn.calls for turn in seen):
            return (
                f"You have gone {ROUNDS} times through the same {length} turns, calling {_names(seen[:length])} with "
                "the same arguments and the same answers. Break out of the circle: do something you have not done yet."
            )
    return None


def _failures(turn: Exchange) -> set[tuple[str, str]]:
    """Tools that only failed in a turn, each with its error."""
    called = [(name, *answer) for (name, _), answer in zip(turn.calls, turn.answers, strict=False)]
    worked = {name for name, _, error in called if not error}
    return {(name, text) for name, text, error in called if error and name not in worked}


def _names(turns: Sequence[Exchange]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(name for turn in turns for name, _ in turn.calls))


def _plain(turn: Exchange) -> Exchange:
    calls = tuple((name, _canonical(arguments)) for name, arguments in turn.calls)
    return Exchange(calls, tuple((_FICKLE.sub("…", text), error) for text, error in turn.answers))


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:299]}…"
