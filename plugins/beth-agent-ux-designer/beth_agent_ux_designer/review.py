"""Whether a review's verdict follows from what was looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_agent_ux_designer import contrast
from beth_kit.claims.said import unsaid

TOLERABLE = frozenset({"low", "info"})
"""Severities that do not stand in the way of an approval."""


def problems(result: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[str]:
    """What does not add up in the result of `review`; `wanted` are the task's acceptance criteria."""
    verdict, checked = result["verdict"], result["checked"]
    for one in unsaid(wanted, [entry["subject"] for entry in checked]):
        yield f"`checked` lacks the task's criterion {one!r}: look at it, and copy it word for word"
    yield from contrast.problems(result["contrast"])
    grave = [one["title"] for one in verdict.get("findings", []) if one["severity"] not in TOLERABLE]
    if verdict["decision"] == "changes_requested":
        if not grave:
            yield "changes are requested, but no finding is above low: add what is to change, or approve"
        return
    for title in grave:
        yield f"approved, but the finding {title!r} is above low: request changes"
    for entry in checked:
        if entry["outcome"] == "fail":
            yield f"approved, but {entry['subject']!r} failed: request changes, with a finding"
    for one in contrast.too_low(result["contrast"]):
        yield f"approved, but {one}: request changes, with a finding"
    if all(entry["outcome"] == "not_checked" for entry in checked):
        yield "approved, but nothing was checked: look, run, or compute, before you approve"
