"""What a program printed, as a model can read it: text without what only a terminal understands."""

from __future__ import annotations

import re

WINDOW = 256 * 1024
"""Bytes of the beginning and of the end that are looked at: what is between would be cut anyway."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]{0,100}[ -/]{0,10}[@-~]"  # CSI: colours, cursor (ECMA-48, 5.4)
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]{0,10}[0-~]"  # other escapes
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def readable(printed: bytes) -> str:
    """The text of `printed`: bytes that are no UTF-8 replaced, no escape sequences, no control characters but line ends
    and tabs, and of a line that was written over only its last state. Of more than two `WINDOW`s, both ends."""
    if len(printed) > 2 * WINDOW:
        return f"{_text(printed[:WINDOW])}\n[…]\n{_text(printed[-WINDOW:])}"
    return _text(printed)


def _text(printed: bytes) -> str:
    lines = _ESCAPES.sub("", printed.decode("utf-8", "replace")).split("\n")
    return _CONTROLS.sub("", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))
