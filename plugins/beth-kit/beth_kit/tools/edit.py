"""`edit`: look at files of the workspace and change them, exactly."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from typing import Annotated, Literal

from beth_kit.context import KitContext
from beth_kit.tools import view
from beth_kit.tools.base import ToolReply, tool
from beth_kit.tools.tree import Place, Refused, Tree

MOST_BYTES = 10 * 1024 * 1024
"""Of a file that is changed here."""

MOST_MATCHES = 20
"""Matches whose lines are named."""

LONGEST_NAMED = 300
"""Characters of a refused path that its event names."""


class NotDone(Exception):
    """Why a file was not changed, in words for a model."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: str
    view_range: list[int] | None
    file_text: str | None
    overwrite: bool
    old_str: str | None
    new_str: str | None
    insert_line: int | None


@tool
async def edit(  # noqa: PLR0917 - given by name
    ctx: KitContext,
    action: Annotated[Literal["view", "create", "str_replace", "insert"], "what to do"],
    path: Annotated[str, "a file of the workspace, or for view a folder; relative to the workspace"],
    view_range: Annotated[list[int] | None, "view: the first line and the last, -1 for the end"] = None,
    file_text: Annotated[str | None, "create: the whole content"] = None,
    overwrite: Annotated[bool, "create: replace the file that is there"] = False,
    old_str: Annotated[str | None, "str_replace: text that is in the file exactly once, blanks and all"] = None,
    new_str: Annotated[str | None, "str_replace: what takes its place; insert: the lines to insert"] = None,
    insert_line: Annotated[int | None, "insert: the line to insert after, 0 for the beginning"] = None,
) -> ToolReply:
    """View, create and change text files of the workspace.

    view: a file with line numbers, or two levels of a folder. create: a new file, with its folders. str_replace:
    replace a text that must match exactly one place. insert: lines after a line.
    """
    clone = await ctx.workspace.clone()
    wanted = _Wanted(path, view_range, file_text, overwrite, old_str, new_str, insert_line)
    tree = Tree(clone.directory, ctx.locks.uid)
    try:
        return ToolReply(await asyncio.to_thread(_ACTIONS[action], tree, wanted))
    except Refused as error:
        said = f"{action}: {path[:LONGEST_NAMED]}: {error}"
        shown = "".join(one if one.isprintable() else "?" for one in said[: 2 * LONGEST_NAMED])
        ctx.event("denied", shown, program="edit")
        return ToolReply(f"edit: {path}: {error}", error=True)
    except (NotDone, view.NotShown) as error:
        return ToolReply(f"edit: {path}: {error}", error=True)
    except OSError as error:
        return ToolReply(f"edit: {path}: {error.strerror or error}", error=True)


