"""What a tool call is about, in a few words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beth_sdk.cli.text import one_line
from beth_sdk.redact import redact

MOST = 120
"""Characters of a gist."""

_TELLING = ("command", "path", "message", "question", "query", "url", "name", "packages", "text", "summary")
"""Names of arguments that say what a call is about, in the order of how much they say."""


def gist(arguments: Mapping[str, Any]) -> str:
    """The argument of a tool call that says most, on one line: `pytest -q`, `view src/app.py`."""
    for name in _TELLING:
        found = arguments.get(name)
        if isinstance(found, list):
            found = " ".join(str(one) for one in found)
        if isinstance(found, str) and found.strip():
            action = arguments.get("action")
            said = f"{action} {found}" if isinstance(action, str) and name == "path" else found
            return one_line(redact(said), MOST)
    for inner in arguments.values():
        if isinstance(inner, Mapping) and (found := gist(inner)):
            return found
    first = next((one for one in arguments.values() if isinstance(one, str) and one.strip()), "")
    return one_line(redact(first), MOST)
