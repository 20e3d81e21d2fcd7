"""Takes documents apart: their links, headings, inline code and fenced blocks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.workspace import ROOT, files

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A Markdown file of this repository."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """The fenced blocks in one of these languages."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    @property
    def links(self) -> list[str]:
        """Where its links lead, those to other sites left out."""
        return [
            target for target in _LINK.findall(self.prose) if "://" not in target and not target.startswith("mailto:")
        ]

    @property
    def code(self) -> list[str]:
        """What stands in backquotes in a line of prose."""
        return _CODE.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link can lead to in it, as GitHub makes it of the headings."""
        return {
            re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")
            for heading in _HEADING.findall(self.prose)
        }

    @property
    def command_lines(self) -> list[list[str]]:
        """The commands in its shell blocks, each as words; comments, prompts and continuations are taken care of."""
        found: list[list[str]] = []
        for line in "\n".join(self.blocks("bash", "sh", "shell", "console")).replace("\\\n", " ").splitlines():
            found.append([])
            words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=";&|")
            words.whitespace_split = True
            for word in words:
                if set(word) <= set(";&|"):
                    found.append([])
                else:
                    found[-1].append(word)
        return [words for words in found if words]

    @property
    def beth_lines(self) -> list[list[str]]:
        """The arguments of each `beth` command among them, however the program is found."""
        found = []
        for line in self.command_lines:
            rest = line
            while rest and re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", rest[0]):
                rest = rest[1:]
            if rest and (rest[0] == "beth" or rest[0].endswith("/bin/beth")):
                found.append(rest[1:])
        return found


@cache
def documents() -> list[Document]:
    """Every Markdown file of this repository."""
    return [Document(path) for path in files(suffix=".md")]
