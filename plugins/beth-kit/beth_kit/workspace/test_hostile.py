"""What a task may leave in its work tree to make the host run or touch something. Each control shows that it would."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.errors import WorkspaceError
from beth_kit.workspace.git import Git
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import restore, snapshot


async def _everything(clone: TaskClone) -> None:
    """All the host does with a task's work tree."""
    repository = clone.repository
    taken = await snapshot(clone, 1)
    (clone.directory / "one-more.txt").write_text("x")
    commit = await clone.commit("Some", ["one-more.txt"], role="developer")
    (clone.directory / "another.txt").write_text("x")
    await clone.commit("All", role="developer")
    await repository.diff(commit)
    await repository.log(commit)
    await restore(clone, taken)
    await clone.checkout(commit)
    await TaskClone.open(repository, clone.task_id)


def _trap(directory: Path, ran: Path) -> Path:
    trap = directory / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho ran >> {ran}\ncat\n")
    trap.chmod(0o755)
    return trap


def _armed(git_dir: Path, trap: Path) -> None:
    """Configuration and hooks in `git_dir` that run `trap` wherever git would let them."""
    with (git_dir / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {trap}\n\tpager = {trap}\n\tsshCommand = {trap}\n[diff]\n\texternal = {trap}\n"
        )
        config.write(f'[filter "x"]\n\tclean = {trap}\n\tsmudge = {trap}\n\tprocess = {trap}\n\trequired\n')
        config.write(f'[diff "x"]\n\ttextconv = {trap}\n\tcommand = {trap}\n[merge "x"]\n\tdriver = {trap}\n')
    (git_dir / "hooks").mkdir(exist_ok=True)
    for hook in ("pre-commit", "post-commit", "post-checkout", "post-index-change", "reference-transaction"):
        (git_dir / "hooks" / hook).unlink(missing_ok=True)
        (git_dir / "hooks" / hook).symlink_to(trap)


def _left(ran: Path) -> bool:
    return ran.exists()


