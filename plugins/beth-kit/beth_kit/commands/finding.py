"""Finding the repository of a request by its id."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

from beth_kit.commands.errors import RequestUnusable
from beth_kit.workspace import refs, started_from
from beth_kit.workspace.errors import GitFailed
from beth_kit.workspace.git import Git
from beth_kit.workspace.repository import BASE, RequestRepository
from beth_kit.workspace.started_from import StartedFrom
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError

PATIENCE = 3600.0
"""Seconds a git command may take that somebody watches, who can end it sooner with Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Found:
    """A request's repository with its branch at `head` and its beginning at `base`, commits both. `started`: where it
    started from, None for nowhere."""

    repository: RequestRepository
    head: str
    base: str
    started: StartedFrom | None

    @property
    def id(self) -> str:
        """The request's id."""
        return self.repository.request_id

    @property
    def git(self) -> Git:
        """The request's git directory, with patience."""
        return self.repository.git


async def find(home: Path, request_id: str | None) -> Found:
    """The repository of a request, of the newest one without an id. Nothing is made or changed.

    Raises `ConfigurationError` for an id that has none, `RequestUnusable`.
    """
    repository = _chosen(home, newest(home) if request_id is None else request_id)
    git_dir = repository.git.git_dir
    try:
        head, base = await repository.tip(), await refs.read(repository.git, BASE)
    except GitFailed as failed:
        reason = f"has a repository that git cannot read ({git_dir}): {_last(failed)}"
        raise RequestUnusable(repository.request_id, reason) from failed
    if head is None or base is None:
        raise RequestUnusable(repository.request_id, "has no branch yet: it gets one when its first task starts")
    return Found(repository, head, base, started_from.read(git_dir))


def _chosen(home: Path, request_id: str) -> RequestRepository:
    if request_id not in known(home):
        near = _near(home, request_id)
        raise ConfigurationError(f"no request here is called {request_id!r}, or it has no work yet{near}")
    git_dir = home.absolute() / "repositories" / f"{request_id}.git"
    clock = SystemClock()
    return RequestRepository(request_id, home.absolute(), Git(git_dir, clock=clock, timeout=PATIENCE), clock)


def known(home: Path) -> list[str]:
    """The ids of all requests that have a repository."""
    return sorted(path.stem for path in (home / "repositories").glob("*.git") if path.is_dir())


def newest(home: Path) -> str:
    """The request whose repository was made last. Raises `ConfigurationError` where there is none."""
    # Written once, as the last of what makes a repository complete.
    made = ((home / "repositories" / f"{name}.git/info/attributes", name) for name in known(home))
    dated = [(path.stat().st_mtime_ns, name) for path, name in made if path.is_file()]
    if not dated:
        raise ConfigurationError(f"no request has a repository in {home}; `beth paths` shows which home this is")
    return max(dated)[1]


def staged(found: Found, git: Git) -> RequestRepository:
    """The request's repository with another git directory in its place, for merging without moving its branch."""
    return replace(found.repository, git=git)


def _near(home: Path, name: str) -> str:
    ids = known(home)
    if not ids:
        return f"; no request has a repository in {home}"
    near = difflib.get_close_matches(name, ids, n=3, cutoff=0.5) or [one for one in ids if one.startswith(name)][:3]
    return f"; did you mean {' or '.join(near)}?" if near else "; `beth list` shows them"


def _last(failed: GitFailed) -> str:
    lines = failed.stderr.strip().splitlines()
    return lines[-1] if lines else str(failed)
