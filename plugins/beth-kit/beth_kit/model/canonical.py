"""What of a call decides its answer, so that a recorded one is found again elsewhere and at another time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from beth_kit.model.base import Message, ModelRequest

HOME = "⟪BETH_HOME⟫"
"""Stands in a recording for the folder in which Beth kept everything: a replay has another."""

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = rf"(?:\d{{4}}-\d\d-\d\d|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?{_MONTH} +\d\d?)"
_TIME = r"\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?"
_OF_THE_MOMENT = re.compile(
    rf"\b{_DAY}(?:[T ]+{_TIME})?(?: ?[A-Z]{{1,4}} \d{{4}}\b|Z\b)?|\b{_TIME}\b|\b0x[0-9a-f]{{6,}}\b"
    r"|\b(?:\d+m)?\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s|secs?|seconds?)\b"
)
"""Dates, times of day, durations, addresses in memory: what a command prints differently each time it runs."""


class Place:
    """Where Beth lives, taken out of whatever is recorded and put back into whatever is replayed."""

    def __init__(self, home: Path | None = None) -> None:
        given = () if home is None else (str(home.absolute()), str(home.resolve()))
        self._names = [name for name in given if name != "/"]

    def taken_out(self, value: Any) -> Any:
        """The same document without the folder's name."""

        def replaced(text: str) -> str:
            # The longer one first: the other may be a folder that it is in.
            for name in sorted(self._names, key=len, reverse=True):
                text = text.replace(name, HOME)
            return text

        return _mapped(value, replaced)

    def put_back(self, value: Any) -> Any:
        """The same document with this folder's name."""
        if not self._names:
            return value
        own = self._names[0]
        return _mapped(value, lambda text: text.replace(HOME, own))


def canonical(request: ModelRequest, place: Place | None = None) -> dict[str, Any]:
    """What decides: not how long one was ready to wait, nor where Beth lives, nor, in what tools say, the time."""
    document = {
        "role": request.role,
        "task_type": request.task_type,
        "messages": [_timeless(message) for message in request.messages],
        "tools": [dict(tool) for tool in request.tools],
        "output_schema": None if request.output_schema is None else dict(request.output_schema),
        "max_tokens": request.max_tokens,
    }
    found: dict[str, Any] = (place or Place()).taken_out(document)
    return found


def digest_of(request: ModelRequest, place: Place | None = None) -> str:
    """Names a recording: SHA-256 of the key and the canonical request, in hexadecimal."""
    named = [request.key, canonical(request, place)]
    text = json.dumps(named, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _timeless(message: Message) -> dict[str, Any]:
    content = message.get("content")
    if message.get("role") != "tool" or not isinstance(content, str):
        return dict(message)
    return {**message, "content": _OF_THE_MOMENT.sub("…", content)}


def _mapped(value: Any, function: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return function(value)
    if isinstance(value, Mapping):
        return {name: _mapped(one, function) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, function) for one in value]
    return value
