"""Gives a task's folders to the user that its tools become, where Beth runs as root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from beth_kit.sandbox.policy import Policy
from beth_sdk.errors import ConfigurationError


def prepare(policy: Policy) -> None:
    """Make the scratch folder, and hand everything writable to `policy.uid`; to be called before a task's first run and
    after something outside the sandbox wrote there.

    A file with several names keeps its owner: a clone shares the objects of the repository it comes from, and nobody
    may get those. No link is followed. Raises `ConfigurationError` where that user could not get to a folder.
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
        found = parent.stat()
        if not found.st_mode & (stat.S_IXOTH if found.st_uid != uid else stat.S_IXUSR):
            raise ConfigurationError(
                f"{parent} can be entered by its owner only, so a task's user cannot get to {root}: "
                "set BETH_HOME to a folder that others may enter (/var/lib/beth)"
            )
