"""Documents with one thing changed, and when two documents are the same."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from beth_sdk.strict_json import walk

Path = tuple[str | int, ...]

_OTHERS: list[Any] = [
    None,
    True,
    False,
    0,
    0.0,
    1,
    1.0,
    -1,
    1.5,
    5,
    2**53 - 1,
    2**53,
    float(2**53),
    10**30,
    1e300,
    "",
    "1",
    "a",
    "A",
    "a b",
    "a..b",
    "../x",
    "/x",
    "x" * 129,
    "2026-02-30T10:00:00Z",
    "2026-01-30T10:00:00Z",
    "2.0",
    [],
    ["a"],
    [None],
    {},
    {"description": "d"},
    {"a": 1},
]


def changes(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one thing changed, for every place and every change, with a name for it."""
    for where, value in walk(document):
        for change, other in _other_values(value):
            yield f"{where}: {change}", changed(document, where, other)


def one_change(document: Any, random: Random) -> tuple[str, Any]:
    """The document with one thing changed, somewhere."""
    where, value = random.choice(list(walk(document)))
    change, other = random.choice(list(_other_values(value)))
    return f"{where}: {change}", changed(document, where, other)


def _other_values(value: Any) -> Iterator[tuple[str, Any]]:
    for other in _OTHERS:
        yield repr(other), copy.deepcopy(other)
    if isinstance(value, str):
        yield "a newline more", value + "\n"
        yield "a blank before", " " + value
        yield "longer", value * 200
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        yield "as a float", float(value)
    if isinstance(value, dict):
        yield "a field more", {**value, "x_unknown": [1]}
        for key in value:
            yield f"without {key}", {one: inner for one, inner in value.items() if one != key}


def changed(document: Any, where: Path, value: Any) -> Any:
    """A copy with another value in one place; what is beside it is shared."""
    if not where:
        return value
    copied = document.copy()
    copied[where[0]] = changed(document[where[0]], where[1:], value)
    return copied


def same(one: Any, other: Any) -> bool:
    """Whether two documents are the same JSON values: 1 is 1.0 and is not true; the order of keys means nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
