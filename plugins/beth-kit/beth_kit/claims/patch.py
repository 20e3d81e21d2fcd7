"""A patch as git writes it, in parts: which files changed, and which lines with their numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was added or removed; `number` counts from 1, in the new file or in the old one."""

    number: int
    text: str


@dataclass(slots=True)
class FilePatch:
    """One file's changes. `old` is None for a new file, `new` for a deleted one; both differ for a renamed one."""

    old: str | None
    new: str | None
    added: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where the file is, or was if it is gone."""
        return self.new or self.old or ""


def parse(patch: str) -> list[FilePatch]:
    """The files of a patch that `git diff` or `ctx.workspace.diff()` gave; of a binary file only the names."""
    found: list[FilePatch] = []
    lines = iter(patch.split("\n"))
    for line in lines:
        if line.startswith("diff --git "):
            found.append(_named(line.removeprefix("diff --git ")))
        elif found and (hunk := _HUNK.match(line)):
            _take_hunk(found[-1], hunk, lines)
        elif found:
            _take_header(found[-1], line)
    return found


def changed_paths(patch: str) -> list[str]:
    """Every path that a patch touches, in order: of a renamed file both."""
    return list(dict.fromkeys(path for one in parse(patch) for path in (one.old, one.new) if path))


def _named(both: str) -> FilePatch:
    """The two names of a `diff --git` line. They are the same but for a rename, whose names come in lines of their
    own, so half of the line is one name: blanks in it do no harm."""
    if both.startswith('"'):
        name = _unquoted(both[: re.match(r'"(?:\\.|[^"\\])*"', both).end()])  # type: ignore[union-attr]
    else:
        name = both[: len(both) // 2]
    name = name.removeprefix("a/")
    return FilePatch(name, name)


def _take_header(one: FilePatch, line: str) -> None:
    word, _, rest = line.partition(" ")
    match word:
        case "new" if rest.startswith("file mode"):
            one.old = None
        case "deleted" if rest.startswith("file mode"):
            one.new = None
        case "rename":
            side, _, name = rest.partition(" ")
            if side == "from":
                one.old = _unquoted(name)
            else:
                one.new = _unquoted(name)


def _take_hunk(one: FilePatch, hunk: re.Match[str], lines: Iterator[str]) -> None:
    """Only the counts tell where a hunk ends: a removed line `-- x` looks like a header."""
    old, new = int(hunk[1]), int(hunk[3])
    old_end, new_end = (
        start + (1 if hunk[group] is None else int(hunk[group])) for start, group in ((old, 2), (new, 4))
    )
    while old < old_end or new < new_end:
        line = next(lines, None)
        if line is None:
            return
        match line[:1]:
            case "-":
                one.removed.append(Line(old, line[1:]))
                old += 1
            case "+":
                one.added.append(Line(new, line[1:]))
                new += 1
            case "\\":
                pass  # no newline at the end of the file
            case _:
                old += 1
                new += 1


def _unquoted(name: str) -> str:
    """A name as git writes it where it has unusual characters: in quotes, with bytes as three octal digits."""
    if not (name.startswith('"') and name.endswith('"')):
        return name
    parts = bytearray()
    at = 1
    inner = name[:-1]
    while at < len(inner):
        found = _ESCAPED.match(inner, at)
        if found is None:
            parts += inner[at].encode("utf-8", "surrogateescape")
            at += 1
        else:
            code = found[1]
            parts.append(int(code, 8) if len(code) == 3 else _LETTERS.get(code, ord(code) % 256))
            at = found.end()
    return parts.decode("utf-8", "surrogateescape")
