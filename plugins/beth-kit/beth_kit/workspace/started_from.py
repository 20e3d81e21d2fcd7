"""Where a request's work started from: kept in a file of its repository, for whoever brings the work back there."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from beth_kit.workspace import source
from beth_kit.workspace.errors import GitFailed
from beth_kit.workspace.git import Git

FILE = "beth.started-from.json"
"""In the request's git directory, which no task can write."""


@dataclass(frozen=True, slots=True)
class StartedFrom:
    """A directory of this machine by its absolute path, or an address without any password. `branch`: the one that was
    named or, else, checked out; None for a detached or unknown one."""

    address: str
    branch: str | None

    @property
    def directory(self) -> Path | None:
        """The directory, if it is one of this machine and still there."""
        path = Path(self.address)
        return path if path.is_absolute() and path.is_dir() else None


async def record(git: Git, repo: str, branch: str | None) -> None:
    """Write down that the repository of `git` starts from `repo`; in place of what was written, and whole or not."""
    where, here = source.address(repo)
    started = StartedFrom(without_secret(where), branch or await _checked_out(git, where, here=here))
    unfinished = git.git_dir / f"{FILE}.new"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(started), file)
    unfinished.rename(git.git_dir / FILE)


def read(git_dir: Path) -> StartedFrom | None:
    """What was written down; None where the request started from nothing, or nothing that can be read says so."""
    try:
        found = json.loads((git_dir / FILE).read_text(encoding="utf-8"))
        return StartedFrom(str(found["address"]), None if found["branch"] is None else str(found["branch"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def without_secret(address: str) -> str:
    """An address without its password, and over http without a user, who may be a token: git asks for both anew."""
    return re.sub(r"^(ssh://[^/@:]*):[^/@]*@", r"\1@", re.sub(r"^(https?://)[^/]*@", r"\1", address))


async def _checked_out(git: Git, where: str, *, here: bool) -> str | None:
    serve = [f"--upload-pack={source.SERVE}"] if here else []
    try:
        told = await git.run("ls-remote", "--symref", *serve, "--", where, "HEAD", user_config=not here)
    except GitFailed:
        return None  # only a name to show; whether the repository can be used is decided by fetching from it
    found = re.match(r"ref: refs/heads/(.+)\tHEAD$", told.stdout.decode("utf-8", "replace"), re.MULTILINE)
    return found[1] if found else None
