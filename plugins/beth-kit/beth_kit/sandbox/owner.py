"""Gives a task's folders to the user that its tools become, where Beth runs as root."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from beth_kit.sandbox.policy import Policy, can_enter
from beth_sdk.errors import ConfigurationError

SHARED = Path("/var/lib/beth")
"""Where state of services lies (Filesystem Hierarchy Standard 3.0, 5.8)."""


def prepare(policy: Policy) -> None:
    """Make the scratch folder, and hand everything writable to `policy.uid`; to be called before a task's first run and
    after something outside the sandbox wrote there.

    A file with several names keeps its owner: a clone shares the objects of the repository it comes from, and nobody
    may get those. No link is followed. Raises `ConfigurationError` where that user could not get to a folder:
    `workspaces_home` finds one where it can.
    """
    for folder in (policy.home, policy.home / "tmp"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if policy.uid is None:
        return
    for root in policy.writable:
        _reachable(root.absolute(), policy.uid)
        for _, folders, files, descriptor in os.fwalk(root, follow_symlinks=False):
            _own(descriptor, policy.uid)
            for name in (*files, *(one for one in folders if _is_link(one, descriptor))):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if found.st_uid != policy.uid and found.st_nlink == 1:
                    os.chown(name, policy.uid, policy.uid, dir_fd=descriptor, follow_symlinks=False)


def _own(descriptor: int, uid: int) -> None:
    if os.fstat(descriptor).st_uid != uid:
        os.fchown(descriptor, uid, uid)


def _is_link(name: str, descriptor: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)


def _reachable(root: Path, uid: int) -> None:
    for parent in root.parents:
        if not can_enter(parent, uid):
            raise ConfigurationError(
                f"{parent} cannot be entered by a task's user, so its tools cannot get to {root}: "
                f"set BETH_HOME to a folder that others may enter ({SHARED})"
            )


def workspaces_home(home: Path, uid: int | None) -> Path:
    """The folder for repositories, clones and scratch of a Beth whose home is `home`: that, where a task's user can get
    into it. Otherwise, as for root, whose own home nobody else may enter, one below `SHARED` that belongs to this home
    alone, made here; journal and bus stay where nobody gets at them.

    `uid`: a task's (`policy.task_uid`), None where tools stay who Beth is. Raises `ConfigurationError` where it takes
    such a folder and none can be made.
    """
    home = home.absolute()
    if uid is None or _can_be_entered(home, uid):
        return home
    name = hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:12]
    try:
        for folder in (SHARED, SHARED / name):
            _make_shared(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{home} cannot be entered by a task's user, and {error.filename or SHARED} cannot be used instead "
            f"({error.strerror or error}): set BETH_HOME to a folder that others may enter"
        ) from None
    return SHARED / name


def _can_be_entered(home: Path, uid: int) -> bool:
    """Also for a home that is still to be made: then by what is above it."""
    there = next(folder for folder in (home, *home.parents) if os.path.lexists(folder))
    return can_enter(there, uid)


def _make_shared(folder: Path) -> None:
    """A folder of this user's that others can pass through and not look into."""
    old = os.umask(0)
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    finally:
        os.umask(old)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "it is another user's, or others may write there", str(folder))
    if not found.st_mode & stat.S_IXOTH:
        raise PermissionError(errno.EACCES, "others may not enter it", str(folder))
