"""Deleting the clones of tasks that are over. What they committed, and their snapshots, stay in the request's
repository, from which a clone is made again where a task is tried again after all."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path

from beth_kit.sandbox.holding import alone
from beth_kit.workspace.worktree import remove
from beth_sdk.clock import Clock

GONE = ".gone-"
"""What a clone is called from when its deletion begins: nobody takes half of one for a whole one."""


def requests_with_clones(home: Path) -> list[str]:
    """The requests that have clones on this machine, or the rest of one whose deletion was cut off."""
    folders = (folder for folder in _listed(home / "work") if folder.is_dir() and not folder.is_symlink())
    return sorted(folder.name for folder in folders if any(_is_clones(one) for one in _listed(folder)))


def tasks_with_clones(home: Path, request_id: str) -> list[str]:
    """The tasks of a request that have a clone on this machine."""
    found = (one for one in _listed(home / "work" / request_id) if one.suffix == ".git" and _is_clones(one))
    return sorted(one.stem for one in found)


async def clear(home: Path, request_id: str, task_ids: Iterable[str], clock: Clock) -> list[str]:
    """Delete the clones of these tasks, and the homes of their tools. Only for tasks that have ended: what a worker
    left running, as one does that stood still for longer than its lease, is ended first.

    Returns the tasks whose clone stays, because a program will not end. Folders in which commands worked stay too.
    Raises `OSError` for what cannot be deleted.
    """
    folder = home / "work" / request_id
    stay = []
    for task_id in task_ids:
        git_dir = folder / f"{task_id}.git"
        if not git_dir.is_dir():
            continue
        if await alone(git_dir / "tools.flock", clock):
            await asyncio.to_thread(_delete, folder, task_id)
        else:
            stay.append(task_id)
    await asyncio.to_thread(_sweep, folder)
    return stay


def _delete(folder: Path, task_id: str) -> None:
    gone = Path(tempfile.mkdtemp(prefix=GONE, dir=folder))
    for name in (f"{task_id}.git", task_id, f"{task_id}.home"):
        try:
            (folder / name).rename(gone / name)
        except FileNotFoundError:
            pass  # another Beth was first, or the task used none
    remove(gone)


def _sweep(folder: Path) -> None:
    """The rest of what was cut off, and the folder itself where it is empty."""
    for one in _listed(folder):
        if one.name.startswith(GONE):
            remove(one)
    try:
        folder.rmdir()
    except OSError:
        pass  # not empty, or not there


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_clones(path: Path) -> bool:
    return path.name.startswith(GONE) or (path.suffix == ".git" and (path / "HEAD").is_file())
