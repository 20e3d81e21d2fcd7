"""Clones of tasks that are over are deleted whole, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_kit.sandbox import holding
from beth_kit.workspace import clearing, snapshot
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.clock import SystemClock

CLOCK = SystemClock()


@pytest.fixture
def home(repository: RequestRepository) -> Path:
    return repository.home


async def test_a_clone_goes_with_its_git_directory_and_the_home_of_its_tools(home: Path, clone: TaskClone) -> None:
    tools = clone.directory.with_name("t1.home")
    (tools / "tmp").mkdir(parents=True)
    assert clearing.requests_with_clones(home) == ["r1"]
    assert clearing.tasks_with_clones(home, "r1") == ["t1"]
    assert await clearing.clear(home, "r1", ["t1"], CLOCK) == []
    assert not (home / "work" / "r1").exists()
    assert clearing.requests_with_clones(home) == []


async def test_of_a_request_only_the_named_tasks_clones_go(
    home: Path, repository: RequestRepository, clone: TaskClone
) -> None:
    other = await TaskClone.open(repository, "t2")
    await clearing.clear(home, "r1", ["t1", "t3"], CLOCK)
    assert clearing.tasks_with_clones(home, "r1") == ["t2"]
    assert (other.directory / "app.py").read_text() == "one\ntwo\nthree\n"


async def test_a_folder_in_which_commands_worked_is_no_clone(home: Path, clone: TaskClone) -> None:
    written = home / "work" / "r1" / "PRD.md"
    written.write_text("what the user wants\n")
    assert clearing.tasks_with_clones(home, "r1") == ["t1"]
    await clearing.clear(home, "r1", ["t1", "PRD.md"], CLOCK)
    assert written.read_text() == "what the user wants\n"
    assert not clone.directory.exists()


async def test_what_was_committed_and_snapshotted_can_be_laid_out_again(
    repository: RequestRepository, clone: TaskClone
) -> None:
    (clone.directory / "app.py").write_text("four\n")
    commit = await clone.commit("Four", role="developer")
    (clone.directory / "app.py").write_text("five\n")
    taken = await snapshot.snapshot(clone, 1)
    await clearing.clear(repository.home, "r1", ["t1"], CLOCK)
    again = await TaskClone.open(repository, "t1", commit)
    assert (again.directory / "app.py").read_text() == "four\n"
    await snapshot.restore(again, taken)
    assert (again.directory / "app.py").read_text() == "five\n"
    assert await again.head() == commit


async def test_permissions_that_a_task_took_away_keep_nothing(home: Path, clone: TaskClone) -> None:
    closed = clone.directory / "closed" / "inner"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0)
    closed.parent.chmod(0o500)
    await clearing.clear(home, "r1", ["t1"], CLOCK)
    assert not (home / "work" / "r1").exists()


async def test_links_are_not_followed(home: Path, clone: TaskClone, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (clone.directory / "link").symlink_to(tmp_path / "kept")
    await clearing.clear(home, "r1", ["t1"], CLOCK)
    assert (tmp_path / "kept/file").exists()


async def test_a_deletion_that_was_cut_off_is_brought_to_its_end(home: Path, clone: TaskClone) -> None:
    gone = clone.directory.parent / f"{clearing.GONE}x"
    gone.mkdir()
    clone.git.git_dir.rename(gone / "t1.git")
    clone.directory.rename(gone / "t1")
    assert clearing.requests_with_clones(home) == ["r1"]
    assert clearing.tasks_with_clones(home, "r1") == []
    await clearing.clear(home, "r1", [], CLOCK)
    assert clearing.requests_with_clones(home) == []


async def test_a_clone_stays_while_a_program_of_its_task_will_not_end(
    home: Path, clone: TaskClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "_free", lambda descriptor: False)
    monkeypatch.setattr(holding, "PATIENCE", 0.0)
    assert await clearing.clear(home, "r1", ["t1"], CLOCK) == ["t1"]
    assert clone.directory.exists()
