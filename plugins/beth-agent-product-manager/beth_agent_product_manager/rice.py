"""RICE, the arithmetic of priorities: reach x impact x confidence / effort. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

IMPACTS = (0.25, 0.5, 1, 2, 3)
CONFIDENCES = (0.5, 0.8, 1)
"""The scales of both, as Intercom published the method; without them a score could be whatever one wants it to be."""


def problems(rated: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with the numbers of these, each with an `id` and a `rice`, and with their order."""
    for one in rated:
        yield from _numbers(one["id"], one["rice"])
    for before, after in pairwise(rated):
        if score(before["rice"]) < score(after["rice"]) - _tolerance(score(after["rice"])):
            yield f"{after['id']} scores more than {before['id']} before it: put the highest score first"


def score(rice: Mapping[str, Any]) -> float:
    """What the numbers come to."""
    return float(rice["reach"] * rice["impact"] * rice["confidence"] / rice["effort"])


def _numbers(name: str, rice: Mapping[str, Any]) -> Iterator[str]:
    for key, scale in (("impact", IMPACTS), ("confidence", CONFIDENCES)):
        if rice[key] not in scale:
            yield f"{name}: {key} is one of {', '.join(map(str, scale))}, not {rice[key]:g}"
    right = score(rice)
    if abs(rice["score"] - right) > _tolerance(right):
        sum_ = f"{rice['reach']:g} x {rice['impact']:g} x {rice['confidence']:g} / {rice['effort']:g}"
        yield f"{name}: the score of {sum_} is {right:.4g}, not {rice['score']:g}"


def _tolerance(right: float) -> float:
    # Half of the last digit where somebody rounds to one decimal, or to three figures.
    return max(0.05, 0.005 * right)
