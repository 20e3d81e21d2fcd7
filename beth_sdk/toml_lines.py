"""Where each key of a TOML document stands: its path to its line, which the standard library's parser does not tell."""

from __future__ import annotations

import re
import tomllib

KeyPath = tuple[str | int, ...]
"""Keys and array indices from the top of the document."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""("{0,2})' r"|'''(?:[^']|'(?!''))*'''('{0,2})" r"|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (1-based) of every key, table header and array element. `text` must be valid TOML."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks a document that is known to be valid, so that it has to find keys and skip values, not to check them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.tables_of: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            table = self.header() if self.text[self.at] == "[" else self.pair(table)
            self.skip(_BLANK)
        return self.lines

    def header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`; returns the path that the pairs below it belong to."""
        array = self.text.startswith("[[", self.at)
        line = self.line
        self.at += 2 if array else 1
        path = self.inside_arrays(self.key())
        self.at = self.text.index("]", self.at) + (2 if array else 1)
        if array:
            number = self.tables_of.get(path, -1) + 1
            self.tables_of[path] = number
            self.lines.setdefault(path, line)
            path = (*path, number)
        self.note(path, line)
        return path

    def pair(self, table: KeyPath) -> KeyPath:
        """`key = value`; returns the table it stands in."""
        line = self.line
        path = (*table, *self.key())
        self.note(path, line)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)
        return table

    def key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            part = self.skip(_KEY)
            parts.append(str(tomllib.loads(f"k = {part}")["k"]) if part[0] in "\"'" else part)
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def value(self, path: KeyPath) -> None:
        self.skip(_SPACE)
        match self.text[self.at]:
            case "[":
                self.array(path)
            case "{":
                self.inline_table(path)
            case '"' | "'":
                self.skip(_STRING)
            case _:
                self.skip(_SCALAR)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        number = 0
        while self.next_is_not("]"):
            self.note((*path, number), self.line)
            self.value((*path, number))
            number += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self.next_is_not("}"):
            self.pair(path)

    def next_is_not(self, closing: str) -> bool:
        """Step over blanks, comments and a comma; where the closing bracket follows, step over that too."""
        self.skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_BLANK)
        if self.text[self.at] != closing:
            return True
        self.at += 1
        return False

    def inside_arrays(self, keys: KeyPath) -> KeyPath:
        """A header's path with the index of the newest element after each array of tables it goes through."""
        path: KeyPath = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if path in self.tables_of and number < len(keys) - 1:
                path = (*path, self.tables_of[path])
        return path

    def note(self, path: KeyPath, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found[0]
