"""Finds a control group below which tools can get groups of their own: where a kernel enforces totals at once.

Version 2: the own group or the one above it, where it may be written and hands memory and pids on to those below
(cgroup.subtree_control): a systemd unit with Delegate=yes and DelegateSubgroup=, or a user's own session. Version 1:
the own group in the hierarchies of memory and pids, as root. In most containers neither can be written: there is none.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_kit.sandbox.policy import Limits

CONTROLLERS = ("memory", "pids")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of the hierarchy of `version` in which groups can be made that limit `controllers`."""

    folder: Path
    version: int
    controllers: tuple[str, ...]
    own: Path | None = None
    """The group that this process is in, where it may write there."""

    def told(self, limits: Limits) -> dict[str, Any]:
        """What the launcher needs to know: see `group.Group`."""
        memory, processes = str(limits.memory_bytes), str(limits.processes)
        values: list[tuple[str, str, bool]] = []
        if "memory" in self.controllers and self.version == 2:
            values += [("memory.max", memory, True), ("memory.swap.max", "0", False)]
        elif "memory" in self.controllers:
            values += [("memory.limit_in_bytes", memory, True), ("memory.memsw.limit_in_bytes", memory, False)]
        if "pids" in self.controllers:
            values.append(("pids.max", processes, True))
        events = "memory.events" if self.version == 2 else "memory.oom_control"
        return {
            "folder": str(self.folder),
            "values": values,
            "events": events if "memory" in self.controllers else "",
        }


@functools.cache
def places(root: Path = Path("/")) -> tuple[Place, ...]:
    """Where groups can be made, looked up once for each process. `root` has `proc/self` below it."""
    own = _own(root)
    found: list[Place] = []
    for controllers, folder in _mounts(root):
        if controllers is None:
            found += _second(folder, own.get("", "/"))
            continue
        ours = tuple(one for one in CONTROLLERS if one in controllers)
        if ours:
            place = _below(folder, own.get(ours[0], "/"))
            found += [Place(place, 1, ours, _ours(place))] if _usable(place) else []
    seconds = [place for place in found if place.version == 2]
    return tuple(seconds or found)


def describe(found: tuple[Place, ...]) -> str:
    """For people."""
    if not found:
        return "no control group can be used: totals are looked at ten times a second"
    limited = [one for one in CONTROLLERS if any(one in place.controllers for place in found)]
    return f"control groups (version {found[0].version}) limit {' and '.join(limited)}"


def _own(root: Path) -> dict[str, str]:
    """The group of this process in each hierarchy, by controller; by the empty name in version 2 (cgroups(7))."""
    found: dict[str, str] = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _mounts(root: Path) -> list[tuple[tuple[str, ...] | None, Path]]:
    """The controllers of every hierarchy, None for that of version 2, and where it is mounted."""
    found: list[tuple[tuple[str, ...] | None, Path]] = []
    for line in _lines(root / "proc/self/mounts"):
        _, where, kind, options, *_ = line.split(" ")
        if kind in ("cgroup", "cgroup2"):
            folder = root / where.lstrip("/")
            found.append((None if kind == "cgroup2" else tuple(options.split(",")), folder))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _below(mount: Path, path: str) -> Path:
    """A group by its path; the mount itself where a container sees only its own part of the hierarchy."""
    found = mount / path.lstrip("/")
    return found if found.is_dir() else mount


def _second(mount: Path, path: str) -> list[Place]:
    own = _below(mount, path)
    for folder in (own, own.parent) if own != mount else (own,):
        if _usable(folder) and _hands_on(folder):
            return [Place(folder, 2, CONTROLLERS, _ours(own))]
    return []


def _hands_on(folder: Path) -> bool:
    """Whether groups below have the controllers; a group that was delegated is told to, by who got it (cgroups(7))."""
    given, there = (
        " ".join(_lines(folder / name)).split() for name in ("cgroup.subtree_control", "cgroup.controllers")
    )
    if all(one in given for one in CONTROLLERS):
        return True
    if not all(one in there for one in CONTROLLERS):
        return False
    try:
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in CONTROLLERS), "ascii")
    except OSError:  # it has processes of its own
        return False
    return True


def warm_up(found: tuple[Place, ...]) -> None:
    """Spare the tool's process a wait, by moving this one to where it is, in a thread that nobody waits for: the first
    move between groups in a while waits some 10 ms until each processor has passed a quiet state, later ones do not."""
    own = next((place.own for place in found if place.own is not None), None)
    if own is not None:
        threading.Thread(target=_stay, args=(own,), name="beth-cgroup", daemon=True).start()


def _stay(own: Path) -> None:
    try:
        if _ours(own) is not None:  # somebody may have moved this process since
            (own / "cgroup.procs").write_text("0", "ascii")
    except OSError:  # then the tool waits
        pass


def _ours(folder: Path) -> Path | None:
    held = str(os.getpid()) in _lines(folder / "cgroup.procs") and os.access(folder / "cgroup.procs", os.W_OK)
    return folder if held else None


def _usable(folder: Path) -> bool:
    # A process moves between groups only where it may write in the one above both.
    return os.access(folder, os.W_OK | os.X_OK) and os.access(folder / "cgroup.procs", os.W_OK)
