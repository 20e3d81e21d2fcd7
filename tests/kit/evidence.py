"""What is known of one run of a task, once it is over, from outside the worker: ledger, journal, repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_sdk.history import STEP_DONE
from beth_sdk.journal.base import Entry
from beth_sdk.messages import Result

Place = tuple[str, int]
"""A step: its name, and how many of this name came before."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the model's server got. `digest` is of its whole body; `comparable` too, but for commits' names.
    `said`: its last message."""

    turn: int
    key: str
    digest: str
    comparable: str
    said: str


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill -9. `outcomes`: how many the journal had then, `turns` of them the model's; `calls`: how many the model's
    server had got. `during`: what it hit."""

    outcomes: int
    turns: int
    calls: int
    during: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says; its date and its name are of one run."""

    tree: str
    author: str
    message: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run. `tree`: of the task's last commit; `left`: of what was in the work tree at the end."""

    result: Result
    entries: Sequence[Entry]
    calls: Sequence[Call]
    kills: Sequence[Kill]
    commits: Sequence[Commit]
    tree: str
    left: str
    seconds: float
    exit_status: int

    @property
    def outcomes(self) -> Mapping[Place, Any]:
        """The outcomes that the journal has, the first where there are several, in order."""
        found: dict[Place, Any] = {}
        for entry in self.entries:
            if entry.fact.kind == STEP_DONE:
                found.setdefault(place_of(entry), entry.fact.data["outcome"])
        return found


def place_of(entry: Entry) -> Place:
    """Which step a fact is about."""
    return str(entry.fact.data["name"]), int(entry.fact.data["n"])


def size_of(entry: Entry) -> int:
    """Bytes of a fact's JSON."""
    return len(json.dumps(dict(entry.fact.data), ensure_ascii=False, separators=(",", ":")).encode())


def commits_of(repository: Path, commit: str) -> list[Commit]:
    """The history of a commit, the oldest first."""
    told = git(repository, "log", "--reverse", "--format=%T%x00%an <%ae>, %cn <%ce>%x00%B%x01", commit, "--")
    return [Commit(*one.strip("\n").split("\0")) for one in told.split("\1") if one.strip()]


def git(repository: Path, *words: str) -> str:
    """What git prints."""
    ended = subprocess.run(["git", "--git-dir", str(repository), *words], capture_output=True, text=True, check=True)
    return ended.stdout
