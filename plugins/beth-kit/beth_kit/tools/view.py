"""What a model sees of files and folders: numbered lines, two levels of names, never more than it can use."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import BinaryIO

from beth_kit.tools.base import MAX_OUTPUT

MOST_BYTES = 1024 * 1024
"""Of a file that is shown without a range."""

MOST_SEARCHED = 100 * 1024 * 1024
"""Bytes of a file that are read to find a range in it."""

LONGEST_LINE = 2000
"""Characters of a line that are shown."""

MOST_NAMES = 200
"""Of one folder."""


class NotShown(Exception):
    """Why a file is not shown, in words for a model."""


def lines(file: BinaryIO, wanted: Sequence[int] | None) -> str:
    """Lines with their numbers, from `wanted[0]` to `wanted[1]` (-1: the last); as many as a model gets at once.

    Raises `NotShown` for what is no text, or is too much.
    """
    size = os.fstat(file.fileno()).st_size
    first, last = _range(wanted)
    if wanted is None and size > MOST_BYTES:
        raise NotShown(f"it has {size:,} bytes: name the lines to see in view_range, or look for them with bash")
    if size > MOST_SEARCHED:
        raise NotShown(f"it has {size:,} bytes: look into it with bash (head, grep, sed -n)")
    if b"\0" in file.read(8192):
        raise NotShown(f"it is a binary file of {size:,} bytes: look into it with bash (file, xxd)")
    file.seek(0)
    return _numbered(file, first, last)


def _range(wanted: Sequence[int] | None) -> tuple[int, int | None]:
    if wanted is None:
        return 1, None
    if len(wanted) != 2 or wanted[0] < 1 or (wanted[1] != -1 and wanted[1] < wanted[0]):
        raise NotShown("view_range is two numbers: the first line, from 1, and the last, or -1 for the end")
    return wanted[0], None if wanted[1] == -1 else wanted[1]


def _numbered(file: BinaryIO, first: int, last: int | None) -> str:
    shown: list[str] = []
    room = MAX_OUTPUT
    number = 0
    while (line := _line(file)) is not None:
        number += 1
        if number < first:
            continue
        if last is not None and number > last:
            break
        numbered = f"{number:6}\t{line}"
        if len(numbered) > room and shown:
            return "\n".join([*shown, f"[cut: go on with view_range=[{number}, {-1 if last is None else last}]]"])
        shown.append(numbered)
        room -= len(numbered) + 1
    if shown:
        return "\n".join(shown)
    return "[the file is empty]" if number == 0 else f"[the file has {number} lines]"


def _line(file: BinaryIO) -> str | None:
    """The next line, as much of it as is shown; None at the end."""
    kept = file.readline(4 * LONGEST_LINE)
    if not kept:
        return None
    left_out = 0
    last = kept
    while not last.endswith(b"\n") and (last := file.readline(64 * 1024)):
        left_out += len(last)
    text = kept.decode("utf-8", "replace").rstrip("\r\n").removeprefix("\ufeff")
    if len(text) <= LONGEST_LINE and not left_out:
        return text
    return f"{text[:LONGEST_LINE]} [… the line goes on]"


def around(content: bytes, start: int, end: int, context: int = 4) -> str:
    """The lines of `content` from the byte `start` to the byte `end`, with some before and after, numbered."""
    first = max(0, content.count(b"\n", 0, start) - context)
    last = content.count(b"\n", 0, end) + context
    found = [one.decode("utf-8", "replace").rstrip("\r") for one in content.split(b"\n")[first : last + 1]]
    if last + 1 > content.count(b"\n") and found and not found[-1]:
        found.pop()
    shown = [f"{first + 1 + at:6}\t{line[:LONGEST_LINE]}" for at, line in enumerate(found[:60])]
    return "\n".join([*shown, "[…]"] if len(found) > 60 else shown)


def names(folder: int) -> str:
    """Two levels of what is in an open folder; folders end in a slash, links say where they lead."""
    shown = "\n".join(_names(folder, "", 2))
    if len(shown) > MAX_OUTPUT:
        shown = shown[: shown.rfind("\n", 0, MAX_OUTPUT)] + "\n[… more: view one of the folders]"
    return shown or "[the folder is empty]"


def _names(folder: int, indent: str, levels: int) -> list[str]:
    found = sorted(name for name in os.listdir(folder) if name != ".git")
    shown: list[str] = []
    for name in found[:MOST_NAMES]:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        printed = indent + _printable(name)
        if stat.S_ISLNK(facts.st_mode):
            shown.append(f"{printed} -> {_printable(os.readlink(name, dir_fd=folder))}")
        elif stat.S_ISDIR(facts.st_mode):
            shown.append(f"{printed}/")
            shown += _below(name, folder, f"{indent}  ", levels - 1) if levels > 1 else []
        else:
            shown.append(printed)
    if len(found) > MOST_NAMES:
        shown.append(f"{indent}[… {len(found) - MOST_NAMES} more]")
    return shown


def _below(name: str, folder: int, indent: str, levels: int) -> list[str]:
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return [f"{indent}[{error.strerror}]"]
    try:
        return _names(inner, indent, levels)
    finally:
        os.close(inner)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