def _view(tree: Tree, wanted: _Wanted) -> str:
    with tree.place(wanted.path) as place:
        if stat.S_ISDIR(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            folder = os.open(place.name, flags, dir_fd=place.folder)
            try:
                return view.names(folder)
            finally:
                os.close(folder)
        with tree.reading(place) as file:
            return view.lines(file, wanted.view_range)


def _create(tree: Tree, wanted: _Wanted) -> str:
    if wanted.file_text is None:
        raise NotDone("create needs file_text")
    content = wanted.file_text.encode()
    with tree.place(wanted.path, make=True) as place:
        mode = _mode_of(place)
        if mode is not None and not stat.S_ISREG(mode):
            raise NotDone("there is something at this path that is no file")
        if mode is not None and not wanted.overwrite:
            raise NotDone("the file is there already: change it with str_replace, or replace it with overwrite=true")
        tree.write(place, content, 0o644 if mode is None else mode)
    count = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    return f"{'created' if mode is None else 'replaced'} {wanted.path}, {count} lines"


def _str_replace(tree: Tree, wanted: _Wanted) -> str:
    if not wanted.old_str:
        raise NotDone("str_replace needs old_str, which is not empty; create makes files, insert adds lines")
    if wanted.old_str == (wanted.new_str or ""):
        raise NotDone("old_str and new_str are the same: there is nothing to change")
    with tree.place(wanted.path) as place:
        content, mode = _content(tree, place)
        old, at = _only_place(content, wanted.old_str)
        new = _with_ends_of(content, wanted.new_str or "")
        changed = content[:at] + new + content[at + len(old) :]
        tree.write(place, changed, mode)
    return f"changed {wanted.path}; it now says:\n{view.around(changed, at, at + len(new))}"


def _insert(tree: Tree, wanted: _Wanted) -> str:
    if wanted.insert_line is None or wanted.new_str is None:
        raise NotDone("insert needs insert_line and new_str")
    with tree.place(wanted.path) as place:
        content, mode = _content(tree, place)
        lines = _lines(content)
        if not 0 <= wanted.insert_line <= len(lines):
            raise NotDone(f"insert_line must be from 0 to {len(lines)}, the number of its lines")
        end = b"\r\n" if _crlf(content) else b"\n"
        new = _with_ends_of(content, wanted.new_str)
        new = new if new.endswith(b"\n") else new + end
        before, after = b"".join(lines[: wanted.insert_line]), b"".join(lines[wanted.insert_line :])
        if before and not before.endswith(b"\n"):  # a last line without an end stays the file's way to end
            before, new = before + end, new.removesuffix(end)
        tree.write(place, before + new + after, mode)
    shown = view.around(before + new + after, len(before), len(before + new) - 1)
    return f"inserted into {wanted.path}; it now says:\n{shown}"


_ACTIONS = {"view": _view, "create": _create, "str_replace": _str_replace, "insert": _insert}


def _mode_of(place: Place) -> int | None:
    try:
        return os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _content(tree: Tree, place: Place) -> tuple[bytes, int]:
    with tree.reading(place) as file:
        facts = os.fstat(file.fileno())
        if facts.st_size > MOST_BYTES:
            raise NotDone(f"it has {facts.st_size:,} bytes: change it with a program (sed, a script)")
        content = file.read(MOST_BYTES + 1)
    if b"\0" in content[:8192]:
        raise NotDone("it is a binary file: change it with a program")
    return content, facts.st_mode


def _only_place(content: bytes, text: str) -> tuple[bytes, int]:
    """What is to be replaced, as the file has it, and where. Raises `NotDone` unless it is there exactly once."""
    old = text.encode()
    if old not in content and _crlf(content):
        old = _with_ends_of(content, text)
    found = _places(content, old)
    if len(found) == 1:
        return old, found[0]
    if found:
        lines = [str(content.count(b"\n", 0, at) + 1) for at in found[:MOST_MATCHES]]
        times = f"more than {MOST_MATCHES}" if len(found) > MOST_MATCHES else str(len(found))
        raise NotDone(f"old_str is there {times} times, on the lines {', '.join(lines)}: add lines around it")
    raise NotDone(f"old_str is not there: it must match exactly, blanks and line ends too{_nearest(content, text)}")


def _places(content: bytes, old: bytes) -> list[int]:
    found: list[int] = []
    at = content.find(old)
    while at >= 0 and len(found) <= MOST_MATCHES:
        found.append(at)
        at = content.find(old, at + 1)
    return found


def _nearest(content: bytes, text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "").encode()
    lines = [str(number) for number, line in enumerate(content.split(b"\n"), 1) if first and first in line]
    return f"; its first line is on {', '.join(lines[:MOST_MATCHES])}: view it there" if lines else ""


def _crlf(content: bytes) -> bool:
    """Whether most lines end as on Windows."""
    return content.count(b"\r\n") * 2 > content.count(b"\n")


def _with_ends_of(content: bytes, text: str) -> bytes:
    """`text` with the line ends that `content` has."""
    plain = text.encode()
    return plain.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if _crlf(content) else plain


def _lines(content: bytes) -> list[bytes]:
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
