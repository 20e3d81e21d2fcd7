"""A task's clone: commits of exactly what is in the work tree."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.errors import NothingToCommit, PathOutside
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import restore, snapshot

ODD = ["new\nline.txt", "ünï—文.txt", "-rf", "--force", " space ", "tab\t", ":(glob)*", "quote\"'", "back\\slash"]


async def test_a_clone_begins_at_the_requests_branch(clone: TaskClone, repository: RequestRepository) -> None:
    assert (clone.directory / "docs/guide.md").read_text() == "guide\n"
    assert await clone.head() == await repository.head()


async def test_a_commit_is_by_its_role_and_names_its_task(clone: TaskClone, repository: RequestRepository) -> None:
    (clone.directory / "a.txt").write_text("a")

    commit = await clone.commit("Add a", role="tester", when=1_700_000_000.0)

    told = await repository.git.line("log", "-1", "--format=%an|%ae|%cn|%at|%(trailers)", commit)
    assert told == "Beth tester|tester@beth.invalid|Beth tester|1700000000|Beth-Task: t1"
    assert await clone.head() == commit


async def test_a_commit_does_not_move_the_requests_branch(clone: TaskClone, repository: RequestRepository) -> None:
    (clone.directory / "a.txt").write_text("a")
    await clone.commit("Add a", role="developer")

    assert await repository.head() == await repository.base()


async def test_a_commit_of_nothing_is_refused(clone: TaskClone) -> None:
    with pytest.raises(NothingToCommit, match="nothing to commit") as raised:
        await clone.commit("Nothing", role="developer")

    assert raised.value.commit == await clone.head()


async def test_only_the_paths_named_are_committed(clone: TaskClone, repository: RequestRepository) -> None:
    for name in ("a.txt", "docs/b.txt", "docs2.txt", "c.txt"):
        (clone.directory / name).write_text("x")
    (clone.directory / "docs/guide.md").unlink()

    commit = await clone.commit("Some", ["docs", "./a.txt"], role="developer")

    assert set(await repository.files(commit)) == {"a.txt", "app.py", "docs/b.txt"}
    with pytest.raises(NothingToCommit):
        await clone.commit("Again", ["docs"], role="developer")
    assert set(await repository.files(await clone.commit("Rest", role="developer"))) >= {"c.txt", "docs2.txt"}


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".git/config", "a/.git", ""])
async def test_a_path_that_leads_out_is_refused(clone: TaskClone, path: str) -> None:
    with pytest.raises(PathOutside):
        await clone.commit("Out", [path], role="developer")


@pytest.mark.parametrize("paths", [None, ODD])
async def test_unusual_file_names_are_committed(
    clone: TaskClone, repository: RequestRepository, paths: list[str] | None
) -> None:
    for name in ODD:
        (clone.directory / name).write_text(name)
    (clone.directory / os.fsdecode(b"not-utf8-\xff")).write_text("x")

    commit = await clone.commit("Odd", paths, role="developer")

    expected = {*ODD, "app.py", "docs/guide.md"} | (set() if paths else {os.fsdecode(b"not-utf8-\xff")})
    assert set(await repository.files(commit)) == expected


async def test_bytes_are_committed_as_they_are_whatever_attributes_say(
    clone: TaskClone, repository: RequestRepository
) -> None:
    (clone.directory / ".gitattributes").write_text("* text=auto eol=crlf ident\n*.u16 working-tree-encoding=UTF-16\n")
    (clone.directory / "crlf.txt").write_bytes(b"$Id$\r\nboth\n")
    (clone.directory / "x.u16").write_bytes(b"not utf-16")

    commit = await clone.commit("Bytes", role="developer")

    shown = await repository.git.run("cat-file", "blob", f"{commit}:crlf.txt")
    assert shown.stdout == b"$Id$\r\nboth\n"
    (clone.directory / "crlf.txt").unlink()
    await clone.checkout(commit)
    assert (clone.directory / "crlf.txt").read_bytes() == b"$Id$\r\nboth\n"


async def test_a_large_binary_and_an_executable_bit_come_back(clone: TaskClone) -> None:
    content = os.urandom(1 << 20) * 24
    (clone.directory / "big.bin").write_bytes(content)
    (clone.directory / "run.sh").write_text("#!/bin/sh\n")
    (clone.directory / "run.sh").chmod(0o755)
    commit = await clone.commit("Big", role="developer")
    (clone.directory / "run.sh").chmod(0o644)
    (clone.directory / "big.bin").write_bytes(b"")

    await clone.checkout(commit)

    assert (clone.directory / "big.bin").read_bytes() == content
    assert (clone.directory / "run.sh").stat().st_mode & 0o111


async def test_an_executable_bit_alone_is_a_change(clone: TaskClone) -> None:
    (clone.directory / "app.py").chmod(0o755)

    assert await clone.commit("Executable", role="developer") == await clone.head()


async def test_a_change_of_the_same_size_with_the_date_set_back_is_seen(clone: TaskClone) -> None:
    path = clone.directory / "app.py"
    before = path.stat()
    path.write_text("ONE\ntwo\nthree\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    await clone.commit("Quietly", role="developer")


async def test_a_checkout_leaves_exactly_the_commit(clone: TaskClone, digest: Callable[[Path], dict[str, str]]) -> None:
    (clone.directory / ".gitignore").write_text("*.o\n")
    base = await clone.commit("Ignore", role="developer")
    (clone.directory / "kept.o").write_text("ignored\n")
    (clone.directory / "more/deep").mkdir(parents=True)
    (clone.directory / "more/deep/x").write_text("x")
    (clone.directory / "app.py").unlink()

    await clone.checkout(base)

    left = {name for name in digest(clone.directory) if not name.startswith(".git/")}
    assert left == {".git", ".gitignore", "app.py", "docs", "docs/guide.md", "kept.o"}


async def test_a_file_and_a_directory_change_places(clone: TaskClone, repository: RequestRepository) -> None:
    (clone.directory / "app.py").unlink()
    (clone.directory / "app.py").mkdir()
    (clone.directory / "app.py/inner").write_text("x")
    (clone.directory / "docs/guide.md").unlink()
    (clone.directory / "docs").rmdir()
    (clone.directory / "docs").write_text("now a file")

    commit = await clone.commit("Swap", role="developer")

    assert set(await repository.files(commit)) == {"app.py/inner", "docs"}
    await clone.checkout(await repository.base())
    assert (clone.directory / "app.py").is_file()
    assert (clone.directory / "docs/guide.md").is_file()


async def test_the_tools_see_a_git_of_their_own(clone: TaskClone, plain: Plain) -> None:
    (clone.directory / "app.py").write_text("changed\n")
    (clone.directory / "new.txt").write_text("new\n")

    assert plain(clone.directory, "status", "--porcelain") == "M app.py\n?? new.txt"
    assert "+changed" in plain(clone.directory, "diff")
    assert plain(clone.directory, "log", "--format=%s") == "First"


async def test_what_the_tools_commit_themselves_is_thrown_away_and_their_files_stay(
    clone: TaskClone, plain: Plain, repository: RequestRepository
) -> None:
    (clone.directory / "new.txt").write_text("new\n")
    plain(clone.directory, "add", ".")
    plain(clone.directory, "commit", "-q", "-m", "By bash")

    commit = await clone.commit("By Beth", role="developer")

    assert [entry.subject for entry in await repository.log(commit)] == ["By Beth", "First"]
    assert "new.txt" in await repository.files(commit)
    assert plain(clone.directory, "log", "--format=%s") == "By Beth\nFirst"
    assert plain(clone.directory, "status", "--porcelain") == ""


async def test_opening_again_leaves_the_work_tree_as_it_is(clone: TaskClone, repository: RequestRepository) -> None:
    (clone.directory / "app.py").write_text("in progress\n")

    again = await TaskClone.open(repository, "t1")

    assert (again.directory / "app.py").read_text() == "in progress\n"


async def test_a_removed_clone_can_be_made_again_elsewhere_from_its_snapshot(
    clone: TaskClone, repository: RequestRepository
) -> None:
    (clone.directory / "app.py").write_text("in progress\n")
    taken = await snapshot(clone, 1)
    await clone.remove()
    assert not clone.directory.exists()
    assert not clone.git.git_dir.exists()

    again = await TaskClone.open(repository, "t1")
    await restore(again, taken)

    assert (again.directory / "app.py").read_text() == "in progress\n"


async def test_many_operations_at_once_take_turns(clone: TaskClone) -> None:
    (clone.directory / "a").write_text("x")

    kept = await asyncio.gather(*(snapshot(clone, epoch) for epoch in range(20)))

    assert len({one.commit for one in kept}) == 1


async def test_a_diff_shows_what_is_committed_and_what_is_not(clone: TaskClone) -> None:
    base = await clone.head()
    (clone.directory / "app.py").write_text("one\n2\nthree\n")
    await clone.commit("Two", role="developer")
    (clone.directory / "new.txt").write_text("new\n")

    patch = await clone.diff(base)

    assert b"-two\n+2\n" in patch
    assert b"+new\n" in patch
    assert await clone.diff(await clone.head()) != patch


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_files_laid_out_by_root_belong_to_the_tasks_own_user(
    repository: RequestRepository, tmp_path: Path
) -> None:
    clone = await TaskClone.open(repository, "t9", owner=(54321, 54321))
    taken = await snapshot(clone, 1)
    (clone.directory / "docs/guide.md").write_text("changed\n")

    await restore(clone, taken)

    for name in ("", "app.py", "docs", "docs/guide.md", ".git", ".git/HEAD", ".git/objects/info/alternates"):
        assert (clone.directory / name).lstat().st_uid == 54321
    assert (await snapshot(clone, 1)).commit == taken.commit


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_file_of_the_hosts_linked_into_the_work_tree_is_not_given_away(
    repository: RequestRepository, tmp_path: Path
) -> None:
    clone = await TaskClone.open(repository, "t9", owner=(54321, 54321))
    (clone.directory / ".gitignore").write_text("*.key\n")
    mine = tmp_path / "mine.key"
    mine.write_text("secret")
    (clone.directory / "mine.key").hardlink_to(mine)
    (clone.directory / "link").symlink_to(mine)

    await restore(clone, await snapshot(clone, 1))

    assert mine.stat().st_uid == os.geteuid()
