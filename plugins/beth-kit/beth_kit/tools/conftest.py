"""A task's context for tests of tools: real git, sandbox and memory; steps run directly, people answer at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beth_kit.context import KitContext, Locks
from beth_kit.environment.packages import Packages
from beth_kit.memory.sqlite import SQLiteMemory
from beth_kit.model.base import ModelReply, ModelRequest
from beth_kit.sandbox.policy import Limits, Network, task_uid
from beth_kit.workspace.task import Origin, TaskWorkspace
from beth_sdk.agent import Context, Repeat
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.manifest import parse_manifest
from beth_sdk.messages import EventKind, Result, Task, WantedTask

MANIFEST = 'manifest_version = 1\nrole = "developer"\ndescription = "Writes code"\nclass = "team.developer:Developer"\n'

TASK = {
    "id": "task-1",
    "type": "implement",
    "agent": "developer",
    "request_id": "r1",
    "payload": {"description": "Write it"},
    "timestamp": "2026-01-30T10:00:00Z",
}


class DirectContext(Context):
    """The SDK's context without a worker. `events` are what was published; `answers` and `results` what people and
    other agents say; `asked` and `delegated` what they were told."""

    def __init__(self, task: Task, clock: Clock) -> None:
        self.task = task
        self.manifest = parse_manifest(MANIFEST)
        self.clock = clock
        self.events: list[tuple[str, str | None]] = []
        self.answers: list[str] = []
        self.results: list[Result] = []
        self.asked: list[tuple[str, Sequence[str] | None]] = []
        self.delegated: list[WantedTask] = []

    async def step(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        repeat: Repeat = "never",
        check: Callable[[], Awaitable[Any | None]] | None = None,
        **options: Any,
    ) -> Any:
        return await function(*args)

    async def progress(self, message: str, **data: Any) -> None:
        self.events.append(("progress", message))

    def event(self, kind: EventKind, message: str | None = None, **data: Any) -> None:
        self.events.append((kind, message))

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        self.asked.append((question, options))
        return self.answers.pop(0)

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        self.delegated += tasks
        return self.results

    @property
    def cancelled(self) -> bool:
        return False

    @property
    def notes(self) -> Sequence[str]:
        return ()

    def log(self, message: str, **data: Any) -> None:
        pass


class NoModel:
    """A model that no tool calls."""

    name = "none/none"

    def estimate(self, request: ModelRequest) -> float:
        raise AssertionError

    async def complete(self, request: ModelRequest) -> ModelReply:
        raise AssertionError

    async def close(self) -> None:
        return


@dataclass
class Contexts:
    """Makes contexts of one task under `home`: each call is another delivery of it, with its own `inner`."""

    home: Path
    uid: int | None = None
    inner: list[DirectContext] = field(default_factory=list)

    def make(
        self,
        *,
        network: Network = "none",
        task: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        enforced: bool = True,
        limits: Limits | None = None,
        origin: Origin | None = None,
    ) -> KitContext:
        made = DirectContext(Task.model_validate({**TASK, **(task or {})}), clock or SystemClock())
        self.inner.append(made)
        uid = self.uid if enforced else None
        started = origin or Origin(self.home, made.task.request_id or made.task.id)
        owner = None if uid is None else (uid, uid)
        return KitContext(
            made,
            workspace=TaskWorkspace(started, made.task.id, len(self.inner), made.clock, owner=owner),
            memory=SQLiteMemory(self.home / "memory.db", clock=made.clock),
            model=NoModel(),
            packages=Packages(self.home / "packages" / started.request_id),
            locks=Locks(enforced, network, uid, limits or Limits(wall=1800.0)),
        )

    @property
    def events(self) -> list[tuple[str, str | None]]:
        """What the last delivery published."""
        return self.inner[-1].events


def _home() -> Iterator[Path]:
    # Not pytest's tmp_path: its parents can be entered by their owner only.
    home = Path(tempfile.mkdtemp(prefix="beth-tools-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


home = pytest.fixture(_home, name="home")


@pytest.fixture(params=["same-user", "own-user"])
def contexts(request: pytest.FixtureRequest, home: Path) -> Contexts:
    """`own-user`: as where Beth is root, and each task's tools become a user of their own."""
    if request.param == "same-user":
        return Contexts(home)
    if os.geteuid() != 0:
        pytest.skip("needs root, to give the tools a user of their own")
    return Contexts(home, task_uid(str(home)))


@pytest.fixture
def kit_context(contexts: Contexts) -> KitContext:
    """The context of a task of the role `developer`, without network, in a workspace of its own."""
    return contexts.make()


@pytest.fixture
def repository_with(home: Path) -> Callable[[dict[str, str]], Path]:
    """Makes a user's repository of files; what begins with `#!` can be executed, and `-> target` is a link."""

    def make(files: dict[str, str]) -> Path:
        folder = home / "users"
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                file.symlink_to(content.removeprefix("-> "))
                continue
            file.write_text(content)
            file.chmod(0o755 if content.startswith("#!") else 0o644)
        who = ["-c", "user.name=User", "-c", "user.email=user@example.org"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "First"]):
            subprocess.run(["git", *words], cwd=folder, check=True, env={"PATH": os.environ["PATH"]})
        return folder

    return make
