"""Snapshots: the whole work tree, by epoch, and back."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import epochs, prune, restore, snapshot, taken


def _contents(directory: Path) -> dict[str, str]:
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if not name.startswith(".git/") and name != ".git" and not (path.is_dir() and not path.is_symlink()):
            executable = "x" if path.lstat().st_mode & 0o100 else "-"
            found[name] = f"link {path.readlink()}" if path.is_symlink() else f"{executable} {path.read_bytes()!r}"
    return found


async def test_a_snapshot_holds_untracked_and_uncommitted_files_and_no_ignored_ones(
    clone: TaskClone, repository: RequestRepository
) -> None:
    (clone.directory / ".gitignore").write_text("*.o\nbuild/\n")
    (clone.directory / "a.o").write_text("x")
    (clone.directory / "build").mkdir()
    (clone.directory / "build/out").write_text("x")
    (clone.directory / "new.txt").write_text("x")
    (clone.directory / "app.py").unlink()

    kept = await snapshot(clone, 3)

    assert kept.ref == "refs/beth/wip/t1/3"
    assert set(await repository.files(kept.ref)) == {".gitignore", "docs/guide.md", "new.txt"}
    assert kept.ignored_lost == ("a.o", "build/")
    assert await clone.head() == await repository.base()


async def test_a_snapshot_of_the_same_state_is_the_same_commit_under_every_epoch(clone: TaskClone) -> None:
    (clone.directory / "a").write_text("1")
    first = await snapshot(clone, 1)
    os.utime(clone.directory / "a", (1, 1))

    assert (await snapshot(clone, 1)).commit == first.commit
    assert (await snapshot(clone, 2)).commit == first.commit
    (clone.directory / "a").write_text("2")
    assert (await snapshot(clone, 2)).commit != first.commit


async def test_a_snapshot_leaves_the_work_tree_and_what_its_tools_see_untouched(
    clone: TaskClone, digest: Callable[[Path], dict[str, str]]
) -> None:
    (clone.directory / "a").write_text("1")
    before = digest(clone.directory)

    await snapshot(clone, 1)

    assert digest(clone.directory) == before


async def test_a_restore_brings_back_exactly_what_was_there(clone: TaskClone) -> None:
    root = clone.directory
    (root / "link").symlink_to("../../outside")
    (root / "dir").mkdir()
    (root / "dir/deep\nname").write_bytes(b"\x00\xff")
    (root / "run").write_text("x")
    (root / "run").chmod(0o755)
    (root / "app.py").unlink()
    before, kept = _contents(root), await snapshot(clone, 1)
    (root / "link").unlink()
    (root / "link").mkdir()
    (root / "link/file").write_text("x")
    (root / "dir/deep\nname").unlink()
    (root / "dir/other").write_text("x")
    (root / "run").chmod(0o644)
    (root / "app.py").write_text("again")
    (root / "docs/guide.md").write_text("GUIDE\n")
    assert _contents(root) != before

    restored = await restore(clone, kept)

    assert _contents(root) == before
    assert restored.ignored_lost == ()
    assert await snapshot(clone, 1) == kept


async def test_a_restore_keeps_ignored_files_that_were_there_and_deletes_later_ones(clone: TaskClone) -> None:
    root = clone.directory
    (root / ".gitignore").write_text("*.o\n")
    for name in ("kept.o", "lost.o"):
        (root / name).write_text("x")
    kept = await snapshot(clone, 1)
    (root / "lost.o").unlink()
    (root / "later.o").write_text("x")

    restored = await restore(clone, kept)

    assert restored.ignored_lost == ("lost.o",)
    assert (root / "kept.o").exists()
    assert not (root / "later.o").exists()


async def test_ignore_rules_changed_after_the_snapshot_hide_nothing_from_a_restore(clone: TaskClone) -> None:
    root = clone.directory
    before, kept = _contents(root), await snapshot(clone, 1)
    (root / ".gitignore").write_text("*\n")
    (root / "hidden").mkdir()
    (root / "hidden/x").write_text("x")
    (root / "app.py").unlink()
    (root / "app.py").mkdir()
    (root / "app.py/ignored").write_text("in the way")

    await restore(clone, kept)

    assert _contents(root) == before


async def test_a_snapshot_and_a_restore_keep_a_merge_in_progress(repository: RequestRepository) -> None:
    commits = []
    for task in ("t1", "t2"):
        one = await TaskClone.open(repository, task, await repository.base())
        (one.directory / "app.py").write_text(task)
        commits.append(await one.commit("Work", role="developer"))
    await repository.merge(commits[0], "Merge", identity_of("beth"))
    found = await repository.merge(commits[1], "Merge", identity_of("beth"))
    assert isinstance(found, Conflict)
    resolver = await TaskClone.open(repository, "t3")
    await resolver.begin_merge(found)
    kept = await snapshot(resolver, 1)
    await resolver.checkout(commits[1])

    await restore(resolver, kept)

    assert await resolver.parents() == (commits[0], commits[1])


async def test_a_restore_goes_back_behind_a_commit_made_since(clone: TaskClone) -> None:
    head, kept = await clone.head(), await snapshot(clone, 1)
    (clone.directory / "a").write_text("x")
    await clone.commit("Later", role="developer")

    await restore(clone, kept)

    assert await clone.head() == head
    assert not (clone.directory / "a").exists()


async def test_a_snapshot_is_read_back_by_its_epoch(clone: TaskClone) -> None:
    (clone.directory / ".gitignore").write_text("*.o\n")
    (clone.directory / "ünï\n.o").write_text("x")
    (clone.directory / os.fsdecode(b"\xff.o")).write_text("x")
    kept = await snapshot(clone, 7)

    assert await taken(clone, 7) == kept
    assert await taken(clone, 8) is None


async def test_older_epochs_are_listed_and_pruned(clone: TaskClone) -> None:
    for epoch in (1, 2, 10):
        await snapshot(clone, epoch)

    assert await epochs(clone) == (1, 2, 10)
    assert await prune(clone, before=10) == (1, 2)
    assert await epochs(clone) == (10,)


async def test_a_directory_with_a_git_of_its_own_is_kept_as_plain_files(
    clone: TaskClone, repository: RequestRepository, plain: Callable[..., str]
) -> None:
    root = clone.directory
    (root / ".gitignore").write_text("*.o\n")
    (root / "vendor/lib").mkdir(parents=True)
    plain(root / "vendor/lib", "init", "-q")
    (root / "vendor/lib/code.c").write_text("int x;\n")
    (root / "vendor/lib/code.o").write_text("x")
    (root / "vendor/lib/here").symlink_to("/etc")
    plain(root / "vendor/lib", "add", "code.c")
    plain(root / "vendor/lib", "commit", "-q", "-m", "Inner")

    kept = await snapshot(clone, 1)

    inner = {name for name in await repository.files(kept.commit) if name.startswith("vendor")}
    assert inner == {"vendor/lib/code.c", "vendor/lib/here"}
    (root / "vendor/lib/code.c").write_text("int y;\n")
    await restore(clone, kept)
    assert (root / "vendor/lib/code.c").read_text() == "int x;\n"


async def test_a_directory_with_a_git_of_its_own_made_later_is_deleted_by_a_restore(
    clone: TaskClone, plain: Callable[..., str]
) -> None:
    before, kept = _contents(clone.directory), await snapshot(clone, 1)
    (clone.directory / "cloned").mkdir()
    plain(clone.directory / "cloned", "init", "-q")
    (clone.directory / "cloned/x").write_text("x")

    await restore(clone, kept)

    assert _contents(clone.directory) == before


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_what_git_cannot_record_in_a_files_place_counts_as_its_deletion(
    clone: TaskClone, repository: RequestRepository, make: Callable[[Path], None]
) -> None:
    before = _contents(clone.directory)
    first = await snapshot(clone, 1)
    (clone.directory / "app.py").unlink()
    make(clone.directory / "app.py")

    kept = await snapshot(clone, 2)

    assert await repository.files(kept.commit) == ("docs/guide.md",)
    await restore(clone, first)
    assert _contents(clone.directory) == before
