"""A request's repository: bare, one branch that Beth alone moves, and the references of its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from beth_kit.workspace import refs, source, started_from
from beth_kit.workspace.conflict import Conflict, Merged
from beth_kit.workspace.errors import BranchMoved, GitFailed
from beth_kit.workspace.git import Git, Identity, identity_of, named, prepare, signed, split
from beth_sdk.clock import Clock, SystemClock

BASE = "refs/beth/base"
ATTEMPTS = 20
"""How often a merge starts again because the branch moved under it, before it gives up."""


@dataclass(frozen=True)
class Logged:
    """One commit of a log: `when` in seconds since the epoch, `subject` is its message's first line."""

    commit: str
    author: str
    when: float
    subject: str


@dataclass(frozen=True)
class UnownedRef:
    """A reference that belongs to no request or task anybody knows of; an empty one is its whole repository."""

    repository: Path
    ref: str
    commit: str


Owns: TypeAlias = Callable[[str, str | None], Awaitable[bool]]


@dataclass(frozen=True)
class RequestRepository:
    """The repository of one request under `<home>/repositories/<request_id>.git`. Open it with `open`."""

    request_id: str
    home: Path
    git: Git
    clock: Clock

    @property
    def branch(self) -> str:
        """The request's branch, without `refs/heads/`."""
        return f"beth/{self.request_id}"

    @property
    def branch_ref(self) -> str:
        """The request's branch as a full reference."""
        return f"refs/heads/{self.branch}"

    @property
    def objects(self) -> Path:
        """Where the objects are; a sandboxed git needs to read it."""
        return self.git.git_dir / "objects"

    @classmethod
    async def open(
        cls,
        home: Path,
        request_id: str,
        *,
        repo: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        when: float | None = None,
        clock: Clock | None = None,
    ) -> RequestRepository:
        """The repository of a request, made at the first call: from what `repo` (a directory or an address) has
        checked out, from its `branch`, or from just its `commit`; without one, or from an empty one, with an empty
        first commit, dated `when` (seconds since the epoch; now unless given).

        Calling it again returns what is there and reads nothing from `repo`; one that was interrupted goes on. Raises
        `SourceRefused` where `repo` cannot be used, `NameRefused` for an id no path can hold.
        """
        clock = clock or SystemClock()
        home = _absolute(home)
        git = await prepare(home / "repositories" / f"{named(request_id, 'a request id')}.git", clock)
        repository = cls(request_id, home, git, clock)
        if await repository.tip() is None:
            await repository._begin(repo, branch, commit, when)
        return repository

    async def _begin(self, repo: str | None, branch: str | None, commit: str | None, when: float | None) -> None:
        if repo is None or not await source.fetch(self.git, repo, branch, BASE, commit):
            tree = await self.git.line("mktree")
            who = signed(identity_of("beth"), self.clock.wall() if when is None else when)
            first = await self.git.line("commit-tree", tree, "-m", f"Begin request {self.request_id}", env=who)
            await refs.move(self.git, BASE, first)
        if repo is not None:
            await started_from.record(self.git, repo, branch)
        await refs.move(self.git, self.branch_ref, await self.base(), None)
        await self.git.run("symbolic-ref", "HEAD", self.branch_ref)

    async def tip(self) -> str | None:
        """The commit the request's branch is at; None before its first."""
        return await refs.read(self.git, self.branch_ref)

    async def head(self) -> str:
        """The commit the request's branch is at."""
        tip = await self.tip()
        if tip is None:
            raise BranchMoved(self.branch_ref, "a commit", None)
        return tip

    async def base(self) -> str:
        """The commit the request started from."""
        return await self.git.line("rev-parse", "--verify", f"{BASE}^{{commit}}")

    async def move_branch(self, to_commit: str, expected_old: str) -> None:
        """Move the request's branch from `expected_old` to `to_commit`. Raises `BranchMoved` if it is elsewhere."""
        await refs.move(self.git, self.branch_ref, await self._commit(to_commit), await self._commit(expected_old))

    async def merge(self, commit: str, message: str, author: Identity) -> Merged | Conflict:
        """Bring `commit` into the request's branch: a fast-forward where possible, else a merge commit by `author`.

        A merge commit is dated like the later of its parents, so that the same merges in the same order give the same
        commits whenever they are made. Nothing moves on a conflict. When another merge moves the branch meanwhile, this
        one starts again from there.
        """
        commit = await self._commit(commit)
        for attempt in range(ATTEMPTS):
            found, old = await self._merged(commit, message, author)
            if isinstance(found, Conflict) or found.commit == old:
                return found
            try:
                await self.move_branch(found.commit, old)
            except BranchMoved:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return found
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _merged(self, commit: str, message: str, author: Identity) -> tuple[Merged | Conflict, str]:
        head = await self.head()
        if await self.contains(head, commit):
            return Merged(head, fast_forward=True), head
        if await self.contains(commit, head):
            return Merged(commit, fast_forward=True), head
        words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", head, commit)
        # 1 is a conflict, but an error too: a conflict has printed a tree first.
        ended = await self.git.run(*words, accepted=(0, 1))
        tree, *files = split(ended.stdout) or [""]
        if not tree:
            raise GitFailed(words, ended.code, "it wrote no tree")
        if ended.code:
            return await self._conflict(head, commit, tree, tuple(sorted(set(files)))), head
        dates = (await self.git.line("log", "--no-walk", "--no-show-signature", "--format=%ct", head, commit)).split()
        who = signed(author, max(float(date) for date in dates))
        parents = ("-p", head, "-p", commit)
        return Merged(await self.git.line("commit-tree", tree, *parents, "-m", message, env=who)), head

    async def _conflict(self, ours: str, theirs: str, tree: str, files: tuple[str, ...]) -> Conflict:
        base = (await self.git.run("merge-base", ours, theirs, accepted=(0, 1))).stdout.decode().strip() or None
        found = Conflict(files, ours, theirs, base, tree)
        sides = [tuple(entry.subject for entry in await self.log(side, since=base)) for side in (ours, theirs)]
        return replace(found, subjects=(sides[0], sides[1]))

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is part of `commit`'s history, or is it."""
        ended = await self.git.run("merge-base", "--is-ancestor", ancestor, commit, accepted=(0, 1))
        return ended.code == 0

    async def diff(self, commit: str | None = None, since: str | None = None) -> bytes:
        """The patch from `since` (the request's base unless given) to `commit` (the branch's), as bytes."""
        old = await self._commit(since or await self.base())
        new = await self._commit(commit or await self.head())
        words = ("diff-tree", "-p", "-r", "-M", "--binary", "--no-ext-diff", "--no-textconv")
        return (await self.git.run(*words, old, new, "--")).stdout

    async def log(self, commit: str | None = None, since: str | None = None) -> tuple[Logged, ...]:
        """The commits of `commit` (the branch's) that `since` does not have, the newest first."""
        newest = await self._commit(commit or await self.head())
        without = [f"^{await self._commit(since)}"] if since else []
        told = await self.git.names(
            "log", "-z", "--no-show-signature", "--format=%H%n%an%n%at%n%s", newest, *without, "--"
        )
        entries = (entry.split("\n", 3) for entry in told)
        return tuple(Logged(commit, author, float(when), subject) for commit, author, when, subject in entries)

    async def files(self, commit: str | None = None) -> tuple[str, ...]:
        """The names of all files of `commit` (the branch's)."""
        return tuple(
            await self.git.names("ls-tree", "-r", "-z", "--name-only", await self._commit(commit or await self.head()))
        )

    async def push(self, remote: str, branch: str | None = None) -> None:
        """Bring the request's branch to `remote` (a directory or an address), as `branch` (its own name unless given).

        Forward only, and never onto the branch checked out there. Raises `SourceRefused` with the other side's reason.
        """
        name = branch or self.branch
        await self.git.run("check-ref-format", f"refs/heads/{name}")
        await source.push(self.git, self.branch_ref, remote, name)

    async def _commit(self, name: str) -> str:
        return await self.git.line("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")


