"""Checks of the machine: Python, variables, the home folder, and the place where a SQLite file lies."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from beth_sdk.cli.checks import Check, Status
from beth_sdk.cli.paths import databases
from beth_sdk.cli.text import size
from beth_sdk.plugins import discover_agents, discover_variables
from beth_sdk.private import folder_mode
from beth_sdk.settings import Settings, unknown_variables

OLDEST_PYTHON = (3, 11)

LITTLE_SPACE = 1024**3
NO_SPACE = 100 * 1024**2
"""Bytes free below which a disk is nearly, and as good as, full."""

NETWORK_FILE_SYSTEMS = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "ocfs2", "gfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs"),
        *("9p", "drvfs", "vboxsf", "prl_fs", "virtiofs"),  # what a virtual machine sees of its host
    )
)
"""Where shared memory and locks do not work between machines, which SQLite's WAL mode needs (sqlite.org/wal.html)."""

MOUNTS = Path("/proc/self/mountinfo")


async def check_python(_: Settings) -> list[Check]:
    """The version of Python."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return [Check("python", "fail", version, "install Python 3.11 or newer")]
    return [Check("python", "ok", f"{version} at {sys.executable}")]


async def check_variables(_: Settings, environ: Mapping[str, str] | None = None) -> list[Check]:
    """`BETH_…` variables that nothing reads: mistyped, most likely."""
    manifests = [agent.manifest for agent in discover_agents() if agent.manifest is not None]
    declared, problems = discover_variables()
    others = {name for manifest in manifests for name in manifest.environment}
    others |= {name for variable in declared for name in variable.names}
    found = [
        Check("variables", "warn", str(problem), f"mend, upgrade or uninstall {problem.distribution}")
        for problem in problems
    ]
    found += [
        Check("variables", "warn", f"nothing reads {name}", f"set {near} instead" if near else f"unset {name}")
        for name, near in unknown_variables(os.environ if environ is None else environ, also=others)
    ]
    return found or [Check("variables", "ok", "every BETH_ variable is known")]


async def check_home(settings: Settings) -> list[Check]:
    """Whether Beth can write into its home, and who else can."""
    home = settings.home
    problem = _unwritable(home)
    if problem is not None:
        return [Check("home", "fail", f"{home}: {problem}", "make it writable for this user, or set BETH_HOME")]
    if home.is_dir() and home.stat().st_mode & 0o777 & ~folder_mode():
        mode = stat.filemode(home.stat().st_mode)
        return [Check("home", "warn", f"{home} is open to other users ({mode})", f"chmod {folder_mode():o} '{home}'")]
    return [Check("home", "ok", str(home) if home.is_dir() else f"{home}, which will be made when it is needed")]


async def check_umask(_: Settings) -> list[Check]:
    """Whether what agents write can be changed by others."""
    mask = os.umask(0o077)
    os.umask(mask)
    if mask & 0o002:
        return [Check("umask", "ok", f"{mask:03o}")]
    return [Check("umask", "warn", f"{mask:03o} lets everybody on this machine change what agents write", "umask 022")]


async def check_database(settings: Settings) -> list[Check]:
    """The file of an embedded bus or journal: who can read it, how much room it has, what it lies on."""
    mounts = _mounts()
    found: list[Check] = []
    for path in databases(settings):
        found += [*_permissions(path), *space(path, shutil.disk_usage(nearest(path)).free)]
        found += file_system(path, file_system_of(nearest(path).resolve(), mounts))
    return found


def space(path: Path, free: int) -> list[Check]:
    """What it means that `free` bytes are left where a file lies."""
    if free >= LITTLE_SPACE:
        return [Check("disk", "ok", f"{size(free)} free for {path}")]
    status: Status = "fail" if free < NO_SPACE else "warn"
    return [Check("disk", status, f"only {size(free)} free for {path}", "free some space")]


def file_system(path: Path, kind: str | None) -> list[Check]:
    """What it means that a SQLite file lies on this kind of file system; None: not known here."""
    if kind not in NETWORK_FILE_SYSTEMS:
        return []
    return [
        Check(
            "database",
            "warn",
            f"{path} lies on a network file system ({kind}), where SQLite is not safe",
            "set BETH_HOME or MESSAGE_BUS_URL to a place on a local disk",
        )
    ]


def file_system_of(path: Path, mounts: str) -> str | None:
    """The kind of file system an absolute path is on, by the text of Linux's mountinfo (proc(5)); None: not found."""
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]))
        # Of several mounts on one point the last is the one that is seen.
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), after.split(" ", 1)[0]
    return best[1] if best else None


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def _mounts() -> str:
    return MOUNTS.read_text(encoding="utf-8", errors="surrogateescape") if MOUNTS.exists() else ""


def _permissions(path: Path) -> list[Check]:
    if not path.exists():
        return [Check("database", "ok", f"{path}, which will be made when it is needed")]
    if path.stat().st_mode & 0o077:
        mode = stat.filemode(path.stat().st_mode)
        return [Check("database", "warn", f"{path} is open to other users ({mode})", f"chmod 600 '{path}'")]
    return [Check("database", "ok", f"{path}, {size(path.stat().st_size)}")]


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder, or into what is there of the path to it."""
    place = nearest(folder)
    if not place.is_dir():
        return f"{place} is no folder"
    try:
        if place == folder:
            with tempfile.TemporaryFile(dir=place):
                return None
    except OSError as error:
        return error.strerror or str(error)
    return None if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written"
