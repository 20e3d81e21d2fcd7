"""A task's workspace over several deliveries: each begins with what the journal says, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import NothingToCommit
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.task import Origin, TaskWorkspace
from beth_sdk.clock import SystemClock

Deliver = Callable[..., TaskWorkspace]


@pytest.fixture
def deliver(tmp_path: Path, repository: RequestRepository) -> Deliver:
    """Another delivery of task `t1`, under the next epoch."""
    epochs = iter(range(1, 100))

    def make(origin: Origin | None = None, task: str = "t1") -> TaskWorkspace:
        return TaskWorkspace(origin or Origin(tmp_path / "home", "r1"), task, next(epochs), SystemClock())

    return make


async def test_a_task_begins_at_the_branch_or_at_the_commit_it_was_given(
    deliver: Deliver, repository: RequestRepository, tmp_path: Path
) -> None:
    first = deliver()
    assert (await first.clone()).directory == first.directory == tmp_path / "home" / "work" / "r1" / "t1"
    assert await first.base() == await first.head() == await repository.head()
    (first.directory / "new.txt").write_text("new\n")
    commit = await first.commit("New", role="developer", when=1.0)
    assert await first.base() == await repository.head()

    later = deliver(Origin(tmp_path / "home", "r1", commit), "t2")
    assert await later.head() == commit
    assert (later.directory / "new.txt").exists()


async def test_a_delivery_goes_on_from_the_last_replayed_snapshot(deliver: Deliver) -> None:
    first = deliver()
    directory = (await first.clone()).directory
    (directory / "app.py").write_text("changed\n")
    (directory / "new.txt").write_text("new\n")
    taken = await first.snapshot()
    (directory / "later.txt").write_text("nobody journaled this\n")

    second = deliver()
    second.replayed(taken)
    second.replayed(None)  # a step that left the workspace alone
    assert await second.changed() == ("app.py", "new.txt")
    assert await second.snapshot() == taken


async def test_without_a_snapshot_what_a_dead_worker_left_is_gone(deliver: Deliver) -> None:
    first = deliver()
    directory = (await first.clone()).directory
    (directory / "app.py").write_text("changed\n")
    (directory / "new.txt").write_text("new\n")
    await first.commit("Never journaled", role="developer", when=1.0)

    second = deliver()
    assert await second.changed() == ()
    assert await second.head() == await second.base()
    assert not (directory / "new.txt").exists()


@pytest.mark.parametrize("left", ["t1", "t1.git"])
async def test_half_of_a_clone_that_is_left_is_made_whole(deliver: Deliver, left: str) -> None:
    first = deliver()
    directory = (await first.clone()).directory
    gone = directory if left == "t1.git" else directory.with_name("t1.git")
    shutil.rmtree(gone)

    second = deliver()
    assert await second.changed() == ()
    assert (directory / "app.py").read_text() == "one\ntwo\nthree\n"


async def test_ignored_files_that_did_not_come_along_are_named(deliver: Deliver) -> None:
    first = deliver()
    directory = (await first.clone()).directory
    (directory / ".gitignore").write_text("*.log\n")
    (directory / "x.log").write_text("noise\n")
    taken = await first.snapshot()
    shutil.rmtree(directory)
    shutil.rmtree(directory.with_name("t1.git"))

    second = deliver()
    second.replayed(taken)
    await second.clone()
    assert second.lost == ("x.log",)


async def test_the_same_commit_asked_for_again_is_the_one_that_is_there(deliver: Deliver) -> None:
    task = deliver()
    directory = (await task.clone()).directory
    (directory / "new.txt").write_text("new\n")
    first = await task.commit("New\n\nWhy.", role="developer", when=5.7)
    assert await task.commit("New\n\nWhy.", role="developer", when=5.7) == first == await task.committed()
    for message, role, when in (
        ("Other", "developer", 5.7),
        ("New\n\nWhy.", "tester", 5.7),
        ("New\n\nWhy.", "developer", 6.7),
    ):
        with pytest.raises(NothingToCommit):
            await task.commit(message, role=role, when=when)


async def test_both_sides_of_a_conflict_are_laid_out_until_they_are_committed(
    deliver: Deliver, repository: RequestRepository, tmp_path: Path
) -> None:
    sides = []
    for name in ("ours", "theirs"):
        side = deliver(task=name)
        (await side.clone()).directory.joinpath("app.py").write_text(f"{name}\n")
        sides.append(await side.commit(name, role="developer", when=1.0))
    await repository.move_branch(sides[0], await repository.head())
    conflict = await repository.merge(sides[1], "Merge", identity_of("beth"))
    assert isinstance(conflict, Conflict)

    origin = Origin(tmp_path / "home", "r1", conflict=conflict)
    for _ in range(2):  # a worker that died in the first step begins again
        task = deliver(origin)
        assert "<<<<<<<" in (await task.clone()).directory.joinpath("app.py").read_text()
        assert await task.merging()
        assert await task.base() == sides[0]
    task.directory.joinpath("app.py").write_text("both\n")
    merged = await task.commit("Both", role="developer", when=2.0)
    assert not await task.merging()
    assert await repository.contains(merged, sides[1])
    assert await task.commit("Both", role="developer", when=2.0) == merged


async def test_the_patch_of_a_task_holds_what_is_committed_and_what_is_not(deliver: Deliver) -> None:
    task = deliver()
    directory = (await task.clone()).directory
    (directory / "app.py").write_text("changed\n")
    commit = await task.commit("Change", role="developer", when=1.0)
    (directory / "new.txt").write_text("new\n")
    assert {"+changed", "+new"} <= set((await task.diff()).splitlines())
    assert "+changed" not in await task.diff(commit)


async def test_bytes_are_kept_under_a_name_that_is_theirs(deliver: Deliver) -> None:
    name = await deliver().keep(b"\0bytes")
    assert await deliver().keep(b"\0bytes") == name
    assert await deliver().fetch_kept(name) == b"\0bytes"
