"""What came of each attack, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hostile.siege import Ended
from tests.hostile.tries import Try

LONGEST = 70
"""Characters of an event that are shown."""


def table(told: Mapping[str, tuple[Ended, Ended]]) -> str:
    """A line for each attack: in the control, in the sandbox, the first event. `told`: both of each mode."""
    modes = list(told)
    head = ("attack", *(f"off, {mode}" for mode in modes), *(f"on, {mode}" for mode in modes), "event")
    tries = told[modes[0]][0].tries.values()
    rows = [head, *((one.name, *_cells(one, told), _event(one, told[modes[0]][1])) for one in tries)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    seconds = ", ".join(f"{mode} {off.seconds:.0f} s and {on.seconds:.0f} s" for mode, (off, on) in told.items())
    return "\n".join([*lines, f"off and on took: {seconds}"])


def _cells(one: Try, told: Mapping[str, tuple[Ended, Ended]]) -> list[str]:
    return [_cell(one, pair[which]) for which in (0, 1) for pair in told.values()]


def _cell(one: Try, ended: Ended) -> str:
    successful = ended.answers[one.name][0].successful or (one.name.startswith("a process that") and ended.survivor)
    return "succeeds" if successful else "fails"


def _event(one: Try, ended: Ended) -> str:
    answer = ended.answers[one.name][0]
    said = [text for text in answer.denied if text.startswith(one.refused or "limit: ")]
    if said:
        return said[0] if len(said[0]) <= LONGEST else f"{said[0][:40]}…{said[0][41 - LONGEST :]}"
    return "-"
