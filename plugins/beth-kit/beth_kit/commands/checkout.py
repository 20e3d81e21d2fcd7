"""`beth checkout`: a request's work in a directory of the user's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import click

from beth_kit.commands.finding import PATIENCE, Found, find
from beth_kit.places import workspaces
from beth_kit.workspace.git import Git
from beth_kit.workspace.source import SERVE
from beth_sdk.cli.options import json_option, settings_from, show_json
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError

REMOTE = "beth"
NO_PUSH = "only-beth-moves-this-branch"
"""In the place of an address to push to, for git to name when it refuses."""


@click.command()
@click.argument("request")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def checkout(request: str, directory: Path, *, as_json: bool) -> None:
    """Put the work of a REQUEST into a new directory DIR: a git repository of yours, at the request's branch.

    Its remote `beth` is the request's repository, so that git pull brings what comes later; `origin` is what the
    request started from. No hook and no filter runs.
    """
    found = asyncio.run(find(workspaces(settings_from(None).home), request))
    lay_out(found, directory)
    if as_json:
        show_json(
            {
                "request": found.id,
                "directory": str(directory.absolute()),
                "branch": found.repository.branch,
                "commit": found.head,
            }
        )
    else:
        click.echo(f"{directory}: {found.repository.branch} at {found.head[:12]}")


def lay_out(found: Found, directory: Path) -> None:
    """Make the directory, complete or not at all. Raises `ConfigurationError` where something is there already."""
    refuse_what_is_there(directory)
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name[:100]}.", dir=parent))
    except OSError as error:
        raise ConfigurationError(f"{parent}: {error.strerror or error}") from None
    try:
        asyncio.run(_clone(found, unfinished))
        unfinished.chmod(0o777 & ~_umask())
        refuse_what_is_there(directory)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def refuse_what_is_there(directory: Path) -> None:
    """Raises `ConfigurationError` for anything but an empty directory or nothing."""
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise ConfigurationError(f"{directory} exists and is no directory: name one that does not exist yet")
    if directory.is_dir() and any(directory.iterdir()):
        raise ConfigurationError(f"{directory} is not empty: name a directory that does not exist yet")


async def _clone(found: Found, directory: Path) -> None:
    branch = found.repository.branch
    git = Git(directory / ".git", directory, clock=SystemClock(), timeout=PATIENCE)
    await git.run("init", "--quiet", "--template=", f"--initial-branch={branch}")
    settings = {
        f"remote.{REMOTE}.url": str(found.git.git_dir),
        f"remote.{REMOTE}.pushurl": NO_PUSH,
        f"remote.{REMOTE}.fetch": f"+refs/heads/{branch}:refs/remotes/{REMOTE}/{branch}",
        f"branch.{branch}.remote": REMOTE,
        f"branch.{branch}.merge": f"refs/heads/{branch}",
    }
    if found.started is not None:
        settings |= {
            "remote.origin.url": found.started.address,
            "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
            "remote.pushDefault": "origin",
        }
    for key, value in settings.items():
        await git.run("config", "--local", key, value)
    words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow", f"--upload-pack={SERVE}")
    await git.run("fetch", *words, REMOTE)
    await git.run("reset", "--quiet", "--hard", found.head)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
