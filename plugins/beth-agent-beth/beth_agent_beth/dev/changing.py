"""Waiting until somebody saves a file of a package: looked at again and again, which works on every file system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from beth_sdk.clock import Clock

EVERY = 0.5
"""Seconds between two looks."""

_NOT_LOOKED_AT = {"__pycache__", ".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"}

Seen = dict[str, tuple[int, int]]


class Files:
    """The files below a folder, as they were at the last look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen = dict(_files(folder))

    def changed(self) -> list[str]:
        """What was saved, made or removed since the last look, relative to the folder."""
        now = dict(_files(self.folder))
        found = sorted(name for name in now.keys() | self._seen.keys() if now.get(name) != self._seen.get(name))
        self._seen = now
        return found

    async def wait(self, clock: Clock) -> list[str]:
        """Until something changed, and what."""
        while True:
            await clock.sleep(EVERY)
            found = self.changed()
            if found:
                return found


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_LOOKED_AT]
        for name in names:
            path = Path(parent, name)
            # Editors write beside the file first, and leave such files behind.
            if name.startswith(".") or name.endswith(("~", ".pyc", ".swp", ".part")):
                continue
            try:
                status = path.stat()
            except OSError:
                continue  # it was removed just now
            yield str(path.relative_to(folder)), (status.st_mtime_ns, status.st_size)
