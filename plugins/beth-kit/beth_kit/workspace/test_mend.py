"""What a task did to its work tree to keep the host's git from reading it, and that the host reads it all the same."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from beth_kit.sandbox.conftest import aside, give_up_capabilities
from beth_kit.workspace import worktree
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.mend import LARGEST_RULES, clear, permit
from beth_kit.workspace.snapshot import restore, snapshot

T = TypeVar("T")


def _confined(work: Callable[[], Awaitable[T]]) -> T:
    """Do something in a process for which permission bits hold, as they do not for root."""

    async def doing() -> T:
        return await work()

    return aside(lambda: give_up_capabilities() if os.geteuid() == 0 else None, lambda: asyncio.run(doing()))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mode", [0, 0o444, 0o555])
@pytest.mark.parametrize("name", ["app.py", "docs", ".", ".git", ".git/refs", ".gitignore", "own", "own/below"])
def test_permissions_that_were_taken_away_keep_nothing_from_being_recorded_and_restored(
    clone: TaskClone, name: str, mode: int
) -> None:
    root = clone.directory

    async def attack() -> tuple[str, ...]:
        before = await snapshot(clone, 1)
        (root / "app.py").write_text("changed\n")
        (root / "docs/new.md").write_text("new\n")
        (root / ".gitignore").write_text("*.o\n")
        (root / "a.o").write_text("x")
        (root / "own/.git/refs").mkdir(parents=True)
        (root / "own/.git/objects").mkdir()
        (root / "own/.git/HEAD").write_text("ref: refs/heads/main\n")
        (root / "own/below").mkdir()
        (root / "own/below/it.c").write_text("x")
        (root / name).chmod(mode)
        after = await snapshot(clone, 2)
        changed = await clone.changed()
        assert await clone.repository.git.line("show", f"{after.commit}:app.py") == "changed"
        assert set(changed) == {".gitignore", "app.py", "docs/new.md", "own/below/it.c"}
        (root / name).chmod(mode)
        await restore(clone, before)
        assert (root / "app.py").read_text() == "one\ntwo\nthree\n"
        assert not (root / "own").exists()
        assert not (root / "docs/new.md").exists()
        await restore(clone, after)
        (root / name).chmod(mode)
        await clone.commit("All", role="developer")
        return await clone.repository.files(after.commit)

    assert set(_confined(attack)) == {".gitignore", "app.py", "docs/guide.md", "docs/new.md", "own/below/it.c"}


def test_a_clone_without_permissions_is_removed(clone: TaskClone) -> None:
    async def attack() -> None:
        (clone.directory / "docs").chmod(0)
        await clone.remove()

    _confined(attack)

    assert not clone.directory.exists()


def test_the_process_of_these_tests_is_bound_by_permissions(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0)

    async def reads() -> bool:
        return os.access(tmp_path / "file", os.R_OK)

    assert not _confined(reads)


def test_permissions_are_given_back_behind_no_link_and_only_where_they_lack(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch(mode=0o000)
    outside.chmod(0o500)
    top = tmp_path / "top"
    (top / "shut").mkdir(parents=True)
    (top / "to-file").symlink_to(outside / "secret")
    (top / "to-directory").symlink_to(outside)
    for name, mode in (("read-only", 0o444), ("run", 0o755), ("shut/none", 0o010)):
        (top / name).touch()
        (top / name).chmod(mode)
    (top / "shut").chmod(0o005)

    permit(top)

    assert (_mode(outside), _mode(outside / "secret")) == (0o500, 0o000)
    assert (_mode(top / "read-only"), _mode(top / "run")) == (0o444, 0o755)
    assert (_mode(top / "shut"), _mode(top / "shut/none")) == (0o705, 0o610)


@pytest.mark.parametrize("modes", [(0o644, 0o755), (0o400, 0o500), (0o400, 0o100)])
@pytest.mark.parametrize(
    "names",
    [
        [".gitignore"],
        ["docs/.gitignore", ".gitattributes", "docs/.gitattributes"],
        ["own/.git/HEAD", "other/.git/HEAD"],
    ],
)
def test_no_fifo_holds_git_up(
    clone: TaskClone, names: list[str], modes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktree, "PATIENCE", 0.05)
    hurried = replace(clone, files=replace(clone.files, git=replace(clone.files.git, timeout=20.0)))

    async def attack() -> tuple[str, ...]:
        before = await snapshot(clone, 1)
        (clone.directory / "docs/guide.md").write_text("changed\n")
        for place in (clone.directory / name for name in names):
            if place.parent.name == ".git":
                (place.parent / "refs").mkdir(parents=True)
                (place.parent / "objects").mkdir()
            os.mkfifo(place)
            place.chmod(modes[0])
        for folder in {(clone.directory / name).parent for name in names}:
            folder.chmod(modes[1])
        after = await snapshot(hurried, 2)
        await hurried.commit("Some", ["docs"], role="developer")
        await restore(hurried, before)
        await restore(hurried, after)
        assert (clone.directory / "docs/guide.md").read_text() == "changed\n"
        return await clone.repository.files(after.commit)

    assert _confined(attack) == ("app.py", "docs/guide.md")


def test_a_tree_deeper_than_pythons_stack_hides_no_fifo(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1200):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    os.mkfifo(folders[-1] / ".gitignore")

    found = clear(tmp_path)

    left = (folders[-1] / ".gitignore").exists()
    (folders[-1] / ".gitignore").unlink(missing_ok=True)
    for folder in reversed(folders[1:]):
        folder.rmdir()  # what clears up after the tests cannot
    assert found
    assert not left


async def test_what_git_waits_for_is_looked_for_only_when_it_takes_long(
    clone: TaskClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(worktree, "mend", looked.append)
    monkeypatch.setattr(worktree, "permit", looked.append)
    monkeypatch.setattr(worktree, "PATIENCE", 100.0)

    await restore(clone, await snapshot(clone, 1))

    assert looked == []


def test_only_fifos_that_somebody_reads_or_rules_would_be_read_from_are_removed(tmp_path: Path) -> None:
    for name in ("queue", "read", ".gitignore"):
        os.mkfifo(tmp_path / name)
    (tmp_path / ".gitattributes").write_text("* text\n")
    reader = os.open(tmp_path / "read", os.O_RDONLY | os.O_NONBLOCK)

    assert clear(tmp_path)

    os.close(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitattributes", "queue"]
    assert not clear(tmp_path)


def test_rules_larger_than_git_takes_are_removed_though_they_take_no_disk(tmp_path: Path) -> None:
    for name in (".gitignore", "data"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(LARGEST_RULES + 1)

    assert clear(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["data"]
