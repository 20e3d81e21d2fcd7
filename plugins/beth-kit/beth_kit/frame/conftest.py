"""Fixtures of the frame's tests: files of a repository, a manifest on disk, a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from beth_kit.workspace.conftest import plain, repository, users
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Task

__all__ = ["plain", "repository", "users"]


class Held:
    """A repository whose files are a table."""

    def __init__(self, held: Mapping[str, str | bytes]) -> None:
        self._held = held

    async def files(self) -> Sequence[str]:
        return tuple(self._held)

    async def read(self, path: str) -> bytes:
        found = self._held[path]
        return found if isinstance(found, bytes) else found.encode()


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Manifest]:
    """Writes an agent's folder: `manifest(files, "more = 1")`, and reads its manifest."""

    def make(files: Mapping[str, str] | None = None, more: str = "") -> Manifest:
        folder = tmp_path / "agent"
        folder.mkdir(exist_ok=True)
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        head = 'manifest_version = 1\nrole = "developer"\ndescription = "Implements features."\nclass = "a.b:C"\n'
        (folder / "agent.toml").write_text(head + more, encoding="utf-8")
        return load_manifest(folder)

    return make


@pytest.fixture
def task() -> Callable[..., Task]:
    """A task: `task(description=…)` sets fields of its payload, `task({"inputs": …})` fields of its own."""

    def make(fields: Mapping[str, Any] | None = None, /, **payload: Any) -> Task:
        return Task.model_validate(
            {
                "id": "task-1",
                "type": "implement",
                "agent": "developer",
                "payload": {"description": "Build user authentication with JWT", **payload},
                "request_id": "r1",
                "timestamp": "2026-01-30T10:00:00Z",
                **(fields or {}),
            }
        )

    return make
