"""Where the commands of a page are run: a home of Beth, a repository of the user's, and models that are scripted."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_sdk.cli.options import ExitCode
from beth_sdk.private import folder_mode
from tests.acceptance import team_script

REQUEST = "Users can reset their password"
PATIENCE = 60
"""Seconds that a command may take on a busy machine."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    printed: str


class Stage:
    """A folder that looks like a clone of Beth's repository to the commands of a page, with a home in `home`."""

    def __init__(self, folder: Path, criteria: Sequence[str] = ()) -> None:
        """`criteria`: those of the requests that will be played, if any has some."""
        self.folder = folder
        self.newest = ""
        """The id of the request that was made last."""
        self.asking = ""
        """The id of the last one that ended in a question."""
        self._criteria = criteria or [team_script.CRITERION]
        self.site = folder / "site"
        self.repository = folder / "shop"
        self._state = folder / "state"
        for new in (folder, self.site, folder / "home", folder / ".venv" / "bin"):
            new.mkdir(parents=True)
            new.chmod(folder_mode())
        program = folder / ".venv" / "bin" / "beth"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m beth_sdk.cli "$@"\n')
        program.chmod(0o755)
        self.cd(folder)
        self.cast()

    # -- commands -----------------------------------------------------------------------------

    def cd(self, folder: Path) -> None:
        """Where the next command is run, in the environment that a reader begins with."""
        self._state.write_text(f"cd {shlex.quote(str(folder))}\n")

    def sh(self, line: str) -> Ran:
        """Run a line of a page. What it exports, and where it goes, holds for the next one."""
        script = f". {self._state}\n{line}\ncode=$?\n{{ export -p; echo \"cd '$PWD'\"; }} >{self._state}\nexit $code"
        ran = subprocess.run(
            ["bash", "-c", script],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if made := re.findall(r"^beth-[a-z0-9]{8}$", ran.stdout, re.MULTILINE):
            self.newest = made[0]
            self.asking = made[0] if ran.returncode == ExitCode.WAITS else self.asking
        return Ran(ran.returncode, ran.stdout)

    def until_it_serves(self, line: str) -> Ran:
        """Run a line that goes on for ever, and stop it in order once it has said something."""
        process = subprocess.Popen(
            ["bash", "-c", f". {self._state}\nexec {line}"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, first + rest)

    def beth(self, *arguments: str) -> Ran:
        """A `beth` command that no page has."""
        return self.sh(shlex.join(["beth", *arguments]))

    def _environment(self) -> dict[str, str]:
        theirs = ("BETH_", "LLM_", "MESSAGE_", "GIT_")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(theirs) and not name.endswith("_API_KEY")
        }
        return {
            **kept,
            "HOME": str(self.folder),
            "PATH": f"{self.folder / '.venv' / 'bin'}:{kept['PATH']}",
            "PYTHONPATH": str(self.site),
            "BETH_HOME": str(self.folder / "home"),
            "BETH_MODELS": f"scripted/{self.folder / 'team.yaml'}",
            # What the commands say is the same either way, and not every machine can lock tools in.
            "BETH_SANDBOX": "off",
        }

    # -- what has to be there -----------------------------------------------------------------

    def cast(self, **developer: list[team_script.Turn]) -> None:
        """What the models say from now on: a team that makes no mistake, but for these turns of the developer."""
        roles = team_script.team()
        files = {"app.py": team_script.RIGHT, "tests/test_app.py": team_script.TEST}
        roles["developer"]["implement"][0] = team_script.put(files)
        roles["developer"] |= developer
        change = {"name": "change", "agent": "developer", "type": "implement", "size": "M"}
        change |= {"description": "Do it", "reason": "It is asked for"}
        roles["beth"] = team_script.planner({"name": "planned", "task": [change]})
        (self.folder / "team.yaml").write_text(json.dumps({"roles": self._fitted(roles)}))

    def _fitted(self, value: Any) -> Any:
        """The script with the folder of whatever request it is played for, and with the criteria of this one."""
        match value:
            case str():
                return value.replace(team_script.DOCUMENTS, r"docs/requests/{{seen: (?m)^- request (\S+)$}}")
            case dict():
                return {key: self._fitted(one) for key, one in value.items()}
            case list():
                return [self._fitted(one) for each in value for one in self._of_each_criterion(each)]
        return value

    def _of_each_criterion(self, value: Any) -> list[Any]:
        if not isinstance(value, dict) or team_script.CRITERION not in value.values():
            return [value]
        return [
            {key: criterion if one == team_script.CRITERION else one for key, one in value.items()}
            for criterion in self._criteria
        ]

    def repo(self) -> Path:
        """The user's repository, with a program that has a mistake, and another one that it was cloned from."""
        if self.repository.exists():
            return self.repository
        self.repository.mkdir()
        (self.repository / "app.py").write_text(f"{team_script.WRONG}\n")
        origin = self.folder / "origin.git"
        lines = [
            "git config --global user.name User && git config --global user.email user@example.org",
            "git init -q -b main && git add . && git commit -q -m First",
            f"git clone -q --bare . {origin} && git remote add origin {origin}",
        ]
        for line in lines:
            ran = subprocess.run(
                ["bash", "-c", line], cwd=self.repository, env=self._environment(), timeout=PATIENCE, check=False
            )
            assert ran.returncode == 0, line
        return self.repository

    def played(self, *options: str, code: int = 0) -> str:
        """Have a request of one task done, which ends with this exit code; returns its id."""
        ran = self.beth("run", REQUEST, "--workflow", str(self._one_task()), *options)
        assert ran.code == code, ran.printed
        return self.newest

    def submitted(self) -> str:
        """Hand in a request of one task, which nobody works at; returns its id."""
        ran = self.beth("submit", REQUEST, "--workflow", str(self._one_task()))
        assert ran.code == 0, ran.printed
        return self.newest

    def _one_task(self) -> Path:
        path = self.folder / "one.toml"
        path.write_text('name = "one"\n[[task]]\nname = "only"\nagent = "developer"\ntype = "implement"\n')
        return path

    def dead(self) -> str:
        """The name of a dead letter that nobody has decided about; one is made where there is none."""
        if not (found := self._dead()):
            self.cast(implement=[{"error": "refused"}])
            self.played(code=1)
            self.cast()
            found = self._dead()
        return str(found[0]["key"])

    def _dead(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.beth("dead", "list", "--json").printed)["dead"]
        return found

    def install(self, distribution: str, files: dict[str, str], entry_points: str) -> None:
        """Put a package of the page where Python finds it, as `pip install -e` would."""
        info = self.site / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        for name, text in files.items():
            path = self.site / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
