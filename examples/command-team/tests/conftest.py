"""What the tests of the example team share: its programs, run as Beth runs them, on a task of a request."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest

EXAMPLE = Path(__file__).parents[1]
PACKAGE = EXAMPLE / "beth_example_command_team"

SEED: dict[str, Any] = {
    "description": "Build user authentication with JWT",
    "acceptance_criteria": [
        "JWT access tokens with 15min expiry",
        "Refresh token rotation",
        "Secure httpOnly cookies",
    ],
}
"""The payload of the request that `make run` takes."""


def manifest(role: str) -> Manifest:
    return load_manifest(PACKAGE / role.replace("-", "_"))


@dataclass(frozen=True)
class Played:
    """What a program said."""

    code: int
    message: dict[str, Any]
    progress: list[str]
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = self.message["result"]
        return found


Play = Callable[..., Played]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The work directory of a request."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def play(work: Path) -> Play:
    """Runs a role's program on a payload, and holds what it says against the contract and its own schemas."""

    def run(role: str, payload: dict[str, Any] | None = None, kind: str | None = None) -> Played:
        declared = manifest(role)
        kind = kind or next(iter(declared.task_types))
        payload = SEED if payload is None else payload
        task = {"id": "task-1", "type": kind, "agent": role, "payload": payload, "timestamp": "2026-01-30T10:00:00Z"}
        schema.check("task", task)
        names = declared.task_types[kind]
        hold_against(declared, names.input, payload)
        played = play_raw(role, json.dumps(task).encode(), work)
        assert played.code == 0, played.stderr
        schema.check("result", {"task_id": "task-1", **played.message})
        hold_against(declared, names.output, played.result)
        return played

    return run


def hold_against(declared: Manifest, file: str | None, document: Any) -> None:
    assert declared.directory is not None
    assert file is not None
    rules = json.loads((declared.directory / file).read_text())
    assert schema.violations(rules, document, what=file) == []


def play_raw(role: str, stdin: bytes, work: Path) -> Played:
    """Run a role's command with these bytes on stdin, in a bare environment."""
    from beth_sdk.command.launch import arguments

    environment = {"PATH": os.environ["PATH"], "BETH_WORK_DIR": str(work), "LC_ALL": "C"}
    command = arguments(manifest(role), environment)
    ran = subprocess.run(command, input=stdin, capture_output=True, cwd=work, env=environment, check=False, timeout=60)
    lines = ran.stderr.decode().splitlines()
    progress = [json.loads(line)["progress"] for line in lines if line.startswith('{"progress"')]
    return Played(ran.returncode, json.loads(ran.stdout or b"{}"), progress, ran.stderr.decode())


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path there."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}
