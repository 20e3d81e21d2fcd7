"""What `beth merge` refuses, and that nothing changes then."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.commands.conftest import head_of, on_a_branch
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth

Digest = Callable[[Path], dict[str, str]]


def _linked(users: Path, plain: Plain, tmp_path: Path) -> Path:
    plain(users, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    return tmp_path / "linked"


@pytest.mark.parametrize("option", ["--branch", "--into-branch"])
@pytest.mark.parametrize("where", ["main", "side"])
def test_a_branch_that_is_checked_out_is_refused_with_the_command_that_merges_there(
    where: str,
    option: str,
    beth: Beth,
    work: RequestRepository,
    users: Path,
    plain: Plain,
    digest: Digest,
    tmp_path: Path,
) -> None:
    place = _linked(users, plain, tmp_path) if where == "side" else users
    before = digest(users)

    ran = beth("merge", "r1", option, where)

    line = f"git pull --no-rebase {work.git.git_dir} beth/r1"
    assert ran.exit_code == 1
    assert (
        ran.stderr == f"beth: {where} in {users} is checked out at {place}, so nothing was changed; run there: {line}\n"
    )
    assert digest(users) == before
    plain(place, *line.split()[1:])
    assert plain(place, "rev-parse", "HEAD") == head_of(work)


def test_a_branch_in_the_middle_of_a_rebase_is_refused(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain
) -> None:
    plain(users, "checkout", "-q", "-b", "topic")
    (users / "app.py").write_text("topic\n")
    plain(users, "commit", "-q", "-a", "-m", "Topic")
    plain(users, "checkout", "-q", "main")
    (users / "app.py").write_text("main\n")
    plain(users, "commit", "-q", "-a", "-m", "Main")
    plain(users, "rebase", "-q", "main", "topic", check=False)

    ran = beth("merge", "r1", "--into-branch", "topic")

    assert ran.exit_code == 1
    assert "in the middle of a rebase" in ran.stderr


def test_a_conflict_changes_nothing_and_names_the_files(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, digest: Digest
) -> None:
    on_a_branch(users, plain, "app.py", "one\ntwo\nthree\nother\n")
    before, made = digest(users), digest(work.git.git_dir)

    ran = beth("merge", "r1", "--into-branch", "theirs")

    assert ran.exit_code == 1
    assert ran.stderr.startswith(f"beth: theirs in {users} conflicts in app.py, so nothing was changed; check theirs")
    assert f"git pull --no-rebase {work.git.git_dir} beth/r1" in ran.stderr
    assert digest(users) == before
    assert digest(work.git.git_dir) == made


def test_a_branch_with_commits_of_its_own_is_not_moved_to_the_requests(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain
) -> None:
    old = on_a_branch(users, plain, "theirs.txt", "theirs\n")

    ran = beth("merge", "r1", "--branch", "theirs")

    assert ran.exit_code == 1
    assert (
        "has commits that the request's work lacks, so nothing was changed; --into-branch theirs merges" in ran.stderr
    )
    assert plain(users, "rev-parse", "theirs") == old


def test_a_branch_called_beth_leaves_no_room_and_that_is_said(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain
) -> None:
    plain(users, "branch", "beth")

    ran = beth("merge", "r1")

    assert ran.exit_code == 1
    assert "beth/r1 in" in ran.stderr
    assert "cannot be made beside your branch beth" in ran.stderr
    assert beth("merge", "r1", "--branch", "team/r1").exit_code == 0
    assert "beside your branch team/r1" in beth("merge", "r1", "--branch", "team").stderr


def test_into_a_branch_that_is_not_there_is_refused(beth: Beth, work: RequestRepository, users: Path) -> None:
    ran = beth("merge", "r1", "--into-branch", "nope")
    assert ran.exit_code == 1
    assert ran.stderr == f"beth: nope in {users} does not exist, so nothing was changed; --branch nope makes it\n"


def test_a_request_from_nothing_must_be_told_into_which_repository(
    beth: Beth, fresh: RequestRepository, users: Path, plain: Plain
) -> None:
    ran = beth("merge", "fresh")
    assert ran.exit_code == 2
    assert ran.stderr == "beth: fresh did not start from a repository: say into which one with --into REPO\n"

    assert beth("merge", "fresh", "--into", str(users)).exit_code == 0
    assert plain(users, "rev-parse", "beth/fresh") == head_of(fresh)


def test_histories_that_have_nothing_in_common_are_not_merged(
    beth: Beth, fresh: RequestRepository, users: Path, plain: Plain
) -> None:
    plain(users, "branch", "release")
    ran = beth("merge", "fresh", "--into", str(users), "--into-branch", "release")
    assert ran.exit_code == 1
    assert "release in" in ran.stderr
    assert "unrelated histories" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--into", "{tmp}/plain"), "is no git repository"),
        (("--into", "{tmp}/nowhere"), "is no directory"),
        (("--branch", "a..b"), "cannot be a branch"),
        (("--branch", "-f"), "cannot be a branch"),
        (("--branch", "a", "--into-branch", "b"), "give one of the two"),
    ],
)
def test_wrong_usage_is_said_in_one_line(
    arguments: tuple[str, ...], reason: str, beth: Beth, work: RequestRepository, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    ran = beth("merge", "r1", *(one.replace("{tmp}", str(tmp_path)) for one in arguments))
    assert ran.exit_code == 2
    assert reason in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_is_refused(beth: Beth, work: RequestRepository, users: Path) -> None:
    for path in [users, *users.rglob("*")]:
        os.chown(path, 12345, 12345)
    ran = beth("merge", "r1")
    assert ran.exit_code == 2
    assert ran.stderr == f"beth: {users} belongs to another user of this machine; run this as that user\n"
