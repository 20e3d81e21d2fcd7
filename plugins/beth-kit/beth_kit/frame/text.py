"""Text for a model: what can be stored, how much of it, and marked so that nobody takes it for something else. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, get_args

Tag = Literal["skill", "project_skill", "project_instructions", "role_instructions", "upstream_results", "task_fields"]
"""What fences are made of."""

_FENCE = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(get_args(Tag))})\b)", re.IGNORECASE)
_HARMLESS = str.maketrans({'"': "'", "<": "‹", ">": "›"})


def storable(text: str) -> str:
    """The text without what journals do not keep (NUL, halves of surrogate pairs), and with plain line ends."""
    plain = text.replace("\0", "\ufffd").replace("\r\n", "\n").removeprefix("\ufeff")
    return plain.encode("utf-8", "replace").decode("utf-8")


def size(value: Any) -> int:
    """Bytes that a JSON value takes in a step's outcome."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def cut(text: str, most: int, what: str) -> str:
    """The text, or as much from its beginning as takes `most` bytes in an outcome, with a note that names `what`; empty
    where not even the note has room."""
    if size(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(_with_note(text, middle, what)) <= most:
            low = middle
        else:
            high = middle - 1
    line = text.rfind("\n", 0, low)
    shortened = _with_note(text, line if line > low * 0.8 else low, what)
    return shortened if size(shortened) <= most else ""


def fenced(tag: Tag, text: str, **attributes: str) -> str:
    """The text between `<tag …>` and `</tag>`. Where it has one of the tags in it, that one cannot be taken for an end,
    nor for the beginning of something that counts more."""
    harmless = _FENCE.sub("&lt;", text)
    told = "".join(f' {name}="{one_line(value)}"' for name, value in attributes.items())
    return f"<{tag}{told}>\n{harmless.strip()}\n</{tag}>"


def one_line(text: str, most: int = 300) -> str:
    """The text in one line of at most `most` characters, fit to stand between quotes."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", storable(text)).translate(_HARMLESS).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _with_note(text: str, kept: int, what: str) -> str:
    return f"{text[:kept]}\n[… {what} goes on: {len(text) - kept:,} of {len(text):,} characters are left out here …]"
