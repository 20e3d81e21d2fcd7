"""What the supervisor of a tool sees of it: its processes, what they use together, and how to end all of them.

Part of the launcher, so it imports little: pathlib, dataclasses and typing would take longer to import than all the
rest of a sandboxed step. Every number comes from /proc (proc(5)).
"""

# ruff: noqa: PTH101, PTH108, PTH116, PTH123, PTH208

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import ctypes
import errno
import os
import resource
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")

LONGEST_KILL = 10.0
"""Seconds after which processes that do not die (in a system call that cannot be interrupted) are left."""

DISK_EVERY = 1.0
"""Seconds between two counts of the writable folders; ten times as long as a count takes, where that is more."""


LIBC = ctypes.CDLL(None)


def become_on_disk(uid: int) -> None:
    """Look at files and /proc as this user: root in a container may not have the capability to see what a tool's user
    has open. Only the calling thread changes, and only that (setfsuid(2))."""
    LIBC.setfsgid(uid)
    LIBC.setfsuid(uid)


class Process:
    """One process. `ticks` of the processor it and its dead children used; `started` tells it from a later one with the
    same number."""

    def __init__(self, pid: int, stat: str) -> None:
        found = stat[stat.rindex(")") + 2 :].split()  # what is before may hold anything
        self.pid = pid
        self.state = found[0]
        self.parent = int(found[1])
        self.ticks = sum(int(number) for number in found[11:15])
        self.threads = int(found[17])
        self.started = int(found[19])


def _lines(path: str) -> list[str]:
    """The lines of a file in /proc; none where the process is gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []


def _process(pid: str) -> Process | None:
    lines = _lines(f"/proc/{pid}/stat")
    return Process(int(pid), "".join(lines)) if lines else None


def descendants() -> list[Process]:
    """All processes below this one, nearest first."""
    below: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):
        process = _process(name) if name.isdigit() else None
        if process is not None:
            below.setdefault(process.parent, []).append(process)
    found = below.get(os.getpid(), [])
    for process in found:
        found.extend(below.get(process.pid, ()))
    return found


def threads_of(uid: int) -> int:
    """How many threads a user has now, as RLIMIT_NPROC counts them."""
    total = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                process = _process(name)
                total += process.threads if process is not None else 0
        except OSError:
            pass
    return total


def reap() -> list[tuple[int, int]]:
    """The children that ended, orphans that came to this process included: number and status."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, status))


def kill_descendants() -> int:
    """Kill everything below this process, and return how many would not die. They are all stopped first: what is
    stopped cannot fork, so a program that forks faster than it can be killed comes to its end too."""
    deadline = time.monotonic() + LONGEST_KILL
    stopping = True
    while _has_children() and time.monotonic() < deadline:
        alive = [process for process in descendants() if process.state not in "ZX"]
        moving = [process for process in alive if process.state not in "Tt"]
        if stopping and moving:
            for process in moving:
                _send(process, signal.SIGSTOP)
            stopping = time.monotonic() < deadline - LONGEST_KILL / 2
        else:
            stopping = False
            for process in alive:
                _send(process, signal.SIGKILL)
            time.sleep(0.001)
        reap()
    return len(descendants()) if _has_children() else 0


def _has_children() -> bool:
    reap()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _send(process: Process, number: int) -> None:
    # The number may belong to somebody else by now: what is held by a descriptor is what was looked at.
    try:
        held = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = _process(str(process.pid))
        if now is not None and now.started == process.started:
            signal.pidfd_send_signal(held, number)
    except OSError:
        pass
    finally:
        os.close(held)


