"""Who is running, from /proc: proc(5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    found = _stat(pid)
    return found is not None and found[0] not in "ZX"


def of_user(uid: int) -> list[int]:
    """The processes of a user."""
    return [pid for pid in _all() if _uid(pid) == uid and alive(pid)]


def below(pid: int) -> list[int]:
    """A process's descendants."""
    parents = {one: int(found[1]) for one in _all() if (found := _stat(one)) is not None and found[0] not in "ZX"}
    family = [pid]
    for above in family:
        family += [one for one, parent in parents.items() if parent == above]
    return family[1:]


def _all() -> Iterator[int]:
    return (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """The fields from the third on: state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _uid(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return None
