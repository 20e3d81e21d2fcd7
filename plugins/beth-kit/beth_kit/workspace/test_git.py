"""Running git: what it may see, and how it ends."""

import asyncio
import os
from pathlib import Path

import pytest

from beth_kit.workspace.errors import GitFailed, GitUnusable, NameRefused
from beth_kit.workspace.git import Git, environment, identity_of, named, prepare, require_git, usable
from beth_sdk.clock import SystemClock
from beth_sdk.testing.clock import ManualClock


async def test_nothing_of_the_callers_git_environment_reaches_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    monkeypatch.setenv("A_SECRET_KEY", "k")

    seen = environment()

    assert not {"GIT_DIR", "GIT_CONFIG_COUNT", "GIT_EXTERNAL_DIFF", "A_SECRET_KEY"} & set(seen)
    assert seen["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert seen["GIT_CONFIG_NOSYSTEM"] == "1"


async def test_the_users_configuration_is_read_only_where_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    git = await prepare(tmp_path / "a.git", SystemClock())

    without = await git.run("config", "user.name", accepted=(0, 1))
    with_it = await git.run("config", "user.name", accepted=(0, 1), user_config=True)

    assert (without.stdout, with_it.stdout) == (b"", b"Somebody\n")


async def test_a_failure_says_command_exit_code_and_reason(tmp_path: Path) -> None:
    git = await prepare(tmp_path / "a.git", SystemClock())

    with pytest.raises(GitFailed) as raised:
        await git.run("cat-file", "-p", "nothing-like-it")

    assert raised.value.command == ("cat-file", "-p", "nothing-like-it")
    assert raised.value.exit_code == 128
    assert "Not a valid object name" in str(raised.value)


async def test_a_command_over_its_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    clock = ManualClock()
    prepared = await prepare(tmp_path / "a.git", SystemClock())
    git = Git(prepared.git_dir, clock=clock, timeout=60.0)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = asyncio.ensure_future(git.run("hash-object", "--no-filters", str(fifo)))
    await clock.until_sleeping()

    clock.advance(60.0)

    with pytest.raises(GitFailed) as raised:
        await running
    assert raised.value.exit_code is None
    assert "ran out of time" in str(raised.value)
    with pytest.raises(OSError, match="No such device"):  # nobody has it open for reading any more
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)


async def test_a_cancelled_command_is_ended(tmp_path: Path) -> None:
    clock = ManualClock()
    prepared = await prepare(tmp_path / "a.git", SystemClock())
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = asyncio.ensure_future(Git(prepared.git_dir, clock=clock).run("hash-object", "--no-filters", str(fifo)))
    await clock.until_sleeping()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(OSError, match="No such device"):
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)


async def test_programs_named_as_addresses_are_no_transport(tmp_path: Path) -> None:
    git = await prepare(tmp_path / "a.git", SystemClock())

    with pytest.raises(GitFailed, match="not allowed"):
        await git.run("fetch", f"ext::sh -c touch% {tmp_path}/ran")

    assert not (tmp_path / "ran").exists()


async def test_a_git_directory_left_unfinished_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "a.git/refs").mkdir(parents=True)

    git = await prepare(tmp_path / "a.git", SystemClock())

    assert await git.line("rev-parse", "--is-bare-repository") == "true"


async def test_this_machines_git_is_new_enough() -> None:
    assert await require_git() >= (2, 38)


def test_an_old_git_is_refused_with_the_version_needed() -> None:
    with pytest.raises(GitUnusable, match=r"2\.37.*needs git 2\.38 or newer"):
        usable("git version 2.37.9")


async def test_a_missing_git_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitUnusable, match="no git on this machine"):
        await require_git()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-x", "a..b", "a.lock", "a.", "a b", "a\n", "x" * 129])
def test_a_name_that_no_path_or_reference_can_hold_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        named(name, "a task id")


def test_each_role_has_its_own_identity() -> None:
    assert identity_of("developer").email == "developer@beth.invalid"
    assert identity_of("developer") != identity_of("tester")