class Watch:
    """Says which limit the tool is over. Between two looks it may pass one for a moment."""

    def __init__(self, spec: dict[str, Any], group: Any) -> None:
        self._group = group
        self._limits = spec["limits"]
        self._folders: list[str] = spec["writable"]
        self._uid = os.getuid() if spec["uid"] is None else spec["uid"]
        self._shared = spec["shared_memory"]
        self._since = time.time()
        self._next_count = time.monotonic() + DISK_EVERY

    def over(self) -> str | None:
        """`processes`, `cpu`, `memory`, `disk` or None."""
        found = descendants()
        if sum(process.threads for process in found if process.state not in "ZX") > self._limits["processes"]:
            return "processes"
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        # This process's own time too: a tool can keep it busy, with calls that are refused.
        used = sum(one.ru_utime + one.ru_stime for one in spent) + sum(process.ticks for process in found) / TICKS
        if used > self._limits["cpu_seconds"]:
            return "cpu"
        if self.out_of_memory() or self._seen(_memory, found, self._limits["memory_bytes"]):
            return "memory"
        now = time.monotonic()
        if now < self._next_count:
            return None
        total = disk_usage(self._folders) + self._seen(_deleted, found)
        if self._shared:
            total += self._shared_memory()
        took = time.monotonic() - now
        self._next_count = now + max(DISK_EVERY, 10 * took)
        return "disk" if total > self._limits["disk_bytes"] else None

    def _seen(self, look: Callable[..., int], *arguments: Any) -> int:
        if self._uid == os.geteuid():
            return look(*arguments)
        become_on_disk(self._uid)
        try:
            return look(*arguments)
        finally:
            become_on_disk(os.geteuid())

    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process of the tool because its control group had no memory left."""
        return bool(self._group.out_of_memory())

    def _shared_memory(self) -> int:
        total = 0
        for name in os.listdir("/dev/shm"):  # noqa: S108 - only counted
            try:
                found = os.lstat(f"/dev/shm/{name}")  # noqa: S108
            except OSError:
                continue
            if found.st_uid == self._uid and found.st_ctime >= self._since:
                total += found.st_blocks * 512
        return total


def _memory(found: list[Process], limit: int) -> bool:
    """Whether the processes use more memory together; mapped files do not count. What several share after a fork is
    counted once, which takes the kernel so long that it is asked only where it matters."""
    at_most = sum(_resident(process.pid) for process in found) * 1024
    if at_most <= limit:
        return False
    # Who runs a program that nobody may read hides the second file, and gets nothing from it.
    shares = (_kilobytes(f"/proc/{one.pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")) for one in found)
    return sum(share or _resident(one.pid) for share, one in zip(shares, found, strict=True)) * 1024 > limit


def _resident(pid: int) -> int:
    return _kilobytes(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:"))


def _kilobytes(path: str, names: tuple[str, ...]) -> int:
    return sum(int(line.split()[1]) for line in _lines(path) if line.startswith(names))


def _deleted(found: list[Process]) -> int:
    """Bytes on disk of the files that processes hold open and that have no name any more."""
    return sum(_deleted_of(process.pid) for process in found)


def _deleted_of(pid: int) -> int:
    total = 0
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                try:
                    found = entry.stat()
                except OSError:
                    continue
                if found.st_nlink == 0 and found.st_blocks > 0:
                    total += found.st_blocks * 512
    except OSError:
        pass
    return total


def remove_shared_memory(uid: int) -> None:
    """Remove what a task's user left in /dev/shm: it is memory until then."""
    for name in os.listdir("/dev/shm"):  # noqa: S108 - not to be followed
        path = f"/dev/shm/{name}"  # noqa: S108
        try:
            if os.lstat(path).st_uid == uid:
                os.unlink(path)
        except OSError:
            pass


def disk_usage(folders: list[str]) -> int:
    """Bytes on disk of everything below the folders, no link followed; what vanishes meanwhile does not count."""
    return sum(_sizes(folders))


def _sizes(folders: list[str]) -> Iterator[int]:
    left = list(folders)
    while left:
        folder = left.pop()
        try:
            with _entries(folder) as entries:
                for entry in entries:
                    try:
                        yield entry.stat(follow_symlinks=False).st_blocks * 512
                    except OSError as error:
                        yield _unseen(error)
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError as error:
            yield _unseen(error)


def _unseen(error: OSError) -> int:
    """The size of what cannot be looked at: nothing where it vanished, but nobody nests so deep but to hide."""
    return 1 << 62 if error.errno == errno.ENAMETOOLONG else 0


def _entries(folder: str) -> Any:
    """`os.scandir`, also where a tool closed its own folder to keep it from being counted. Raises OSError."""
    try:
        return os.scandir(folder)
    except PermissionError:
        held = os.open(folder, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if os.fstat(held).st_uid != os.geteuid():
                raise
            os.chmod(f"/proc/self/fd/{held}", 0o700)  # not by its name, which may be a link's by now
        finally:
            os.close(held)
        return os.scandir(folder)
