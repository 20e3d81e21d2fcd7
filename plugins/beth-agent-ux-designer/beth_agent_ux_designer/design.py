"""Whether the design of a feature adds up: ids, success criteria, colours that can be told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_agent_ux_designer import contrast
from beth_agent_ux_designer.wcag import CRITERIA
from beth_kit.claims.documents import repeated

_MOST_ALIASES = 32


def problems(result: Mapping[str, Any]) -> Iterator[str]:
    """What does not add up in the result of `design`."""
    for name in repeated([flow["id"] for flow in result["flows"]]):
        yield f"several flows have the id {name}: give each its own"
    for name in repeated([token["name"] for token in result["tokens"]]):
        yield f"`tokens` has {name} several times: a name has one value"
    values = _values(result["tokens"])
    if not result["contrast"] and (names := [name for name, value in values.items() if value.startswith("#")]):
        yield f"{', '.join(names)} are colours, but `contrast` has no pair: compute each that must be told apart"
    yield from accessibility(result["accessibility"])
    yield from colours(result["contrast"], values)


def accessibility(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Numbers that are no success criterion of WCAG 2.1 A or AA."""
    for one in told:
        if one["criterion"] not in CRITERIA:
            yield f"{one['criterion']} is no success criterion of WCAG 2.1, A or AA: correct it, or leave it out"


def colours(pairs: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> Iterator[str]:
    """Pairs whose ratio is told wrong, or is too low for what they are."""
    yield from contrast.problems(pairs, values)
    for one in contrast.too_low(pairs, values):
        yield f"{one}: change one of the colours"


def _values(tokens: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The values of tokens by name, those of aliases as far as the result has them."""
    values = {one["name"]: one["value"].strip() for one in tokens}
    found = {}
    for name, value in values.items():
        for _ in range(_MOST_ALIASES):
            value = values.get(value.strip("{}"), value) if value.startswith("{") else value
        found[name] = value
    return found
