"""Plays the demo, or a variant of its transcript, in a home of its own, by the command line that `make run` uses."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from beth_kit.model.transcript import located
from scripts.workspace import ROOT

Transcript = dict[str, Any]
"""What a role's YAML file holds."""


@dataclass(frozen=True)
class Played:
    """A request that was played. `request` is what `beth status --json` says of it."""

    home: Path
    code: int
    printed: str
    request: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.request["request_id"])

    @property
    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.request["tasks"]
        return found

    def task(self, name: str) -> dict[str, Any]:
        """The task of this name."""
        (found,) = [one for one in self.tasks if one["name"] == name]
        return found

    def beth(self, *arguments: str) -> str:
        """What a `beth` command prints of it."""
        return beth(self.home, *arguments)

    def checked_out(self, folder: Path) -> Path:
        """The branch in a folder of the user's."""
        self.beth("checkout", self.id, str(folder))
        return folder


def command_of_make() -> tuple[list[str], list[str]]:
    """The words of the `beth` command in `make run`, and the variables that it is not to see."""
    told = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in told.replace("\\\n", " ").splitlines() if "bin/beth run" in line]
    words = shlex.split(line)
    at = next(number for number, word in enumerate(words) if word.endswith("bin/beth"))
    return words[at + 1 :], [name for before, name in itertools.pairwise(words[:at]) if before == "-u"]


def play(home: Path, model: str = "demo") -> Played:
    """Play it to its end, or to a question, as `make run` does: nobody is there to type anything."""
    words, unset = command_of_make()
    words[words.index("demo")] = model
    ran = subprocess.run(
        [sys.executable, "-m", "beth_sdk.cli", *words],
        env=environment(home, unset),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    (found,) = re.findall(r"^(beth-\w+)$", ran.stdout, re.MULTILINE)[:1] or pytest_fails(ran.stdout)
    return Played(home, ran.returncode, ran.stdout, json.loads(beth(home, "status", found, "--json")))


def pytest_fails(printed: str) -> list[str]:
    """Fail with what was printed where there should be a request's id."""
    raise AssertionError(f"no request was made:\n{printed}")


def beth(home: Path, *arguments: str) -> str:
    """What a `beth` command prints."""
    command = [sys.executable, "-m", "beth_sdk.cli", *arguments]
    ran = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def environment(home: Path, unset: list[str] | None = None) -> Mapping[str, str]:
    """This process's environment with another home, and without a bus of somebody else's."""
    gone = {*(unset or ()), "MESSAGE_BUS_URL", "BETH_JOURNAL_URL", "BETH_MODELS"}
    return {**{name: value for name, value in os.environ.items() if name not in gone}, "BETH_HOME": str(home)}


# -- variants ---------------------------------------------------------------------------------


def without_the_fix(folder: Path) -> str:
    """The transcript without the turn that puts the defect right; the name of its model."""
    roles = transcript()
    turns = roles["developer"]["fix"]
    turns.remove(next(turn for turn in turns if turn.get("mark") == "fix"))
    return written(roles, folder)


def without_the_defect(folder: Path) -> str:
    """The transcript in which the developer writes at once what the fix would make of it; the name of its model."""
    roles = transcript()
    first = {call["arguments"]["path"]: call["arguments"] for call in calls(marked(roles, "implement", "defect"))}
    for call in calls(marked(roles, "fix", "fix")):
        change = call["arguments"]
        if change["path"] in first:
            text = first[change["path"]]["file_text"]
            assert text.count(change["old_str"]) == 1
            first[change["path"]]["file_text"] = text.replace(change["old_str"], change["new_str"])
    return written(roles, folder)


def transcript() -> Transcript:
    """The demo's roles, as plain values."""
    roles: Transcript = {}
    for file in located("demo").glob("*.yaml"):
        roles |= yaml.safe_load(file.read_text(encoding="utf-8"))["roles"]
    return roles


def marked(roles: Transcript, task_type: str, mark: str) -> Transcript:
    """The developer's turn with a mark."""
    (found,) = [
        turn
        for entry in roles["developer"][task_type]
        for turn in entry.get("first_of", [entry])
        if turn.get("mark") == mark
    ]
    return dict(found)


def calls(turn: Transcript) -> Iterator[Transcript]:
    """The calls of a turn that write a file."""
    yield from (call for call in turn["calls"] if call["name"] == "edit")


def written(roles: Transcript, folder: Path) -> str:
    """Roles as a transcript in a folder; the name of its model."""
    folder.mkdir(parents=True)
    (folder / "team.yaml").write_text(yaml.safe_dump({"roles": roles}, allow_unicode=True), encoding="utf-8")
    return f"scripted/{folder}"
