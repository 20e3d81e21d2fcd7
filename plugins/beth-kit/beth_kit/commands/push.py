"""`beth push`: a request's work to a repository elsewhere, as the user, with the user's own git configuration."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from beth_kit.commands.errors import PushRefused
from beth_kit.commands.finding import Found, find
from beth_kit.commands.merge import bring, good_name, told
from beth_kit.commands.scratch import scratch
from beth_kit.commands.users import UsersRepository, rejected, said
from beth_kit.places import workspaces
from beth_kit.workspace.git import TRANSPORTS, Git
from beth_kit.workspace.source import address
from beth_sdk.cli.options import json_option, note, settings_from, show_json
from beth_sdk.cli.text import one_line
from beth_sdk.errors import ConfigurationError
from beth_sdk.redact import redact

LOCAL = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
        *("GIT_CONFIG", "GIT_IMPLICIT_WORK_TREE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE"),
    )
)
"""Variables that say which repository git works on, as `git rev-parse --local-env-vars` has them; those that carry
settings are the user's, and stay."""

SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "push.recurseSubmodules=no", "gc.auto=0")


@click.command()
@click.argument("request")
@click.option("--remote", metavar="URL", help="Where to, instead of where it started from; also a remote's name there.")
@click.option("--branch", metavar="B", help="The branch there, instead of beth/REQUEST.")
@json_option
def push(request: str, *, remote: str | None, branch: str | None, as_json: bool) -> None:
    """Push the work of a REQUEST to the repository it started from, as the branch beth/REQUEST.

    It is your own push: your git configuration decides about credentials, and git asks where it has to and you are at a
    terminal. No hook runs on this side. A branch only moves forward.
    """
    found, where, name, line = asyncio.run(_push(request, remote, branch))
    if as_json:
        show_json({"request": found.id, "remote": where, "branch": name, "commit": found.head})
    else:
        click.echo(line)


async def _push(request: str, remote: str | None, branch: str | None) -> tuple[Found, str, str, str]:
    found = await find(workspaces(settings_from(None).home), request)
    where, here = await _address(found, remote)
    name = await good_name(found, branch or found.repository.branch)
    if here:
        brought = await bring(UsersRepository.at(Path(where)), found, name)
        return found, where, name, told(brought)
    async with scratch(found.git.git_dir) as git:
        await _as_the_user(git, found.head, where, name)
    return found, redact(where), name, f"{redact(where)}: {name} is at {found.head[:12]}"


async def _address(found: Found, remote: str | None) -> tuple[str, bool]:
    """Where to push, and whether that is a directory here. Raises `ConfigurationError`, `SourceRefused`."""
    started = found.started
    if remote is None:
        if started is None:
            raise ConfigurationError(f"{found.id} did not start from a repository: say where to with --remote URL")
        return address(started.address)
    if started is not None and started.directory is not None and "/" not in remote and not remote.startswith("-"):
        named = await UsersRepository.at(started.directory).push_address(remote)
        if named is not None:
            return address(named, started.directory)
    return address(remote)


async def _as_the_user(git: Git, commit: str, where: str, branch: str) -> None:
    """Raises `PushRefused`. In this process's own group, so that git can ask at the terminal."""
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    words = ["push", "--porcelain", "--no-verify", "--", where, f"{commit}:refs/heads/{branch}"]
    process = await asyncio.create_subprocess_exec(
        "git", "--no-pager", f"--git-dir={git.git_dir}", *settings, *words,
        env=users_environment(),
        cwd=git.git_dir,
        stdin=None if sys.stdin.isatty() else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        stdout, written = await process.communicate()
    finally:
        if process.returncode is None:  # Ctrl-C
            process.terminate()
            await process.wait()
    stderr = written.decode("utf-8", "replace")
    if process.returncode:
        reason = rejected(stdout) or said(stderr) or f"git ended with {process.returncode}"
        raise PushRefused(redact(where), branch, redact(reason))
    for line in stderr.splitlines():
        if line.startswith("remote: ") and line.removeprefix("remote: ").strip():
            note(one_line(redact(line)))


def users_environment() -> dict[str, str]:
    """The user's own environment for a git command that is not about the repository they may stand in."""
    kept = {name: value for name, value in os.environ.items() if name not in LOCAL}
    asking = {} if sys.stdin.isatty() else {"GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **asking, "GIT_ALLOW_PROTOCOL": TRANSPORTS, "LC_ALL": "C"}
