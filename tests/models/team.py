"""Three throw-away roles that are nothing but a manifest and prompts, homes to run them in, and what is left there."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beth_kit.sandbox import probe

ROLES = {"product-manager": "prd", "developer": "implement", "tester": "verify"}
"""Each with the type of its task."""

WORKFLOW = ("--workflow", "three.toml")
"""The option that has them work, one after the other."""

_PLAN = """\
name = "three"
task = [
  {name = "requirements", agent = "product-manager", type = "prd"},
  {name = "implementation", agent = "developer", type = "implement", needs = ["requirements"]},
  {name = "verification", agent = "tester", type = "verify", needs = ["implementation"], gate = true},
]
"""

SECONDS = 240.0
"""How long a command may take."""

_MANIFEST = """\
manifest_version = 1
role = "{role}"
description = "One of three"
class = "beth_kit:LLMAgent"
limits = {{steps = 20, cost_usd = 5.0, attempts = 1}}

[task_types.{task_type}]
prompt = "prompts/{task_type}.md"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        assert self.stdout.startswith("{"), self.stdout + self.stderr
        return json.loads(self.stdout)


@dataclass
class Team:
    """A folder with the installed roles; `variables` are set for whatever runs in it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / WORKFLOW[1]).write_text(_PLAN, encoding="utf-8")
        for role, task_type in ROLES.items():
            self._install(role, task_type)

    def beth(
        self, home: str, *arguments: str, prefix: Sequence[str] = (), variables: Mapping[str, str] | None = None
    ) -> Ran:
        """Run `beth ARGUMENTS` in one of the homes, in an environment that has nothing but what it needs."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BETH_HOME": str(self.folder / home),
            "BETH_LOG_LEVEL": "debug",
            "BETH_SANDBOX": "on" if probe.probe().lacks is None else "off",
            **self.variables,
            **(variables or {}),
        }
        command = [*prefix, sys.executable, "-P", "-m", "beth_sdk.cli", *arguments]
        ran = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    @property
    def site(self) -> Path:
        """What is put on the path, in front."""
        return self.folder / "site"

    def prompt(self, role: str) -> Path:
        """The file of a role's prompt."""
        return self.site / _package(role) / "prompts" / f"{ROLES[role]}.md"

    def git(self, home: str, *arguments: str) -> str:
        """Ask the one repository of a home."""
        (repository,) = (self.folder / home / "repositories").glob("*.git")
        told = subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, timeout=60, check=True
        )
        return told.stdout

    def left(self, home: str) -> Iterator[tuple[str, bytes]]:
        """All that a home has: every file, every value of its databases, every object of its repositories."""
        for path in sorted((self.folder / home).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()
        for database in (self.folder / home).rglob("*.db"):
            yield from _values(database)
        for repository in (self.folder / home / "repositories").glob("*.git"):
            ask = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"]
            yield str(repository), subprocess.run(ask, cwd=repository, capture_output=True, check=True).stdout

    def _install(self, role: str, task_type: str) -> None:
        package = self.site / _package(role)
        (package / "prompts").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "prompts" / f"{task_type}.md").write_text(f"You are the {role}.\n\nDo what is asked for.\n")
        (package / "agent.toml").write_text(_MANIFEST.format(role=role, task_type=task_type))
        info = self.site / f"{_package(role)}-1.0.dist-info"
        info.mkdir()
        name = _package(role).replace("_", "-")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[beth.agents]\n{role} = {_package(role)}\n")


@contextmanager
def a_folder() -> Iterator[Path]:
    """One that other users may enter, for as long as this lasts: as root, each task's tools are a user of their own."""
    folder = Path(tempfile.mkdtemp(prefix="beth-models-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def models(names: Mapping[str, str]) -> list[str]:
    """The options that give each role its model."""
    return [argument for role, name in names.items() for argument in ("--model", f"{role}={name}")]


def _package(role: str) -> str:
    # Of several agents for one queue the first counts, by the name of the distribution.
    return f"a_throw_away_{role.replace('-', '_')}"


def _values(database: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, str | bytes):
                        yield f"{database}: {table}", value if isinstance(value, bytes) else value.encode()
