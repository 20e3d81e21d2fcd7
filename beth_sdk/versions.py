"""Whether a package's version meets a task's `requires`, for the plain comparisons that a contract field needs."""

from __future__ import annotations

import re
from itertools import zip_longest

_CLAUSE = re.compile(r"(~=|==|!=|>=|<=|>|<)\s*v?(\d+(?:\.\d+)*)")


def satisfies(version: str, requires: str) -> bool:
    """Whether `version` meets every comma-separated clause (`>=1.2, <2`; also `==`, `!=`, `>`, `<=`, `~=` as PEP 440).

    Only the release numbers count: `1.2.0rc1` is compared as `1.2.0`. Raises ValueError for a clause it cannot read.
    """
    have = _numbers(version)
    return all(_meets(have, clause.strip()) for clause in requires.split(",") if clause.strip())


def _meets(have: tuple[int, ...], clause: str) -> bool:
    parsed = _CLAUSE.fullmatch(clause)
    if parsed is None:
        raise ValueError(f"not a version constraint: {clause!r}")
    operator, text = parsed.groups()
    want = tuple(int(part) for part in text.split("."))
    if operator == "~=" and len(want) < 2:
        raise ValueError(f"not a version constraint: {clause!r} (~= needs two numbers at least)")
    order = _compare(have, want)
    match operator:
        case "==":
            return order == 0
        case "!=":
            return order != 0
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case "<":
            return order < 0
        case _:
            return order >= 0 and _compare(have[: len(want) - 1], want[:-1]) == 0


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)


def _compare(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    for one, other in zip_longest(left, right, fillvalue=0):
        if one != other:
            return 1 if one > other else -1
    return 0
