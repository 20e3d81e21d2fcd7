"""A task's clone: a work tree its tools may write, and a git directory they may not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from beth_kit.workspace import inside, refs
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import NothingToCommit
from beth_kit.workspace.git import Git, identity_of, named, prepare, signed
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.worktree import WorkTree, remove
from beth_kit.workspace.worktree import inside as inside_work_tree

MERGING = "refs/beth/merging"
TRAILER = "Beth-Task"


@dataclass(frozen=True)
class TaskClone:
    """The clone of one task under `<home>/work/<request>/`: `<task>/` for its tools, `<task>.git` for the host alone.

    Objects go straight into the request's repository, where `refs/beth/tasks/<task>` keeps them: a killed host loses
    nothing it has returned. One operation at a time: the next waits, in another process and after a kill too.
    """

    repository: RequestRepository
    task_id: str
    git: Git
    files: WorkTree

    @property
    def directory(self) -> Path:
        """The work tree: what the sandbox lets the task's tools write."""
        return self.files.root

    @property
    def readable(self) -> tuple[Path, ...]:
        """What the sandbox lets the task's tools read besides, for the throw-away `.git` in the work tree."""
        return (self.repository.objects,)

    @property
    def ref(self) -> str:
        """Where the task's last commit is kept in the request's repository."""
        return f"refs/beth/tasks/{self.task_id}"

    @classmethod
    async def open(
        cls,
        repository: RequestRepository,
        task_id: str,
        commit: str | None = None,
        *,
        owner: tuple[int, int] | None = None,
    ) -> TaskClone:
        """The clone of a task, made at the first call at `commit` (the request's branch unless given).

        Calling it again returns what is there, as it is: `snapshot.restore` brings it to a known state. `owner`
        is the user and group id of the task's tools where the host is root and they are not: the files become theirs.
        """
        base = repository.home / "work" / repository.request_id
        git_dir = base / f"{named(task_id, 'a task id')}.git"
        work_tree = base / task_id
        prepared = await prepare(git_dir, repository.clock)
        work_tree.mkdir(exist_ok=True)
        (git_dir / "scratch").mkdir(exist_ok=True)
        # So that a plain git of whoever looks into the directory finds the objects too.
        (git_dir / "objects/info/alternates").parent.mkdir(exist_ok=True)
        (git_dir / "objects/info/alternates").write_text(f"{repository.objects}\n", encoding="utf-8")
        # What needs no work tree is run without one: nothing a task does to its own can get in the way.
        git = Git(git_dir, None, repository.objects, repository.clock, prepared.timeout)
        files = WorkTree(replace(git, work_tree=work_tree), git_dir / "files.index", owner)
        clone = cls(repository, task_id, git, files)
        if await refs.read(git, "HEAD") is None:
            await clone.checkout(commit or await repository.head())
        return clone

    async def head(self) -> str:
        """The commit the next one is made upon."""
        return await self.git.line("rev-parse", "--verify", "HEAD^{commit}")

    async def parents(self) -> tuple[str, ...]:
        """What the next commit's parents will be: the head, and what is being merged into it."""
        head, merging = await asyncio.gather(self.head(), refs.read(self.git, MERGING))
        # A host killed between moving the head and ending the merge leaves one that is in the head already.
        if merging is None or await self.repository.contains(head, merging):
            return (head,)
        return (head, merging)

    async def checkout(self, commit: str) -> None:
        """Make the work tree exactly `commit`: what is not committed is gone, ignored files stay. Ends a merge."""
        commit = await self.git.line("rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
        async with refs.exclusively(self.git):
            await self.files.lay_out(commit)
            await self.set_parents((commit,))

    async def begin_merge(self, conflict: Conflict) -> None:
        """Lay out both sides of `conflict` with its markers; the next commit has both as parents."""
        async with refs.exclusively(self.git):
            await self.files.lay_out(conflict.tree)
            await self.set_parents((conflict.ours, conflict.theirs))

    async def commit(
        self, message: str, paths: Sequence[str] | None = None, *, role: str, when: float | None = None
    ) -> str:
        """Commit what the work tree holds, or only `paths` (files and directories); returns the commit.

        `when` is the commit's date in seconds since the epoch, now unless given. Raises `NothingToCommit` where that
        is what the head holds already, `PathOutside` for a path that leads out of the work tree.
        """
        chosen = None if paths is None else [inside_work_tree(path) for path in paths]
        async with refs.exclusively(self.git):
            parents = await self.parents()
            tree = await (self._whole() if chosen is None else self._only(chosen, parents[0]))
            if len(parents) == 1 and tree == await self.git.line("rev-parse", f"{parents[0]}^{{tree}}"):
                raise NothingToCommit(parents[0])
            commit = await self._made(tree, parents, message, role, when)
            await refs.move(self.repository.git, self.ref, commit)
            await self.set_parents((commit,))
            return commit

    async def _made(self, tree: str, parents: Sequence[str], message: str, role: str, when: float | None) -> str:
        who = signed(identity_of(role), self.repository.clock.wall() if when is None else when)
        text = f"{message.strip() or 'Work'}\n\n{TRAILER}: {self.task_id}\n".encode("utf-8", "surrogateescape")
        words = [word for parent in parents for word in ("-p", parent)]
        return await self.git.line("commit-tree", tree, *words, "-F", "-", stdin=text, env=who)

    async def is_made(self, commit: str, message: str, *, role: str, when: float) -> bool:
        """Whether `commit` is what `commit` makes of this message, by this role, at this moment."""
        tree, *parents = (await self.git.line("rev-parse", f"{commit}^{{tree}}", f"{commit}^@")).split()
        return await self._made(tree, parents, message, role, when) == commit

    async def diff(self, since: str) -> bytes:
        """The patch from the commit `since` to what the work tree holds now, committed or not."""
        async with refs.exclusively(self.git):
            tree = await self._whole()
        words = ("diff-tree", "-p", "-r", "-M", "--binary", "--no-ext-diff", "--no-textconv")
        return (await self.git.run(*words, f"{since}^{{tree}}", tree, "--")).stdout

    async def changed(self) -> tuple[str, ...]:
        """The paths in which the work tree differs from the head, in the order of their names; ignored ones not."""
        async with refs.exclusively(self.git):
            head, tree = await self.head(), await self._whole()
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames")
        return tuple(await self.git.names(*words, f"{head}^{{tree}}", tree))

    async def _whole(self) -> str:
        await self.files.record(await self.files.changes())
        return await self.files.tree()

    async def _only(self, paths: Sequence[str], head: str) -> str:
        changes = self.files.on(self.git.git_dir / "chosen.index")
        remove(changes.index)
        if self.files.index.exists():
            shutil.copyfile(self.files.index, changes.index)
        await changes.assume(head)
        await changes.record((await changes.changes()).within(paths))
        return await changes.tree()

    async def set_parents(self, parents: Sequence[str]) -> None:
        """Make `parents` those of the next commit, and renew the `.git` that the task's tools see."""
        head, *merging = parents
        # In this order a host killed in between leaves a merge that ended, or one whose second parent is known.
        if merging:
            await refs.move(self.git, MERGING, merging[0])
        await refs.move(self.git, "HEAD", head)
        if not merging:
            await refs.move(self.git, MERGING, None)
        await inside.renew(self.files, self.repository.objects, head, "task", self.git.git_dir / "scratch")

    async def remove(self) -> None:
        """Delete the clone. Its commits and snapshots stay in the request's repository."""
        for path in (self.directory, self.git.git_dir):
            await asyncio.to_thread(remove, path)