def _forget(ran: Path) -> None:
    ran.unlink(missing_ok=True)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that every trap writes."""
    return tmp_path / "ran"


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
async def test_a_git_file_or_directory_the_task_made_runs_nothing(
    kind: str, clone: TaskClone, plain: Plain, tmp_path: Path, ran: Path
) -> None:
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    plain(prepared, "init", "-q")
    plain(prepared, "commit", "-q", "--allow-empty", "-m", "x")
    _armed(prepared / ".git", _trap(tmp_path, ran))
    (clone.directory / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
    own = clone.directory / ".git"
    own.rename(tmp_path / "thrown-away")
    if kind == "file":
        own.write_text(f"gitdir: {prepared}/.git\n")
    elif kind == "link":
        own.symlink_to(prepared / ".git")
    else:
        (prepared / ".git").rename(own)
    plain(tmp_path, "-C", str(clone.directory), "status", check=False)
    assert _left(ran), "the control: a naive git runs what the task configured"
    _forget(ran)

    await _everything(clone)

    assert not _left(ran)
    assert own.is_dir()
    assert not own.is_symlink()
    assert not any(name.startswith(".git/") for name in await clone.repository.files(await clone.head()))


async def test_a_git_deeper_in_the_tree_runs_nothing(clone: TaskClone, plain: Plain, tmp_path: Path, ran: Path) -> None:
    inner = clone.directory / "inner"
    inner.mkdir()
    plain(inner, "init", "-q")
    (inner / "file").write_text("x")
    plain(inner, "add", "file")
    plain(inner, "commit", "-q", "-m", "x")
    (inner / ".gitattributes").write_text("* filter=x\n")
    _armed(inner / ".git", _trap(tmp_path, ran))
    os.utime(inner / "file", (1, 1))
    plain(clone.directory, "add", "-A", check=False)
    plain(clone.directory, "status", check=False)
    assert _left(ran), "the control: git add and git status start a git inside"
    _forget(ran)

    await _everything(clone)

    assert not _left(ran)


async def test_a_submodule_the_task_filled_runs_nothing(
    users: Path, plain: Plain, tmp_path: Path, ran: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    plain(users, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(users), "sub")
    plain(users, "commit", "-q", "-m", "Submodule")
    clone = await TaskClone.open(await RequestRepository.open(tmp_path / "home", "r2", repo=str(users)), "t1")
    sub = clone.directory / "sub"
    plain(clone.directory, "clone", "-q", str(users), "sub")
    # At the commit the outer repository expects: only then git looks for changes inside.
    plain(sub, "checkout", "-q", "--detach", "HEAD~1")
    (sub / ".gitattributes").write_text("* filter=x\n")
    _armed(sub / ".git", _trap(tmp_path, ran))
    os.utime(sub / "app.py", (1, 1))
    (clone.directory / ".gitmodules").write_text(f'[submodule "sub"]\n\tpath = sub\n\turl = {users}\n\tignore = none\n')
    # The control protects the outer repository as the host does, but asks with commands the host does not use.
    elsewhere = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    naive = Git(clone.git.git_dir, clone.directory, clone.git.objects)
    await naive.run("-c", "diff.ignoreSubmodules=none", "add", "-A", env=elsewhere)
    await naive.run("-c", "diff.ignoreSubmodules=none", "status", env=elsewhere, accepted=(0, 128))
    assert _left(ran), "the control: git add or git status starts a git in the submodule"
    _forget(ran)

    await _everything(clone)

    assert not _left(ran)
    entries = await clone.repository.git.line("ls-tree", await clone.head(), "sub")
    assert entries.startswith(f"160000 commit {plain(users, 'rev-parse', 'HEAD~1')}")


async def test_a_link_out_is_committed_as_a_link_and_never_followed(
    clone: TaskClone, repository: RequestRepository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret\n")
    (clone.directory / "to-file").symlink_to(outside / "secret")
    (clone.directory / "to-directory").symlink_to(outside)

    commit = await clone.commit("Links", role="developer")

    listed = (await repository.git.line("ls-tree", "-r", commit)).splitlines()
    assert [line.split()[0] for line in listed if "to-" in line] == ["120000", "120000"]
    assert await repository.git.line("show", f"{commit}:to-file") == str(outside / "secret")


async def test_a_link_in_a_directorys_place_leads_no_write_or_deletion_out(
    clone: TaskClone, tmp_path: Path, digest: Callable[[Path], dict[str, str]]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "guide.md").write_text("not yours\n")
    (outside / "other").write_text("not yours\n")
    before = digest(outside)
    taken = await snapshot(clone, 1)
    (clone.directory / "docs/guide.md").unlink()
    (clone.directory / "docs").rmdir()
    (clone.directory / "docs").symlink_to(outside)

    during = await snapshot(clone, 2)
    await restore(clone, taken)

    assert digest(outside) == before
    assert not (clone.directory / "docs").is_symlink()
    assert (clone.directory / "docs/guide.md").read_text() == "guide\n"
    assert await clone.repository.files(during.commit) == ("app.py", "docs")


async def test_a_directory_moved_away_behind_a_link_is_brought_back(clone: TaskClone) -> None:
    taken = await snapshot(clone, 1)
    # The file keeps its inode and dates, so through the link it looks unchanged.
    (clone.directory / "docs").rename(clone.directory / "elsewhere")
    (clone.directory / "docs").symlink_to("elsewhere")

    await restore(clone, taken)

    assert not (clone.directory / "docs").is_symlink()
    assert (clone.directory / "docs/guide.md").read_text() == "guide\n"
    assert not (clone.directory / "elsewhere").exists()


async def test_a_hard_link_out_is_not_written_through(clone: TaskClone, tmp_path: Path) -> None:
    taken = await snapshot(clone, 1)
    outside = tmp_path / "outside"
    outside.write_text("not yours\n")
    (clone.directory / "app.py").unlink()
    (clone.directory / "app.py").hardlink_to(outside)

    await restore(clone, taken)

    assert outside.read_text() == "not yours\n"
    assert (clone.directory / "app.py").read_text() == "one\ntwo\nthree\n"


async def test_the_throw_away_git_is_made_through_no_link(clone: TaskClone, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "HEAD").write_text("not yours\n")
    own = clone.directory / ".git"
    own.rename(tmp_path / "thrown-away")
    own.symlink_to(outside)

    await clone.checkout(await clone.head())

    assert {path.name for path in outside.iterdir()} == {"HEAD"}
    assert (outside / "HEAD").read_text() == "not yours\n"
    assert own.is_dir()
    assert not own.is_symlink()


async def test_links_in_the_place_of_files_that_git_reads_are_not_followed(clone: TaskClone, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("*\n")
    (clone.directory / ".gitignore").symlink_to(tmp_path / "rules")
    (clone.directory / "new.txt").write_text("x")

    taken = await snapshot(clone, 1)

    assert "new.txt" in await clone.repository.files(taken.commit)


async def test_a_name_that_git_forbids_is_left_out_and_does_no_harm(clone: TaskClone) -> None:
    (clone.directory / ".GIT").mkdir()
    (clone.directory / ".GIT/config").write_text("[core]\n")
    (clone.directory / "git~1").write_text("x")
    (clone.directory / "new.txt").write_text("x")

    taken = await snapshot(clone, 1)

    assert set(await clone.repository.files(taken.commit)) == {"app.py", "docs/guide.md", "new.txt"}
    try:
        await restore(clone, taken)
    except WorkspaceError as refused:
        pytest.fail(str(refused))
    assert (clone.directory / "new.txt").exists()
