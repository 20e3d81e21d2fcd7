"""Leaves of generated documents: hypothesis chooses them, because it likes edges; the same ones every time."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from datetime import UTC
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


def sampled(strategy: st.SearchStrategy[T], count: int = 100) -> list[T]:
    """Values of a strategy, the same ones every time."""
    found: list[T] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


_UTF8 = st.characters(codec="utf-8")
_NASTY = ["", " ", "a\n", "\0", "\u2028", "\u202e", "🦅", "0", "null", "..", "é", "e\u0301", "x" * 300]
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(_UTF8, max_size=8),
)


@functools.cache
def texts() -> list[str]:
    return [*sampled(st.text(_UTF8, max_size=20)), *_NASTY]


@functools.cache
def matching(pattern: str) -> list[str]:
    return sampled(st.from_regex(pattern.removesuffix("$") + r"\Z", alphabet=_UTF8))


@functools.cache
def times() -> list[str]:
    return [one.isoformat() for one in sampled(st.datetimes(timezones=st.just(UTC)))]


@functools.cache
def whole(least: int, most: int) -> list[int | float]:
    found: list[int | float] = [least, most, *sampled(st.integers(least, most))]
    return found + [float(one) for one in found if abs(one) < 2**53]


@functools.cache
def numbers(least: float, most: float | None, over: bool) -> list[float]:
    floats = sampled(st.floats(least, most, exclude_min=over, allow_nan=False, allow_infinity=False))
    return [*floats, *sampled(st.integers(int(least) + over, int(most or 2**53)))]


@functools.cache
def json_values() -> list[Any]:
    keys = st.text(_UTF8, max_size=6)
    return sampled(
        st.recursive(_SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(keys, one, max_size=3))
    )


_ODD_KEYS = ["", "x_team", "__class__", "__dict__", "model_config", "model_dump", "to_json", "self", "$ref", "a.b", "é"]


def unknown_field(random: Random, known: Mapping[str, Any]) -> tuple[str, Any]:
    """A field that an object's description does not know."""
    key = random.choice(_ODD_KEYS + texts())
    while key in known:
        key += "_"
    return key, copy.deepcopy(random.choice(json_values()))
