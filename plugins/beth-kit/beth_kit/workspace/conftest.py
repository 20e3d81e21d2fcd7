"""Fixtures of the workspace's tests: real git, in directories of their own."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.repository import RequestRepository

Plain = Callable[..., str]


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    """Runs git as a user does: `plain(directory, *words)`, with no protection, and returns what it prints."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "User", f"GIT_{who}_EMAIL": "user@example.org"}

    def run(directory: Path, *words: str, check: bool = True) -> str:
        ended = subprocess.run(["git", *words], cwd=directory, env=env, capture_output=True, text=True, check=False)
        assert not check or ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    return run


@pytest.fixture
def users(tmp_path: Path, plain: Plain) -> Path:
    """A user's repository with one commit on `main`."""
    directory = tmp_path / "users"
    directory.mkdir()
    plain(directory, "init", "-q", "-b", "main")
    (directory / "app.py").write_text("one\ntwo\nthree\n")
    (directory / "docs").mkdir()
    (directory / "docs/guide.md").write_text("guide\n")
    plain(directory, "add", ".")
    plain(directory, "commit", "-q", "-m", "First")
    return directory


@pytest.fixture
async def repository(tmp_path: Path, users: Path) -> RequestRepository:
    """The repository of a request that started from the user's."""
    return await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))


@pytest.fixture
async def clone(repository: RequestRepository) -> TaskClone:
    """The clone of one task, at the request's branch."""
    return await TaskClone.open(repository, "t1")


@pytest.fixture
def digest() -> Callable[[Path], dict[str, str]]:
    """Everything in a directory, `.git` included: kind, mode, date of change and content by name."""

    def of(directory: Path) -> dict[str, str]:
        found = {}
        for path in sorted(directory.rglob("*")):
            facts = path.lstat()
            content = (
                str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            )
            found[str(path.relative_to(directory))] = (
                f"{facts.st_mode:o} {facts.st_mtime_ns} {hashlib.sha256(content).hexdigest()}"
            )
        return found

    return of
