"""Whether requirements add up: ids, coverage of the task's criteria, criteria that can be tested, priorities. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_agent_product_manager import rice
from beth_kit.claims.documents import repeated
from beth_kit.claims.said import unsaid

_VAGUE = re.compile(
    r"\b(?:correctly|properly|appropriately|as expected|as intended|user-friendly|intuitive(?:ly)?|etc\.|and so on)",
    re.IGNORECASE,
)


def problems(prd: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[str]:
    """What does not add up in the result of a `prd`; `wanted` are the task's acceptance criteria."""
    yield from _ids(prd)
    yield from _coverage(prd, wanted)
    yield from _testable(prd)
    yield from rice.problems(prd["stories"])


def criteria_in(prd: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The criteria of all stories."""
    return [criterion for story in prd["stories"] for criterion in story["criteria"]]


def _ids(prd: Mapping[str, Any]) -> Iterator[str]:
    for name in repeated([story["id"] for story in prd["stories"]]):
        yield f"several stories have the id {name}: give each its own"
    for name in repeated([criterion["id"] for criterion in criteria_in(prd)]):
        yield f"several criteria have the id {name}: give each its own, for the tester refers to it"
    for story in prd["stories"]:
        for criterion in story["criteria"]:
            if criterion["id"].partition(".")[0] != story["id"]:
                yield f"criterion {criterion['id']} stands in story {story['id']}: its id begins with its story's"


def _coverage(prd: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[str]:
    known = {criterion["id"] for criterion in criteria_in(prd)}
    told = [entry["criterion"] for entry in prd["coverage"]]
    for one in unsaid(wanted, told):
        yield f"`coverage` lacks the task's criterion {one!r}: copy it word for word, and say which criteria test it"
    for one in unsaid(told, wanted) if wanted else ():
        yield f"`coverage` has {one!r} twice, or it is no criterion of the task: leave it out"
    for entry in prd["coverage"]:
        if strange := [name for name in entry["covered_by"] if name not in known]:
            yield f"{entry['criterion']!r} is covered by {', '.join(strange)}, which no story has"


def _testable(prd: Mapping[str, Any]) -> Iterator[str]:
    for criterion in criteria_in(prd):
        if vague := _VAGUE.search(criterion["then"]):
            yield f"{criterion['id']}: nobody can test {vague[0]!r}: say what is observed, with its number or words"
