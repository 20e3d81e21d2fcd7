"""What the tests of commands share: a clock, programs written on the spot, a task."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import logs
from beth_sdk.agent import Signal
from beth_sdk.clock import SystemClock
from beth_sdk.command import CommandAgent
from beth_sdk.command.process import Ending, Program, run
from beth_sdk.history import TaskHistory
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Result, Task
from beth_sdk.settings import Settings
from beth_sdk.testing import ManualClock
from beth_sdk.worker.context import TaskContext

Script = Callable[[str], list[str]]
"""Writes Python source to a file and returns the command line that runs it."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(source: str) -> list[str]:
        file = tmp_path / f"script{len(list(tmp_path.glob('script*')))}.py"
        file.write_text(source, encoding="utf-8")
        return [sys.executable, "-I", str(file)]

    return write


@pytest.fixture
def task() -> Task:
    """The seed's task, as of a request."""
    return Task.model_validate(
        {
            "id": "task-abc123",
            "type": "implement",
            "agent": "developer",
            "payload": {
                "description": "Build user authentication with JWT",
                "acceptance_criteria": ["JWT access tokens with 15min expiry", "Refresh token rotation"],
            },
            "reply_to": "results.beth",
            "timestamp": "2026-01-30T10:00:00Z",
            "request_id": "req-1",
        }
    )


# -- runs of programs

Make = Callable[..., Program]


@pytest.fixture
def program(script: Script, tmp_path: Path) -> Make:
    def make(source: str, **changes: object) -> Program:
        fields: dict[str, object] = {
            "argv": script(source),
            "directory": tmp_path,
            "environment": {"PATH": os.environ["PATH"]},
            "stdin": b"",
            "stdout_limit": 1000,
            "timeout": None,
            "grace": 5.0,
        }
        return Program(**{**fields, **changes})  # type: ignore[arg-type]

    return make


class Watched:
    """Collects stderr, and lets a test wait until something stands there."""

    def __init__(self) -> None:
        self.text = b""
        self._more = asyncio.Event()

    def __call__(self, chunk: bytes) -> None:
        self.text += chunk
        self._more.set()

    async def shows(self, text: bytes) -> None:
        while text not in self.text:
            self._more.clear()
            await self._more.wait()


class Alive:
    """Tells when everybody is dead who inherited the writing end of a pipe by way of a path."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alive"
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._descriptor, True)

    def wait_for_end(self) -> None:
        """Returns when nobody has it open any more."""
        while os.read(self._descriptor, 100):
            pass
        os.close(self._descriptor)


@pytest.fixture
def alive(tmp_path: Path) -> Alive:
    return Alive(tmp_path)


async def finished(program: Program) -> Ending:
    return await run(program, stderr=lambda _chunk: None, clock=SystemClock())


# -- tasks of a CommandAgent


class KeptTask:
    """A task's journal without a worker: every delivery of it sees what the earlier ones wrote."""

    def __init__(self, task: Task, manifest: Manifest, clock: ManualClock) -> None:
        self.task = task
        self.manifest = manifest
        self.clock = clock
        self.facts: list[Fact] = []
        self.events: list[tuple[str, str | None]] = []
        self._entries: list[Entry] = []
        self._event = asyncio.Event()

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        for fact in new:
            self.facts.append(fact)
            self._entries.append(Entry(Version(len(self.facts)), fact, 1, self.clock.wall()))

    def emit(self, kind: str, message: str | None, data: dict[str, Any] | None) -> None:
        self.events.append((kind, message))
        self._event.set()

    def hook(self, name: str, record: object) -> None: ...

    def stopping(self) -> Signal | None:
        return None

    async def says(self, message: str) -> None:
        while ("progress", message) not in self.events:
            self._event.clear()
            await self._event.wait()

    def delivered(self, **changes: Any) -> TaskContext:
        """The context of a new delivery."""
        history = TaskHistory()
        for entry in self._entries:
            history.take_in(entry)
        return TaskContext(
            self.task.with_(**changes),
            self.manifest,
            history,
            self,
            clock=self.clock,
            log=logs.get("test"),
            version="test 1",
            trace_id="0" * 32,
            epoch=1,
        )

    def kinds(self) -> list[str]:
        return [fact.kind for fact in self.facts]


class Playing:
    """A CommandAgent with a manifest and a script in a folder, and the journal of its one task."""

    def __init__(self, folder: Path, task: Task, clock: ManualClock) -> None:
        self.folder = folder
        self._task = task
        self._clock = clock

    async def set_up(self, source: str, **manifest: Any) -> None:
        lines = {
            "manifest_version": 1,
            "role": "developer",
            "description": "Tests",
            "command": ["{python}", "./main.py"],
        }
        package = self.folder / "package"
        package.mkdir(exist_ok=True)
        toml = "\n".join(f"{name} = {_toml(value)}" for name, value in {**lines, **manifest}.items())
        (package / "agent.toml").write_text(toml)
        (package / "main.py").write_text("import json, os, signal, sys\n" + source)
        self.agent = CommandAgent(load_manifest(package), clock=self._clock)
        self.agent.settings = Settings.from_environment({"BETH_HOME": str(self.folder / "home")})
        await self.agent.setup()
        self.kept = KeptTask(self._task, self.agent.manifest, self._clock)

    async def execute(self, **changes: Any) -> Result:
        ctx = self.kept.delivered(**changes)
        return await self.agent.execute(ctx.task, ctx)

    def runs(self) -> int:
        """How often the script has counted itself."""
        counter = self.folder / "home" / "work" / "req-1" / "runs"
        return len(counter.read_text()) if counter.exists() else 0


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def playing(tmp_path: Path, task: Task, clock: ManualClock) -> Playing:
    return Playing(tmp_path, task, clock)
