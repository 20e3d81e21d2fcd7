"""The git workspaces of requests: what Beth wants of them, and the real ones, kept under BETH_HOME."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from beth_kit.workspace import refs
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import GitFailed, WorkspaceError
from beth_kit.workspace.git import identity_of, require_git
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.worker.loops import LoopThread

BETH = identity_of("beth")


@dataclass(frozen=True, slots=True)
class Source:
    """What a request starts from: a repository (a directory or an address), its branch, and the commit that this was
    at when the request was handed in; None: the repository had no commit."""

    source: str
    branch: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A request's repository: its directory and address, its branch, the commit that it began with."""

    repository: str
    uri: str
    branch: str
    base: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The branch is at `head` now, with `commits` more of each role than before."""

    head: str
    commits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Impossible:
    """A commit cannot be merged, now or later."""

    reason: str


class Workspaces(Protocol):
    """Where the work of requests lives. Both verbs may be called again after a crash: they find what they did."""

    async def open(self, request_id: str, source: Source | None, *, when: float) -> Opened:
        """Make a request's repository, or find it. `when` dates a first commit, in seconds since the epoch.

        Raises `WorkspaceError` or `OSError`: without a git, for a source that cannot be read.
        """
        ...

    async def merge(
        self, request_id: str, commit: str, message: str, *, base: str, since: str
    ) -> Moved | Conflict | Impossible:
        """Bring a commit into the branch of a request that began at `base`; `since` is where the branch was.

        Raises `WorkspaceError` or `OSError` for what may be otherwise next time.
        """
        ...

    async def close(self) -> None:
        """Let go of what was opened here; nothing that was begun is lost."""
        ...


class GitWorkspaces:
    """Real git, on an event loop of its own: starting processes would hold up the one that renews holds."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        """Where they are."""
        self._loop: LoopThread | None = None
        self._git_is_usable = False

    async def open(self, request_id: str, source: Source | None, *, when: float) -> Opened:
        return await self._there().call(self._open(request_id, source, when))

    async def merge(
        self, request_id: str, commit: str, message: str, *, base: str, since: str
    ) -> Moved | Conflict | Impossible:
        return await self._there().call(self._merge(request_id, commit, message, base, since))

    async def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            await asyncio.to_thread(loop.close)

    def _there(self) -> LoopThread:
        if self._loop is None:
            self._loop = LoopThread("beth-workspaces").start()
        return self._loop

    async def _open(self, request_id: str, source: Source | None, when: float) -> Opened:
        if not self._git_is_usable:
            await require_git()
            self._git_is_usable = True
        repository = await RequestRepository.open(
            self.home,
            request_id,
            repo=source.source if source else None,
            branch=source.branch if source else None,
            commit=source.commit if source else None,
            when=when,
        )
        where = repository.git.git_dir
        return Opened(str(where), where.as_uri(), repository.branch, await repository.base())

    async def _merge(
        self, request_id: str, commit: str, message: str, base: str, since: str
    ) -> Moved | Conflict | Impossible:
        directory = self.home / "repositories" / f"{request_id}.git"
        if not await asyncio.to_thread(directory.is_dir):
            return Impossible(f"the request's repository {directory} is not on this machine")
        repository = await RequestRepository.open(self.home, request_id)
        if await repository.base() != base:
            return Impossible(f"{directory} is not the repository that the request began in")
        if await refs.read(repository.git, commit) is None:
            return Impossible(f"its commit {commit} is not in the request's repository {directory}")
        try:
            found = await repository.merge(commit, message, BETH)
        except GitFailed as failed:
            if failed.exit_code is None:  # it ran out of time
                raise
            return Impossible(str(failed))
        if isinstance(found, Conflict):
            return found
        new = await repository.log(found.commit, since=since)
        return Moved(found.commit, Counter(entry.author.removeprefix("Beth ") for entry in new))


def reason_of(error: WorkspaceError | OSError) -> str:
    """What went wrong, in a line."""
    if isinstance(error, WorkspaceError):
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
