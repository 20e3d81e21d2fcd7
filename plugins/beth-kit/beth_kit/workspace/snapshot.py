"""The state of a task's work tree as a commit of its own, by epoch, and back: what makes a step repeatable.

A snapshot holds every file but the ignored ones, uncommitted and untracked ones included, at `refs/beth/wip/<task>/
<epoch>` of the request's repository. Its parents are those the task's next commit would have. Its id depends on
nothing else than this state, so that a step that changed nothing, and a replay, give the same commit again.

Of ignored files (a build's output, an environment) it holds the names. A restore leaves those that are named and still
there as they are, deletes others, and tells which are lost; a directory that is ignored as a whole is one name, so
what changed inside it stays changed.

A file with holes is read to its end and kept like any other. That takes the time of its length, while a task's disk
limit counts the disk it uses: one too long to be read within `git.TIMEOUT` fails the snapshot with `GitFailed`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from beth_kit.workspace import refs
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.git import Identity, signed

AUTHOR = Identity("Beth", "beth@beth.invalid")
_IGNORED = "Ignored: "


@dataclass(frozen=True)
class Snapshot:
    """The work tree as `commit`, kept by `ref`; `tree` is its files. `ignored_lost` are the names of what it does not
    hold because it is ignored: lost if the snapshot is restored elsewhere."""

    ref: str
    commit: str
    tree: str
    ignored_lost: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """What a restore could not bring back: `ignored_lost` were there at the snapshot, are ignored, and are gone."""

    commit: str
    ignored_lost: tuple[str, ...]


async def snapshot(clone: TaskClone, epoch: int) -> Snapshot:
    """Keep the state of the clone's work tree under `epoch`; the same state again is the same commit."""
    async with refs.exclusively(clone.git):
        changes, parents = await asyncio.gather(clone.files.changes(), clone.parents())
        await clone.files.record(changes)
        tree = await clone.files.tree()
        ignored = tuple(sorted(changes.ignored))
        message = f"Work in progress of task {clone.task_id}\n\n{_IGNORED}{json.dumps(ignored)}\n"
        words = [word for parent in parents for word in ("-p", parent)]
        who = signed(AUTHOR, 0)
        commit = await clone.git.line("commit-tree", tree, *words, "-F", "-", stdin=message.encode(), env=who)
        ref = reference(clone, epoch)
        if await refs.read(clone.repository.git, ref) != commit:
            await refs.move(clone.repository.git, ref, commit)
        return Snapshot(ref, commit, tree, ignored)


async def restore(clone: TaskClone, taken: Snapshot) -> Restored:
    """Bring the clone to `taken`: files that were not there are deleted, and the next commit's parents are as then."""
    told = await clone.git.line("rev-parse", f"{taken.commit}^@")
    async with refs.exclusively(clone.git):
        there = await clone.files.lay_out(taken.commit, keep_ignored=set(taken.ignored_lost))
        await clone.set_parents(told.split())
    return Restored(taken.commit, tuple(name for name in taken.ignored_lost if name not in there))


async def taken(clone: TaskClone, epoch: int) -> Snapshot | None:
    """The snapshot kept under `epoch`, read back from the request's repository; None if there is none."""
    ref = reference(clone, epoch)
    commit = await refs.read(clone.repository.git, ref)
    return None if commit is None else await _read(clone, commit, ref)


async def taken_at(clone: TaskClone, commit: str) -> Snapshot:
    """The snapshot that is `commit`, whatever its epoch's reference has moved on to. Raises `GitFailed`."""
    return await _read(clone, commit, "")


async def _read(clone: TaskClone, commit: str, ref: str) -> Snapshot:
    message = await clone.repository.git.line("log", "-1", "--no-show-signature", "--format=%T%n%B", commit, "--")
    tree, *lines = message.splitlines()
    listed = next((line for line in lines if line.startswith(_IGNORED)), f"{_IGNORED}[]")
    return Snapshot(ref, commit, tree, tuple(json.loads(listed.removeprefix(_IGNORED))))


async def epochs(clone: TaskClone) -> tuple[int, ...]:
    """The epochs the task has a snapshot of, the oldest first."""
    kept = await refs.listed(clone.repository.git, f"refs/beth/wip/{clone.task_id}/")
    return tuple(sorted(int(ref.rsplit("/", 1)[1]) for ref in kept))


async def prune(clone: TaskClone, before: int) -> tuple[int, ...]:
    """Forget the snapshots of epochs lower than `before`; returns these epochs."""
    old = tuple(epoch for epoch in await epochs(clone) if epoch < before)
    for epoch in old:
        await refs.move(clone.repository.git, reference(clone, epoch), None)
    return old


def reference(clone: TaskClone, epoch: int) -> str:
    """The reference of the snapshot under `epoch`, in the request's repository."""
    return f"refs/beth/wip/{clone.task_id}/{epoch}"
