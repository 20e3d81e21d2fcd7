"""What a tool process may touch, as data: decided before it starts, by nobody inside it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Network = Literal["none", "packages", "open"]
"""`none`: no UDP, TCP only to and on the ports that are listed. `packages`: UDP for names, TCP to port 443 and the
listed ones. `open`: UDP and all of TCP, so loopback too; with ports listed, only those."""

_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "ld-musl-aarch64.path"),
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates"),
    *("hosts", "host.conf", "resolv.conf", "nsswitch.conf", "services", "protocols", "gai.conf", "os-release"),
    *("passwd", "group", "localtime", "timezone", "locale.alias", "mime.types", "magic", "terminfo", "inputrc"),
    *("bash.bashrc", "profile", "profile.d", "skel", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk"),
    *("python3", "python3.11", "python3.12", "python3.13", "npmrc", "debian_version", "alpine-release", "fonts"),
)
"""Entries of /etc that programs read to run. Landlock cannot take a file out of a folder again, and /etc is where
secrets lie, so what is not in this list cannot be read."""

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/version", "/proc/filesystems"),
    *("/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/osrelease", "/proc/sys/vm/overcommit_memory"),
    "/sys/devices/system/cpu",
)

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

FIRST_UID, UIDS = 1_900_000_000, 100_000_000
"""Users for tasks: in the range 1879048192–2147483647, which nothing is assigned to (systemd.io/UIDS-GIDS)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a step may use. `beth_kit.sandbox` says what enforces each."""

    wall: float = 600.0
    """Seconds."""
    cpu_seconds: int = 1800
    """Of all its processes together."""
    memory_bytes: int = 4 * 1024**3
    """Of all its processes together."""
    processes: int = 256
    """Threads count, as they do for the kernel."""
    file_bytes: int = 2 * 1024**3
    """Of one file."""
    disk_bytes: int = 10 * 1024**3
    """Of everything in the writable folders, deleted files that are still open included."""
    open_files: int = 1024
    output_bytes: int = 10 * 1024**2
    """Of stdout and of stderr that are kept; more is read and dropped."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`directory` is where the program starts. `home` is its HOME and, with `tmp` below it, its scratch: in `writable`
    or below a folder that is. `uid`: which user it becomes where Beth runs as root; None: it stays who Beth is."""

    directory: Path
    home: Path
    writable: tuple[Path, ...]
    readable: tuple[Path, ...] = ()
    """In addition to the system's."""
    network: Network = "none"
    connect_ports: tuple[int, ...] = ()
    bind_ports: tuple[int, ...] = ()
    shared_memory: bool = True
    """Whether semaphores and shared memory (/dev/shm) can be made, which Python's multiprocessing needs."""
    limits: Limits = field(default_factory=Limits)
    uid: int | None = None
    path: tuple[str, ...] = ()
    """Folders before the system's own in PATH."""
    held: Path | None = None
    """A file that stays locked (flock(2), shared) until nothing of the program is left: see `holding`."""

    @property
    def udp(self) -> bool:
        return self.network != "none"

    @property
    def tcp_restricted(self) -> bool:
        """Whether only listed ports can be reached."""
        return self.network != "open" or bool(self.connect_ports or self.bind_ports)

    @property
    def connects(self) -> tuple[int, ...]:
        """The TCP ports that can be connected to, where that is restricted."""
        return (*self.connect_ports, 443) if self.network == "packages" else self.connect_ports

    @property
    def listens(self) -> bool:
        """Whether a TCP socket may accept connections at all."""
        return not self.tcp_restricted or bool(self.bind_ports)


def system_roots(uid: int | None = None) -> tuple[Path, ...]:
    """What every program may read: the system's programs and libraries, the files of /etc that they need to run, and
    the installations of this Python and of Node, where the user of the tools (`Policy.uid`) can get to them."""
    found = [Path(sys.base_prefix), Path(sys.prefix)]
    node = shutil.which("node")
    if node is not None:
        found.append(Path(node).resolve().parent.parent)
    installed = [folder for folder in found if folder not in (Path("/"), Path.home()) and can_enter(folder, uid)]
    return (*(Path(one) for one in _SYSTEM), *(Path("/etc") / one for one in _ETC), *installed)


def environment(policy: Policy, extra: Mapping[str, str]) -> dict[str, str]:
    """All variables of a program: a fixed list and `extra`, which wins. Nothing comes from this process's own."""
    return {
        "PATH": ":".join((*_usable(policy), "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": str(policy.home),
        "TMPDIR": str(policy.home / "tmp"),
        "USER": "task",
        "LOGNAME": "task",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **extra,
    }


def _usable(policy: Policy) -> list[str]:
    """The folders of `policy.path` that the tools can get into; one that is still to be made may be."""
    return [folder for folder in policy.path if not os.path.lexists(folder) or can_enter(Path(folder), policy.uid)]


def can_enter(folder: Path, uid: int | None) -> bool:
    """Whether a user without rights beyond its own gets into a folder, by the modes of it and of all above it; None is
    whoever this process is. False where it is none."""
    try:
        real = folder.resolve()
        found = [one.stat() for one in (real, *real.parents)]
    except OSError:
        return False
    if not stat.S_ISDIR(found[0].st_mode):
        return False
    return os.access(real, os.X_OK) if uid is None else all(_lets_in(one, uid) for one in found)


def _lets_in(found: os.stat_result, uid: int) -> bool:
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == uid else stat.S_IXOTH))


def task_uid(task: str, mapped: Sequence[tuple[int, int]] = ((0, 2**32 - 1),)) -> int | None:
    """The user that a task's tools become where Beth runs as root: always the same one for the same id, another one for
    every other (of 100 million, so that two of 100 tasks at once meet with a probability of 1 in 20,000).

    `mapped`: first id and count of the ids this user namespace has. Where it is a container's and has not the whole
    range, the last thousand ids of its largest run are used instead; None where there are fewer than 65,000.
    """
    chosen = int.from_bytes(hashlib.sha256(task.encode()).digest()[:8], "big")
    if any(first <= FIRST_UID and first + count >= FIRST_UID + UIDS for first, count in mapped):
        return FIRST_UID + chosen % UIDS
    first, count = max(mapped, key=lambda run: run[1], default=(0, 0))
    return first + count - 1000 + chosen % 1000 if count >= 65_000 else None
