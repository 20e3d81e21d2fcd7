"""The mode of folders that nobody else is to look into."""

from __future__ import annotations

import os
from pathlib import Path


def folder_mode() -> int:
    """0700; for root 0711, because the tools of root's tasks become other users, who must pass through to their own
    folders. They still see no name in it, and the files that matter are closed to them by their own modes."""
    return 0o711 if os.geteuid() == 0 else 0o700


def make_private(folder: Path) -> list[Path]:
    """Make a folder, and those above it that are missing, with that mode; returns those that were missing, the nearest
    first. One that is there stays as it is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=folder_mode(), exist_ok=True)
    return missing