async def unowned_refs(home: Path, owns: Owns, clock: Clock | None = None) -> tuple[UnownedRef, ...]:
    """References under `home` that belong to no request or, in a request's repository, to no task of it: as `owns`
    answers for a request's id and, where the reference is a task's, that task's id. It only lists.

    A repository without an owner that git cannot read, such as one half made, is listed with an empty reference.
    """
    found = []
    for git_dir in await asyncio.to_thread(_repositories, _absolute(home)):
        known = await owns(git_dir.stem, None)
        try:
            listed = await refs.listed(Git(git_dir, clock=clock or SystemClock()), "refs/")
        except GitFailed:
            listed = {}
        if not known and not listed:
            found.append(UnownedRef(git_dir, "", ""))
        for ref, commit in listed.items():
            task = _task(ref)
            if not known or not (task is None or await owns(git_dir.stem, task)):
                found.append(UnownedRef(git_dir, ref, commit))
    return tuple(found)


def _absolute(home: Path) -> Path:
    return home.absolute()


def _repositories(home: Path) -> list[Path]:
    return sorted(path for path in (home / "repositories").glob("*.git") if path.is_dir())


def _task(ref: str) -> str | None:
    """The task a reference belongs to: `refs/beth/wip/<task>/<epoch>` and `refs/beth/tasks/<task>`."""
    parts = ref.split("/")
    return parts[3] if parts[:2] == ["refs", "beth"] and len(parts) > 3 and parts[2] in {"wip", "tasks"} else None
