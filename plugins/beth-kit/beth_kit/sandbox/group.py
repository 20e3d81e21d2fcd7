"""A control group for the processes of one tool: made, entered, removed. Part of the launcher: it imports little.

Its name says whose it is, so that the next launcher can clear up after one that was killed: the number of the process
namespace, the launcher's process id and when that process started (a number is given out again, both together are not).
Processes in a group whose launcher is gone are killed.
"""

# ruff: noqa: PTH102, PTH106, PTH118, PTH123, PTH116, PTH208

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATIENCE = 1.0
"""Seconds in which a group must become empty once its processes are dead; the next launcher tries again."""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)


def started(pid: int) -> str:
    """When a process started, in ticks since boot; empty where there is none."""
    found = _read(f"/proc/{pid}/stat")
    return found[found.rindex(")") + 2 :].split()[19] if found else ""


def prefix() -> str:
    """How the names of groups begin that this process can tell the owner of."""
    return f"beth-{os.stat('/proc/self/ns/pid').st_ino}-"


class Group:
    """The control group of a tool, in one hierarchy or several."""

    def __init__(self, places: list[dict[str, Any]]) -> None:
        """Make it in every place where that works: `folder`, `values` (file, value, whether it must be there) and
        `events`, the file that counts kills for want of memory. Never raises: the supervisor looks at totals too."""
        name = f"{prefix()}{os.getpid()}-{started(os.getpid())}"
        self._made: list[tuple[str, str]] = []
        for place in places:
            clear(place["folder"])
            made = os.path.join(place["folder"], name)
            try:
                os.mkdir(made, 0o755)
                self._made.append((made, place["events"]))
                _fill(made, place["values"])
            except OSError:
                self.remove(made)

    def enter(self) -> None:
        """Put the calling process in, and all that it starts. Raises OSError."""
        for made, _ in self._made:
            _write(os.path.join(made, "cgroup.procs"), "0")

    def out_of_memory(self) -> bool:
        """Whether the kernel killed one of the processes because the group had no memory left."""
        for made, events in self._made:
            for line in _read(os.path.join(made, events)).splitlines() if events else ():
                name, _, number = line.partition(" ")
                if name == "oom_kill" and number.strip() != "0":
                    return True
        return False

    def remove(self, only: str | None = None) -> None:
        """Remove it, once every process is dead."""
        for one in list(self._made):
            if only in (None, one[0]):
                _remove(one[0], PATIENCE)
                self._made.remove(one)


def _fill(made: str, values: list[tuple[str, str, bool]]) -> None:
    for file, value, needed in values:
        path = os.path.join(made, file)
        try:
            _write(path, value)
        except OSError:
            if needed:
                raise


def _remove(folder: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:  # a process that was killed is still in it
            if time.monotonic() > deadline:
                return
            time.sleep(0.002)
        else:
            return


def clear(folder: str) -> None:
    """Remove the groups of launchers that are gone, and kill what is left in them."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(prefix())]
    except OSError:
        return
    for name in names:
        pid, _, when = name.removeprefix(prefix()).partition("-")
        if not pid.isdigit() or started(int(pid)) == when:
            continue
        for found in _read(os.path.join(folder, name, "cgroup.procs")).split():
            try:
                os.kill(int(found), signal.SIGKILL)
            except OSError:
                pass
        _remove(os.path.join(folder, name), 0.05)
