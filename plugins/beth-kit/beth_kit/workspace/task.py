"""A task's workspace as one delivery of the task sees it: brought to what the journal says before the first step that
really runs, and snapshotted after each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from beth_kit.sandbox.holding import alone
from beth_kit.workspace import refs, snapshot
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import NothingToCommit, StillRunning
from beth_kit.workspace.git import Git
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.clock import Clock


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a task's work begins: the repository of its request under `home`, at `commit` (the branch's head unless
    given), or with both sides of `conflict` laid out."""

    home: Path
    request_id: str
    commit: str | None = None
    conflict: Conflict | None = None


class TaskWorkspace:
    """Opened at its first use. Not for two deliveries at once: the journal's hold sees to that."""

    def __init__(
        self, origin: Origin, task_id: str, epoch: int, clock: Clock, *, owner: tuple[int, int] | None = None
    ) -> None:
        self._origin = origin
        self._task_id = task_id
        self._epoch = epoch
        self._clock = clock
        self._owner = owner
        self._at: str | None = None
        self._clone: TaskClone | None = None
        self._base = ""
        self._opened_repository: RequestRepository | None = None
        self._opening = asyncio.Lock()
        self.lost: tuple[str, ...] = ()
        """Ignored files that were there when the last worker stopped and could not be brought back."""

    @property
    def repository_path(self) -> Path:
        """The request's repository."""
        return self._origin.home / "repositories" / f"{self._origin.request_id}.git"

    @property
    def directory(self) -> Path:
        """The work tree. There only once `clone` was called."""
        return self._origin.home / "work" / self._origin.request_id / self._task_id

    @property
    def scratch(self) -> Path:
        """The HOME of the task's tools, beside the work tree: no part of the work, kept while the task lives."""
        return self.directory.with_name(f"{self._task_id}.home")

    @property
    def held(self) -> Path:
        """A file that is locked while a program of the task runs."""
        return self.directory.with_name(f"{self._task_id}.git") / "tools.flock"

    @property
    def reference(self) -> str:
        """Where the task's last commit is kept in the request's repository."""
        return f"refs/beth/tasks/{self._task_id}"

    def replayed(self, snapshot_commit: str | None) -> None:
        """Take in what the journal says of a step that is not run again: the state it left."""
        if snapshot_commit is not None:
            self._at = snapshot_commit

    async def clone(self) -> TaskClone:
        """The clone, in the state that the journal says. Raises `WorkspaceError`."""
        async with self._opening:
            if self._clone is None:
                self._clone = await self._opened()
            return self._clone

    async def _opened(self) -> TaskClone:
        origin = self._origin
        repository = await self._repository()
        # Either may be left of a clone whose removal was cut off.
        fresh = not (self.directory.exists() or self.directory.with_name(f"{self._task_id}.git").exists())
        clone = await TaskClone.open(repository, self._task_id, await self.base(), owner=self._owner)
        # An earlier worker was killed, or stands still: what it started may not have ended yet.
        if not await alone(self.held, self._clock):
            raise StillRunning(self._task_id)
        if self._at is not None:
            taken = await snapshot.taken_at(clone, self._at)
            self.lost = (await snapshot.restore(clone, taken)).ignored_lost
        elif origin.conflict is not None:
            await clone.begin_merge(origin.conflict)
        elif not fresh:
            # What a worker left that died in the first step, or another epoch's leavings: nobody journaled it.
            await clone.checkout(await self.base())
        return clone

    def based_on(self, commit: str) -> None:
        """Take in what the journal says of the commit the task's work began at."""
        self._base = commit

    async def base(self) -> str:
        """The commit the task's work began at."""
        if not self._base:
            origin = self._origin
            known = origin.conflict.ours if origin.conflict is not None else origin.commit
            self._base = known or await (await self._repository()).head()
        return self._base

    async def snapshot(self) -> str:
        """Keep the state of the work tree under this delivery's epoch; returns its commit, the same for the same
        state. Raises `WorkspaceError`."""
        return (await snapshot.snapshot(await self.clone(), self._epoch)).commit

    async def diff(self, since: str | None = None) -> str:
        """The patch from where the task began (or the commit `since`) to what the work tree holds now."""
        clone = await self.clone()
        return (await clone.diff(since or await self.base())).decode("utf-8", "replace")

    async def changed(self) -> tuple[str, ...]:
        """Paths that differ from the last commit, untracked ones included, ignored ones not."""
        return await (await self.clone()).changed()

    async def commit(self, message: str, paths: tuple[str, ...] | None = None, *, role: str, when: float) -> str:
        """Commit; see `TaskClone.commit`. The same commit asked for again is the one that is there. Raises
        `NothingToCommit`, `PathOutside`."""
        clone = await self.clone()
        try:
            return await clone.commit(message, paths, role=role, when=when)
        except NothingToCommit as nothing:
            if await clone.is_made(nothing.commit, message, role=role, when=when):
                return nothing.commit
            raise

    async def merging(self) -> bool:
        """Whether both sides of a conflict are laid out and not committed yet."""
        return len(await (await self.clone()).parents()) > 1

    async def head(self) -> str:
        """The task's last commit, or where it began."""
        return await (await self.clone()).head()

    async def keep(self, content: bytes) -> str:
        """Keep bytes in the request's repository as long as it lives; returns their name, the same for the same."""
        git = (await self._repository()).git
        name = await git.line("hash-object", "-w", "--stdin", stdin=content)
        await refs.move(git, f"refs/beth/kept/{self._task_id}/{name}", name)
        return name

    async def fetch_kept(self, name: str) -> bytes:
        """The bytes of `keep`. Raises `GitFailed`."""
        git = (await self._repository()).git
        return (await git.run("cat-file", "blob", name)).stdout

    async def _repository(self) -> RequestRepository:
        if self._opened_repository is None:
            origin = self._origin
            self._opened_repository = await RequestRepository.open(origin.home, origin.request_id, clock=self._clock)
        return self._opened_repository

    async def git(self) -> Git:
        """The git of the request's repository, to read from."""
        return (await self._repository()).git

    async def committed(self) -> str | None:
        """The task's last commit; None where it made none."""
        git = (await self._repository()).git
        return await refs.read(git, self.reference)
