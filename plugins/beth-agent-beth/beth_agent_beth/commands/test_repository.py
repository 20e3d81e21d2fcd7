"""`--repo`: a request that starts from the user's repository, which stays as it is to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import request_in
from beth_kit.workspace.conftest import Plain
from beth_sdk.cli.conftest import Beth

Digest = Callable[[Path], dict[str, str]]


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What exists once anything of the user's repository was run."""
    return tmp_path / "ran"


def with_traps(directory: Path, ran: Path) -> None:
    """Hooks, filters and programs in the configuration that leave a trace."""
    trap = directory / ".git/trap"
    trap.write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
    trap.chmod(0o755)
    (directory / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "pre-receive", "update"):
        (directory / ".git/hooks" / hook).symlink_to(trap)
    with (directory / ".git/config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = {trap}\n[filter "lfs"]\n\tsmudge = {trap}\n\tclean = {trap}\n')
        config.write(f"[uploadpack]\n\tpackObjectsHook = {trap}\n")


def uncommitted(users: Path, plain: Plain) -> None:
    (users / "app.py").write_text("changed, not committed\n")
    (users / "staged.txt").write_text("staged\n")
    plain(users, "add", "staged.txt")
    (users / "untracked.txt").write_text("untracked\n")


def submodule(users: Path, plain: Plain) -> None:
    plain(users, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(users), "vendor/self")
    plain(users, "commit", "-q", "-m", "Submodule")


def lfs_pointer(users: Path, plain: Plain) -> None:
    (users / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (users / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    plain(users, "add", ".")
    plain(users, "commit", "-q", "-m", "Pointer")


def detached(users: Path, plain: Plain) -> None:
    plain(users, "checkout", "-q", "--detach")
    plain(users, "commit", "-q", "--allow-empty", "-m", "Detached")


@pytest.mark.parametrize("kind", [uncommitted, submodule, lfs_pointer, detached])
def test_the_repository_is_untouched_and_the_result_is_a_branch_upon_what_was_committed(
    kind: Callable[[Path, Plain], None],
    beth: Beth,
    committing: str,
    users: Path,
    plain: Plain,
    digest: Digest,
    ran: Path,
) -> None:
    kind(users, plain)
    head = plain(users, "rev-parse", "HEAD")
    files = set(plain(users, "ls-tree", "-r", "--name-only", "HEAD").splitlines())
    with_traps(users, ran)
    before = digest(users)
    told = beth("run", "make it", "--workflow", committing, "--repo", str(users), "--json")
    assert (told.exit_code, told.json["status"], told.stderr) == (0, "complete", "")
    assert digest(users) == before
    assert not ran.exists()
    repository = Path(told.json["repository"])
    assert plain(repository, "rev-parse", f"{told.json['branch']}~1") == head
    made = set(plain(repository, "ls-tree", "-r", "--name-only", told.json["branch"]).splitlines())
    assert made == {*files, "made.txt"}
    assert told.json["commits"] == {"player": 1}


def test_an_empty_repository_is_untouched_and_the_branch_begins_anew(
    beth: Beth, committing: str, plain: Plain, digest: Digest, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    plain(empty, "init", "-q")
    before = digest(empty)
    told = beth("run", "make it", "--workflow", committing, "--repo", str(empty), "--json")
    assert told.exit_code == 0
    assert digest(empty) == before
    log = plain(Path(told.json["repository"]), "log", "--format=%s", told.json["branch"]).splitlines()
    assert log == ["Make it", f"Begin request {told.json['request_id']}"]


def test_a_path_may_be_relative_to_where_the_command_is_run(
    beth: Beth, committing: str, users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(users.parent)
    name = request_in(beth("submit", "make it", "--workflow", committing, "--repo", "users"))
    monkeypatch.chdir("/")
    assert beth("resume", name).exit_code == 0


def test_a_request_starts_from_what_was_committed_when_it_was_handed_in(
    beth: Beth, committing: str, users: Path, plain: Plain
) -> None:
    head = plain(users, "rev-parse", "HEAD")
    name = request_in(beth("submit", "make it", "--workflow", committing, "--repo", str(users)))
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")
    told = beth("resume", name, "--json").json
    assert plain(Path(told["repository"]), "rev-parse", f"{told['branch']}~1") == head


def test_a_branch_can_be_named(beth: Beth, committing: str, users: Path, plain: Plain) -> None:
    plain(users, "branch", "other")
    plain(users, "commit", "-q", "--allow-empty", "-m", "Later")
    told = beth("run", "make it", "--workflow", committing, "--repo", str(users), "--branch", "other", "--json").json
    parent = plain(Path(told["repository"]), "rev-parse", f"{told['branch']}~1")
    assert parent == plain(users, "rev-parse", "other")


def test_the_end_says_where_the_branch_is_and_what_to_do_with_it(beth: Beth, committing: str, home: Path) -> None:
    told = beth("run", "make it", "--workflow", committing)
    name = request_in(told)
    repository = home / "repositories" / f"{name}.git"
    line = f"branch beth/{name} in {repository} (commits: 1 by player); beth show|diff|checkout|merge {name}"
    assert told.stdout.splitlines()[-2] == line
    status = beth("status", name, "--json").json
    assert (status["repository"], status["branch"], status["commits"]) == (
        str(repository),
        f"beth/{name}",
        {"player": 1},
    )


def test_where_nothing_was_committed_nothing_is_said_of_a_branch(beth: Beth, solo: str) -> None:
    told = beth("run", "play", "--workflow", solo)
    assert "branch" not in told.stdout
    assert beth("status", request_in(told), "--json").json["branch"] is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--repo", "nowhere"), "--repo nowhere: is no directory and no https://"),
        (("--repo", "{folder}"), "it is no git repository"),
        (("--repo", "{users}", "--branch", "nope"), "has no branch 'nope'"),
        (("--repo", "https://me:secret@example.org/x.git"), "the address holds a user or a password"),
        (("--branch", "main"), "--branch names a branch of --repo, which is missing"),
    ],
)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_repository_that_cannot_be_used_is_refused_before_anything_is_submitted(
    beth: Beth, committing: str, users: Path, tmp_path: Path, command: str, arguments: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    given = [one.format(folder=tmp_path / "folder", users=users) for one in arguments]
    told = beth(command, "make it", "--workflow", committing, *given)
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert reason in told.stderr
    assert "secret" not in told.stderr
    assert beth("list").stdout == "no requests\n"


def test_without_a_git_a_request_is_done_all_the_same_but_not_one_from_a_repository(
    beth: Beth, solo: str, users: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert beth("run", "play", "--workflow", solo).exit_code == 0
    assert (home / "logs/beth.log").read_text().count("requests run without a workspace") == 1
    told = beth("run", "play", "--workflow", solo, "--repo", str(users))
    assert (told.exit_code, told.stdout) == (2, "")
    assert "there is no git on this machine" in told.stderr
