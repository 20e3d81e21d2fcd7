"""`beth push`."""

import os
from pathlib import Path

import pytest

from beth_kit.commands.conftest import Hosting, head_of, on_a_terminal, trap
from beth_kit.commands.users import BEHIND
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth, Start


@pytest.fixture
def signed_in(tmp_path: Path) -> None:
    """The user's git knows who the user is on the server."""
    helper = "!f() { test $1 = get && echo username=user && echo password=secret; }; f"
    (tmp_path / ".gitconfig").write_text(f'[credential]\n\thelper = "{helper}"\n')


def test_the_users_git_configuration_signs_in(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None, plain: Plain
) -> None:
    ran = beth("push", "r1", "--remote", hosting.url)

    assert (ran.exit_code, ran.stdout) == (0, f"{hosting.url}: beth/r1 is at {head_of(work)[:12]}\n")
    assert plain(hosting.directory / "shop.git", "rev-parse", "beth/r1") == head_of(work)
    assert "user:secret" in hosting.asked


def test_what_the_server_says_is_passed_on(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None
) -> None:
    assert beth("push", "r1", "--remote", hosting.url).stderr == ("beth: remote: Look at it: http://shop.example/new\n")


def test_programs_get_where_the_branch_went(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None
) -> None:
    assert beth("push", "r1", "--remote", hosting.url, "--branch", "login", "--json").json == {
        "request": "r1",
        "remote": hosting.url,
        "branch": "login",
        "commit": head_of(work),
    }


def test_without_credentials_and_a_terminal_nobody_is_asked(
    start: Start, work: RequestRepository, hosting: Hosting
) -> None:
    ran = start("push", "r1", "--remote", hosting.url)
    assert ran.end() == 1
    (line,) = ran.err
    assert line.startswith(f"beth: {hosting.url} did not take beth/r1: ")
    assert set(hosting.asked) == {None}


def test_at_a_terminal_git_asks(work: RequestRepository, home: Path, hosting: Hosting, plain: Plain) -> None:
    asked = [(b"Username for", b"user"), (b"Password for", b"secret")]
    code, written = on_a_terminal("push", "r1", "--remote", hosting.url, answers=asked)
    assert code == 0
    assert "beth/r1 is at" in written
    assert plain(hosting.directory / "shop.git", "rev-parse", "beth/r1") == head_of(work)


def test_a_password_in_the_address_is_not_shown(beth: Beth, work: RequestRepository, hosting: Hosting) -> None:
    ran = beth("push", "r1", "--remote", hosting.url.replace("//", "//user:secret@"), "--json")
    assert ran.exit_code == 0
    assert "secret" not in ran.stdout + ran.stderr

    wrong = beth("push", "r1", "--remote", hosting.url.replace("//", "//user:hidden@"))
    assert wrong.exit_code == 1
    assert "hidden" not in wrong.stderr


def test_nothing_of_the_requests_repository_or_of_where_the_user_stands_has_a_say(
    beth: Beth,
    work: RequestRepository,
    hosting: Hosting,
    signed_in: None,
    users: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trap(work.git.git_dir, tmp_path / "ran", ".")
    trap(users, tmp_path / "ran")
    for git_dir in (work.git.git_dir, users / ".git"):
        with (git_dir / "config").open("a") as config:
            config.write(f"[credential]\n\thelper = {git_dir}/trap\n[http]\n\tproxy = http://127.0.0.1:1\n")
    monkeypatch.chdir(users)
    monkeypatch.setenv("GIT_DIR", str(users / ".git"))

    assert beth("push", "r1", "--remote", hosting.url).exit_code == 0

    assert not (tmp_path / "ran").exists()


def test_a_hook_of_the_users_own_configuration_does_not_run_either(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None, tmp_path: Path
) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/pre-push").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "hooks/pre-push").chmod(0o755)
    with (tmp_path / ".gitconfig").open("a") as config:
        config.write(f"[core]\n\thooksPath = {tmp_path}/hooks\n")

    assert beth("push", "r1", "--remote", hosting.url).exit_code == 0
    assert not (tmp_path / "ran").exists()


def test_a_branch_that_has_other_commits_there_stays(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None, users: Path, plain: Plain
) -> None:
    plain(users, "checkout", "-q", "--orphan", "other")
    plain(users, "commit", "-q", "-m", "Other")
    plain(users, "push", "-q", str(hosting.directory / "shop.git"), "other:beth/r1")

    ran = beth("push", "r1", "--remote", hosting.url)

    assert ran.exit_code == 1
    assert ran.stderr == f"beth: {hosting.url} did not take beth/r1: {BEHIND}\n"
    assert plain(hosting.directory / "shop.git", "rev-parse", "beth/r1") == plain(users, "rev-parse", "other")


# -- where to -----------------------------------------------------------------------------------


@pytest.fixture
async def hosted(home: Path, hosting: Hosting, signed_in: None, users: Path, plain: Plain) -> RequestRepository:
    """A request that started from the server."""
    plain(users, "push", "-q", str(hosting.directory / "shop.git"), "main")
    return await RequestRepository.open(home, "r2", repo=hosting.url.replace("//", "//user:secret@"))


def test_without_a_remote_it_goes_where_the_request_started_from_with_no_password_kept(
    beth: Beth, hosted: RequestRepository, hosting: Hosting, plain: Plain
) -> None:
    ran = beth("push", "r2")

    assert ran.stdout == f"{hosting.url}: beth/r2 is at {head_of(hosted)[:12]}\n"
    assert plain(hosting.directory / "shop.git", "rev-parse", "beth/r2") == head_of(hosted)
    for folder, _, names in os.walk(hosted.git.git_dir):
        for name in names:
            assert b"secret" not in Path(folder, name).read_bytes()


def test_a_directory_it_started_from_gets_a_branch_as_merge_makes_it(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, tmp_path: Path
) -> None:
    trap(users, tmp_path / "ran")
    ran = beth("push", "r1")
    assert ran.stdout == f"{users}: beth/r1 is new, at {head_of(work)[:12]}\n"
    assert plain(users, "rev-parse", "beth/r1") == head_of(work)
    assert not (tmp_path / "ran").exists()
    assert beth("push", "r1", "--branch", "main").exit_code == 1


def test_a_remote_of_the_directory_it_started_from_can_be_named(
    beth: Beth, work: RequestRepository, hosting: Hosting, signed_in: None, users: Path, plain: Plain
) -> None:
    plain(users, "remote", "add", "origin", hosting.url)
    assert beth("push", "r1", "--remote", "origin").exit_code == 0
    assert plain(hosting.directory / "shop.git", "rev-parse", "beth/r1") == head_of(work)


@pytest.mark.parametrize("remote", ["nope", "ext::sh -c id", "--receive-pack=id"])
def test_what_is_no_remote_is_refused_in_one_line(remote: str, beth: Beth, work: RequestRepository) -> None:
    ran = beth("push", "r1", f"--remote={remote}")
    assert ran.exit_code == 1
    assert "is no directory and no https://" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_request_from_nothing_must_be_told_where_to(beth: Beth, fresh: RequestRepository) -> None:
    ran = beth("push", "fresh")
    assert (ran.exit_code, ran.stderr) == (
        2,
        "beth: fresh did not start from a repository: say where to with --remote URL\n",
    )
