"""Journaled steps: what identifies one, and what a replay finds of it. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from beth_sdk.errors import JournalMismatch, OutcomeTooLarge, StepRaised
from beth_sdk.history import Step, TaskHistory

MAX_OUTCOME_BYTES = 256 * 1024
"""A step's outcome stays under what a message may have; larger ones travel by reference."""


def digest_of(arguments: Any) -> str:
    """What a replay compares: SHA-256 over the arguments as canonical JSON, 16 hex digits.

    Raises TypeError for what is neither JSON nor a dataclass or model, and for what looks different every time.
    """
    try:
        _refuse_fickle(arguments)
        plain = to_jsonable_python(arguments)
    except (ValueError, TypeError, RecursionError) as error:  # pydantic's own is a ValueError
        raise TypeError(
            f"a step's arguments must be JSON values; pass input=… to say what identifies it: {error}"
        ) from None
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _refuse_fickle(value: Any) -> None:
    """Raises TypeError for a set, whose order differs from process to process, and for an iterator, which looking at
    it would use up."""
    if isinstance(value, AbstractSet | Iterator):
        raise TypeError(f"{type(value).__name__} has no order, or can be read only once; make a list of it")
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, BaseModel):
        value = [inner for _, inner in value]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif not isinstance(value, list | tuple):
        return
    for inner in value:
        _refuse_fickle(inner)


def outcome_of(name: str, returned: Any) -> Any:
    """What a function returned, as JSON gives it back. Raises TypeError, `OutcomeTooLarge`."""
    try:
        plain = to_jsonable_python(returned)
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except ValueError as error:  # pydantic's is one, and those of NaN, of bytes and of halves of surrogate pairs are
        raise TypeError(f"step {name}: what it returned is not JSON: {error}") from None
    if size > MAX_OUTCOME_BYTES:
        raise OutcomeTooLarge(name, size, MAX_OUTCOME_BYTES)
    return json.loads(text)


def shaped(outcome: Any, returns: type[Any] | None) -> Any:
    """The outcome as the caller asked for it: plain JSON, or an instance of `returns`."""
    # By way of text, so that a strict model takes a date, or a tuple, in the form that JSON has for it.
    return outcome if returns is None else TypeAdapter(returns).validate_json(json.dumps(outcome))


class Replay:
    """The steps of one delivery as it meets them, beside those the journal has."""

    def __init__(self, history: TaskHistory, continuation: int, version: str) -> None:
        self._history = history
        self._continuation = continuation
        self._version = version
        self._met: dict[str, int] = {}

    def next_occurrence(self, name: str) -> int:
        """How often a step of this name was met before; counts this time."""
        occurrence = self._met.get(name, 0)
        self._met[name] = occurrence + 1
        return occurrence

    def asked(self, name: str, occurrence: int) -> int:
        """How often a person decided about this step when its outcome was unknown."""
        step = self._history.steps.get((name, occurrence))
        return int(step.data.get("asked", 0)) if step is not None else 0

    def recorded(self, name: str, occurrence: int, digest: str) -> Step | None:
        """What the journal has of this step. Raises `JournalMismatch` where it has another one in this place."""
        step = self._history.steps.get((name, occurrence))
        if step is None:
            return None
        if step.digest != digest:
            raise JournalMismatch(
                f"{name}[{occurrence}]",
                f"input {step.digest}",
                f"input {digest}",
                step.version or "an unknown version",
                self._version,
            )
        if step.state == "raised" and step.continuation < self._continuation:
            return None  # a person redrove the task: what raised before may be tried again
        return step


def description_of(error: Exception) -> dict[str, Any]:
    """What is journaled of the error of a step."""
    if isinstance(error, OutcomeTooLarge):
        return {"type": type(error).__name__, "message": str(error), "size": error.size, "limit": error.limit}
    assert isinstance(error, StepRaised)
    return {"type": error.error_type, "message": error.error_message}


def raised_again(name: str, data: Mapping[str, Any]) -> Exception:
    """The error of a step that raised and must not be repeated, as it was the first time."""
    error = data["error"]
    if "size" in error:
        return OutcomeTooLarge(name, int(error["size"]), int(error["limit"]))
    return StepRaised(name, str(error["type"]), str(error["message"]), retryable=False)
