"""`beth merge`: into a user's repository, which otherwise stays exactly as it is."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.commands.conftest import NOON, commit, head_of, on_a_branch, trap
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth

Digest = Callable[[Path], dict[str, str]]

OURS = (".git/objects", ".git/refs/heads", ".git/logs/refs")


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The files of a user's repository that changed, without objects, branches and their logs."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return {name for name in names if not name.startswith(OURS)} - {".git", ".git/refs", ".git/logs"}


def in_the_middle_of_work(users: Path, plain: Plain) -> None:
    """Staged, unstaged and untracked changes."""
    (users / "app.py").write_text("changed, not committed\n")
    (users / "staged.txt").write_text("staged\n")
    plain(users, "add", "staged.txt")
    (users / "untracked.txt").write_text("untracked\n")


def test_the_work_becomes_a_branch_and_nothing_else_changes(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, digest: Digest, tmp_path: Path
) -> None:
    in_the_middle_of_work(users, plain)
    trap(users, tmp_path / "ran")
    before = digest(users)

    ran = beth("merge", "r1")

    assert (ran.exit_code, ran.stdout) == (0, f"{users}: beth/r1 is new, at {head_of(work)[:12]}\n")
    assert plain(users, "rev-parse", "beth/r1") == head_of(work)
    assert changed(before, digest(users)) == set()
    assert plain(users, "for-each-ref", "--format=%(refname)").splitlines() == [
        "refs/heads/beth/r1",
        "refs/heads/main",
    ]
    assert not (tmp_path / "ran").exists()


def test_doing_it_again_changes_nothing(beth: Beth, work: RequestRepository, users: Path, digest: Digest) -> None:
    beth("merge", "r1")
    before = digest(users)

    ran = beth("merge", "r1")

    assert (ran.exit_code, ran.stdout) == (0, f"{users}: beth/r1 has it already, at {head_of(work)[:12]}\n")
    assert digest(users) == before


def test_programs_get_what_was_moved(beth: Beth, work: RequestRepository, users: Path) -> None:
    assert beth("merge", "r1", "--branch", "login", "--json").json == {
        "request": "r1",
        "repository": str(users),
        "branch": "login",
        "before": None,
        "commit": head_of(work),
    }


def test_it_can_go_into_another_repository_from_a_directory_deep_inside(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, tmp_path: Path
) -> None:
    plain(tmp_path, "clone", "-q", str(users), "other")

    ran = beth("merge", "r1", "--into", str(tmp_path / "other/docs"))

    assert ran.exit_code == 0
    assert plain(tmp_path / "other", "rev-parse", "beth/r1") == head_of(work)
    assert plain(users, "branch", "--format=%(refname:short)") == "main"


def test_a_linked_work_tree_and_a_bare_repository_are_repositories_too(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, tmp_path: Path
) -> None:
    plain(users, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    plain(tmp_path, "clone", "-q", "--bare", str(users), "bare.git")

    assert beth("merge", "r1", "--into", str(tmp_path / "linked")).exit_code == 0
    assert plain(users, "rev-parse", "beth/r1") == head_of(work)
    assert beth("merge", "r1", "--into", str(tmp_path / "bare.git"), "--into-branch", "main").exit_code == 0
    assert plain(tmp_path / "bare.git", "rev-parse", "main") == head_of(work)


def test_a_branch_that_nobody_has_checked_out_moves_forward(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, digest: Digest
) -> None:
    plain(users, "branch", "release")
    old = plain(users, "rev-parse", "release")
    in_the_middle_of_work(users, plain)
    before = digest(users)

    ran = beth("merge", "r1", "--into-branch", "release")

    assert ran.stdout == f"{users}: release moved from {old[:12]}, at {head_of(work)[:12]}\n"
    assert changed(before, digest(users)) == set()
    assert plain(users, "rev-parse", "release") == head_of(work)


def _long_ago(users: Path, branch: str, plain: Plain) -> str:
    """Make a branch's last commit one of an earlier day; returns it."""
    who = {f"GIT_{kind}_{what}": "me" for kind in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    made = subprocess.run(
        ["git", "commit-tree", f"{branch}^{{tree}}", "-p", f"{branch}^", "-m", "Theirs"],
        cwd=users,
        env={"PATH": os.environ["PATH"], **who, "GIT_COMMITTER_DATE": f"@{NOON:.0f} +0000"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    plain(users, "branch", "-q", "-f", branch, made)
    return made


def test_two_lines_of_work_are_merged_by_the_user_and_today(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, digest: Digest, tmp_path: Path
) -> None:
    on_a_branch(users, plain, "theirs.txt", "theirs\n")
    old = _long_ago(users, "theirs", plain)
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    trap(users, tmp_path / "ran")
    before = digest(users)

    ran = beth("merge", "r1", "--into-branch", "theirs")

    assert ran.exit_code == 0
    assert plain(users, "log", "-1", "--format=%an %ae|%s|%P", "theirs") == (
        f"Ada ada@example.org|Merge beth/r1 into theirs|{old} {head_of(work)}"
    )
    assert int(plain(users, "log", "-1", "--format=%ct", "theirs")) > NOON + 86_400
    names = plain(users, "ls-tree", "-r", "--name-only", "theirs").splitlines()
    assert names == ["app.py", "docs/guide.md", "new.txt", "test_app.py", "theirs.txt"]
    assert changed(before, digest(users)) == set()
    assert not (tmp_path / "ran").exists()


def test_where_nobody_says_who_the_user_is_the_merge_is_beths(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain
) -> None:
    on_a_branch(users, plain, "theirs.txt", "theirs\n")
    beth("merge", "r1", "--into-branch", "theirs")
    assert plain(users, "log", "-1", "--format=%an", "theirs") == "Beth beth"


@pytest.fixture
async def shallow(home: Path, users: Path, plain: Plain, tmp_path: Path) -> RequestRepository:
    """A request that started from a shallow clone, `shallow`, of a repository with two commits."""
    plain(users, "commit", "-q", "--allow-empty", "-m", "Second")
    plain(tmp_path, "clone", "-q", "--depth=1", f"file://{users}", "shallow")
    repository = await RequestRepository.open(home, "r2", repo=str(tmp_path / "shallow"))
    await commit(repository, "r2.1", "developer", "New", {"new.txt": b"new\n"})
    return repository


def test_a_shallow_repository_is_merged_into(
    beth: Beth, shallow: RequestRepository, plain: Plain, tmp_path: Path
) -> None:
    on_a_branch(tmp_path / "shallow", plain, "theirs.txt", "theirs\n")

    assert beth("merge", "r2").exit_code == 0
    assert beth("merge", "r2", "--into-branch", "theirs").exit_code == 0

    assert plain(tmp_path / "shallow", "log", "--format=%s", "beth/r2").splitlines() == ["New", "Second"]
    assert plain(tmp_path / "shallow", "fsck", "--connectivity-only") == ""
