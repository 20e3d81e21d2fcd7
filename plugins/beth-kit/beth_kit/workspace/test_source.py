"""Starting from a user's repository, and pushing to it: nothing of it changes that was not asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.workspace import source
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.errors import SourceRefused
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import snapshot

Digest = Callable[[Path], dict[str, str]]


def _with_traps(directory: Path, ran: Path) -> None:
    """Hooks and configuration that leave a trace if anything runs them."""
    trap = directory / ".git/trap"
    trap.write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
    trap.chmod(0o755)
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "pre-receive", "update"):
        (directory / ".git/hooks").mkdir(exist_ok=True)
        (directory / ".git/hooks" / hook).symlink_to(trap)
    with (directory / ".git/config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = {trap}\n[filter "lfs"]\n\tsmudge = {trap}\n\tclean = {trap}\n')
        config.write(f"[uploadpack]\n\tpackObjectsHook = {trap}\n[receive]\n\tdenyCurrentBranch = updateInstead\n")


def _uncommitted(users: Path, plain: Plain) -> None:
    (users / "app.py").write_text("changed, not committed\n")
    (users / "staged.txt").write_text("staged\n")
    plain(users, "add", "staged.txt")
    (users / "untracked.txt").write_text("untracked\n")


def _submodule(users: Path, plain: Plain) -> None:
    plain(users, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(users), "vendor/self")
    plain(users, "commit", "-q", "-m", "Submodule")


def _lfs(users: Path, plain: Plain) -> None:
    (users / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (users / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    plain(users, "add", ".")
    plain(users, "commit", "-q", "-m", "Pointer")


def _detached(users: Path, plain: Plain) -> None:
    plain(users, "checkout", "-q", "--detach")
    plain(users, "commit", "-q", "--allow-empty", "-m", "Detached")


@pytest.mark.parametrize("kind", [_uncommitted, _submodule, _lfs, _detached])
async def test_a_users_repository_is_untouched_by_a_whole_request(
    kind: Callable[[Path, Plain], None], users: Path, plain: Plain, digest: Digest, tmp_path: Path
) -> None:
    kind(users, plain)
    committed = plain(users, "rev-parse", "HEAD")
    _with_traps(users, tmp_path / "ran")
    before = digest(users)

    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    clone = await TaskClone.open(repository, "t1")
    (clone.directory / "new.txt").write_text("new\n")
    await snapshot(clone, 1)
    commit = await clone.commit("New", role="developer")
    await repository.move_branch(commit, committed)
    await repository.diff()

    assert digest(users) == before
    assert not (tmp_path / "ran").exists()
    assert await repository.base() == committed
    assert set(await repository.files()) == {*await repository.files(committed), "new.txt"}


async def test_lfs_pointers_stay_pointers(users: Path, plain: Plain, tmp_path: Path) -> None:
    _lfs(users, plain)
    pointer = (users / "big.bin").read_bytes()
    clone = await TaskClone.open(await RequestRepository.open(tmp_path / "home", "r1", repo=str(users)), "t1")

    assert (clone.directory / "big.bin").read_bytes() == pointer


async def test_a_submodule_stays_the_commit_it_was_whatever_the_task_puts_there(
    users: Path, plain: Plain, tmp_path: Path
) -> None:
    _submodule(users, plain)
    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    clone = await TaskClone.open(repository, "t1")
    assert (clone.directory / "vendor/self").is_dir()
    (clone.directory / "vendor/self").rmdir()
    (clone.directory / "new.txt").write_text("new\n")

    commit = await clone.commit("New", role="developer")

    entry = f"160000 commit {plain(users, 'rev-parse', 'HEAD~1')}\tvendor/self"
    assert entry in (await repository.git.line("ls-tree", "-r", commit)).splitlines()


async def test_an_empty_repository_begins_with_an_empty_commit(plain: Plain, digest: Digest, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    plain(empty, "init", "-q")
    before = digest(empty)

    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=str(empty))

    assert await repository.files() == ()
    assert digest(empty) == before


async def test_without_a_repository_a_request_begins_with_an_empty_commit(tmp_path: Path) -> None:
    repository = await RequestRepository.open(tmp_path / "home", "r1")

    assert [entry.subject for entry in await repository.log()] == ["Begin request r1"]
    assert await repository.files() == ()


async def test_another_branch_than_the_checked_out_one_can_be_named(users: Path, plain: Plain, tmp_path: Path) -> None:
    plain(users, "branch", "other")
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")

    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users), branch="other")

    assert await repository.base() == plain(users, "rev-parse", "other")


@pytest.mark.parametrize("address", ["{users}", "file://{users}"])
async def test_a_commit_can_be_named_that_no_branch_is_at_any_more(
    users: Path, plain: Plain, tmp_path: Path, address: str
) -> None:
    commit = await source.newest(str(users))
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")
    where = address.format(users=users)

    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=where, commit=commit)

    assert await repository.base() == commit == plain(users, "rev-parse", "HEAD~1")
    assert plain(users, "rev-parse", "HEAD") not in (await repository.git.line("rev-list", "--all")).splitlines()


async def test_a_commit_that_is_not_there_is_refused(users: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused):
        await RequestRepository.open(tmp_path / "home", "r1", repo=str(users), commit="0" * 39 + "1")


async def test_the_newest_commit_is_told_without_a_repository_of_ones_own(
    users: Path, plain: Plain, digest: Digest, tmp_path: Path
) -> None:
    plain(users, "branch", "other")
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")
    (tmp_path / "empty").mkdir()
    plain(tmp_path / "empty", "init", "-q")
    before = digest(users)

    assert await source.newest(str(users)) == plain(users, "rev-parse", "HEAD")
    assert await source.newest(str(users), "other") == plain(users, "rev-parse", "other")
    assert await source.newest(str(tmp_path / "empty")) is None
    with pytest.raises(SourceRefused, match="has no branch 'nope'"):
        await source.newest(str(users), "nope")
    assert digest(users) == before


async def test_a_shallow_repository_can_be_started_from(users: Path, plain: Plain, tmp_path: Path) -> None:
    plain(users, "commit", "-q", "--allow-empty", "-m", "Second")
    plain(tmp_path, "clone", "-q", "--depth=1", f"file://{users}", "shallow")

    repository = await RequestRepository.open(tmp_path / "home", "r1", repo=str(tmp_path / "shallow"))

    assert [entry.subject for entry in await repository.log()] == ["Second"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ext::sh -c id", "no directory and no"),
        ("--upload-pack=id", "no directory and no"),
        ("nowhere/at/all", "no directory and no"),
        ("{plain}", "does not appear to be a git repository"),
    ],
)
async def test_what_is_no_repository_is_refused_in_one_line(given: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "no-git").mkdir()
    with pytest.raises(SourceRefused, match=reason) as raised:
        await RequestRepository.open(tmp_path / "home", "r1", repo=given.replace("{plain}", str(tmp_path / "no-git")))
    assert "\n" not in str(raised.value)


async def test_a_branch_that_is_not_there_is_refused(users: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="has no branch 'nope'"):
        await RequestRepository.open(tmp_path / "home", "r1", repo=str(users), branch="nope")


async def test_opening_again_does_not_read_the_users_repository_again(
    users: Path, plain: Plain, tmp_path: Path
) -> None:
    first = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")

    again = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))

    assert await again.base() == await first.base() == plain(users, "rev-parse", "HEAD~1")


async def test_a_push_makes_the_branch_and_changes_no_file_index_or_checked_out_branch(
    users: Path, plain: Plain, digest: Digest, clone: TaskClone, repository: RequestRepository, tmp_path: Path
) -> None:
    (clone.directory / "new.txt").write_text("new\n")
    await repository.move_branch(await clone.commit("New", role="developer"), await repository.head())
    _with_traps(users, tmp_path / "ran")
    before = digest(users)

    await repository.push(str(users))

    changed = {name for name, facts in digest(users).items() if before.get(name) != facts}
    allowed = (".git/objects/", ".git/refs/heads", ".git/logs/refs/heads", ".git/logs/refs")
    assert {name for name in changed if not name.startswith(allowed)} <= {".git", ".git/objects", ".git/refs"}
    assert (digest(users)[".git/refs/heads/main"]) == before[".git/refs/heads/main"]
    assert plain(users, "rev-parse", "beth/r1") == await repository.head()
    assert not (tmp_path / "ran").exists()


async def test_a_push_onto_the_checked_out_branch_is_refused(
    users: Path, digest: Digest, clone: TaskClone, repository: RequestRepository, tmp_path: Path
) -> None:
    (clone.directory / "new.txt").write_text("new\n")
    await repository.move_branch(await clone.commit("New", role="developer"), await repository.head())
    _with_traps(users, tmp_path / "ran")
    head = (users / ".git/refs/heads/main").read_text()

    with pytest.raises(SourceRefused, match="main"):
        await repository.push(str(users), "main")

    assert (users / ".git/refs/heads/main").read_text() == head
    assert not (users / "new.txt").exists()
