"""Whether research adds up: what rests on what, and how sure one may be of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beth_kit.claims.documents import mentions, repeated

LEVELS = ("low", "medium", "high")
LOOKED_UP = frozenset({"file", "command", "url"})
"""Kinds of evidence that somebody else can look up too."""


def problems(result: Mapping[str, Any]) -> Iterator[str]:
    """What does not add up in the result of `research`."""
    yield from _ids(result)
    kinds = {one["id"]: one["kind"] for one in result["evidence"]}
    for question in result["questions"]:
        yield from _confidence(question, kinds)
    yield from _recommendation(result)


def _ids(result: Mapping[str, Any]) -> Iterator[str]:
    for what in ("questions", "evidence"):
        for name in repeated([one["id"] for one in result[what]]):
            yield f"`{what}` has {name} several times: give each its own id"
    known = {one["id"] for one in result["evidence"]}
    used = {name for question in result["questions"] for name in question["evidence"]}
    for question in result["questions"]:
        if strange := [name for name in question["evidence"] if name not in known]:
            yield f"{question['id']} rests on {', '.join(strange)}, which `evidence` does not have"
    for name in sorted(known - used):
        if not mentions(result["recommendation"]["because"], name):
            yield f"{name} supports nothing: name it where it does, or leave it out"


def _confidence(question: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[str]:
    found = {kinds[name] for name in question["evidence"] if name in kinds}
    if question["confidence"] == "high" and not found & LOOKED_UP:
        yield (
            f"{question['id']}: confidence is high, but nothing was looked up (kind file, command or url): "
            "look it up, or lower it"
        )
    elif question["confidence"] == "medium" and not found:
        yield f"{question['id']}: confidence is medium, but there is no evidence: give some, or say low"


def _recommendation(result: Mapping[str, Any]) -> Iterator[str]:
    told = result["recommendation"]
    names = [one["id"] for what in ("questions", "evidence") for one in result[what]]
    if not any(mentions(told["because"], name) for name in names):
        yield "`recommendation.because` names nothing it rests on: name questions or evidence, such as Q1 or E2"
    surest = max((one["confidence"] for one in result["questions"]), key=LEVELS.index)
    if LEVELS.index(told["confidence"]) > LEVELS.index(surest):
        yield f"the recommendation's confidence is {told['confidence']}, that of the surest answer {surest}: lower it"
