"""Reading a user's repository: its objects are copied, and nothing in it is changed, checked out or run."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from beth_kit.workspace.errors import GitFailed, SourceRefused
from beth_kit.workspace.git import Git
from beth_sdk.clock import Clock, SystemClock

FETCH_TIMEOUT = 1800.0
"""Seconds that copying a repository may take: a large one comes over a slow line."""

_ADDRESS = re.compile(r"(https?|ssh|file)://[^\s]+|[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:[^\s]+")

SERVE = "git -c core.hooksPath=/dev/null -c core.fsmonitor=false upload-pack"
"""The other side of a fetch from this machine. It only reads; packs are made by git itself, not by a configured hook,
because git takes that setting from protected configuration alone."""

TAKE = (
    "git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c receive.denyCurrentBranch=refuse "
    "-c receive.denyDeleteCurrent=refuse -c receive.autoGC=false -c gc.auto=0 receive-pack"
)
"""The other side of a push on this machine: whatever its configuration says, the checked-out branch is refused."""


def address(source: str, base: Path | None = None) -> tuple[str, bool]:
    """What git is given for `source`, and whether it is a directory of this machine. Relative to `base`.

    Raises `SourceRefused` for what is neither a directory nor an http, https, ssh or file address.
    """
    directory = (base or Path.cwd()) / Path(source).expanduser()
    if directory.is_dir():
        return str(directory.resolve()), True
    if not _ADDRESS.fullmatch(source) or source.startswith("-"):
        raise SourceRefused(source, "is no directory and no https://, ssh:// or file:// address of a git repository")
    return source, False


async def newest(source: str, branch: str | None = None, clock: Clock | None = None) -> str | None:
    """The commit `source` has checked out, or the one its `branch` is at; None if it has no commit at all.

    Raises `SourceRefused` where it is not a repository or lacks the branch, `GitUnusable` without a git.
    """
    return await _newest(Git(Path(os.devnull), clock=clock or SystemClock()), source, branch)


async def fetch(git: Git, source: str, branch: str | None, into: str, commit: str | None = None) -> bool:
    """Copy what `source` has checked out (or its `branch`, or just `commit`) to the reference `into`; False if it has
    no commit at all.

    Uncommitted changes are not part of it. Raises `SourceRefused` where it is not a repository, lacks the branch or
    the commit.
    """
    wanted = commit
    if wanted is None:
        if await _newest(git, source, branch) is None:
            return False
        wanted = "HEAD" if branch is None else f"refs/heads/{branch}"
    where, here = address(source)
    words = [
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
        "--update-shallow",
        *_serve(here),
    ]
    patient = replace(git, timeout=FETCH_TIMEOUT)
    try:
        await patient.run("fetch", "--quiet", *words, "--", where, f"+{wanted}:{into}", user_config=not here)
    except GitFailed as failed:
        raise SourceRefused(source, _reason(failed)) from failed
    return True


async def _newest(git: Git, source: str, branch: str | None) -> str | None:
    where, here = address(source)
    try:
        told = await git.run("ls-remote", *_serve(here), "--", where, user_config=not here)
    except GitFailed as failed:
        raise SourceRefused(source, _reason(failed)) from failed
    lines = (line.split("\t", 1) for line in told.stdout.decode("utf-8", "replace").splitlines())
    there = {name: commit for commit, name in lines}
    found = there.get("HEAD" if branch is None else f"refs/heads/{branch}")
    if found is None and branch is not None:
        raise SourceRefused(source, f"has no branch {branch!r}")
    return found


def _serve(here: bool) -> list[str]:
    return [f"--upload-pack={SERVE}"] if here else []


async def push(git: Git, ref: str, remote: str, branch: str) -> None:
    """Bring `ref` to `branch` of `remote`, forward only; never to the branch that is checked out there.

    Raises `SourceRefused` with the other side's reason.
    """
    where, here = address(remote)
    take = [f"--receive-pack={TAKE}"] if here else []
    try:
        await git.run(
            "push", "--quiet", "--no-verify", *take, "--", where, f"{ref}:refs/heads/{branch}", user_config=not here
        )
    except GitFailed as failed:
        raise SourceRefused(remote, _reason(failed)) from failed


def _reason(failed: GitFailed) -> str:
    lines = [line for line in failed.stderr.splitlines() if line.startswith(("fatal:", "error:", " ! ", "remote:"))]
    if "dubious ownership" in failed.stderr:
        return "belongs to another user of this machine; run as that user, or give a copy of your own"
    if failed.exit_code is None:
        return f"did not answer in time: {failed}"
    return lines[0].strip() if lines else str(failed)
