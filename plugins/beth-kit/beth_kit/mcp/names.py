"""Names of tools that every provider takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

LONGEST = 64
"""Characters of a tool's name that OpenAI, Anthropic and Gemini take, of letters, digits, _ and -."""


def tool_name(server: str, tool: str, taken: Collection[str]) -> str:
    """`<server>_<tool>` in the alphabet and length that providers take, and unlike all in `taken`."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server}_{tool}")
    name = plain if len(plain) <= LONGEST else _ended(plain, hashlib.sha256(plain.encode()).hexdigest()[:8])
    number = 2
    unique = name
    while unique in taken:
        unique, number = _ended(name, str(number)), number + 1
    return unique


def _ended(name: str, end: str) -> str:
    return f"{name[: LONGEST - len(end) - 1]}_{end}"
