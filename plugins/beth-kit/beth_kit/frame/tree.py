"""The files of a commit, read from git's objects: no work tree, no link and no filter decides what they hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from beth_kit.workspace.git import Git

MOST_BYTES = 1024 * 1024
"""Of a file that is read; a larger one is nothing that a model should be told."""


class TooLong(ValueError):
    """A file is larger than `MOST_BYTES`; `size` in bytes."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        super().__init__(f"it has {size:,} bytes; the limit is {MOST_BYTES:,}")


class Files(Protocol):
    """Files that somebody else wrote."""

    async def files(self) -> Sequence[str]:
        """The names of all regular files, relative to the root, in git's order."""
        ...

    async def read(self, path: str) -> bytes:
        """What one of them holds. Raises KeyError for a name that `files` does not give, `TooLong`."""
        ...


class NoFiles:
    """A repository without any."""

    async def files(self) -> Sequence[str]:
        return ()

    async def read(self, path: str) -> bytes:
        raise KeyError(path)


class TreeReader:
    """The regular files of `commit`; symbolic links and submodules are not among them."""

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._commit = commit
        self._objects: dict[str, str] | None = None

    async def files(self) -> Sequence[str]:
        """Raises `GitFailed` where there is no such commit."""
        return tuple(await self._listed())

    async def read(self, path: str) -> bytes:
        blob = (await self._listed())[path]
        size = int(await self._git.line("cat-file", "-s", blob))
        if size > MOST_BYTES:
            raise TooLong(path, size)
        return (await self._git.run("cat-file", "blob", blob)).stdout

    async def _listed(self) -> dict[str, str]:
        if self._objects is None:
            words = ("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", f"{self._commit}^{{tree}}")
            found = {}
            for line in filter(None, (await self._git.run(*words)).stdout.split(b"\0")):
                facts, _, name = line.partition(b"\t")
                mode, _, blob = facts.split(b" ")
                if mode in {b"100644", b"100755", b"100664"}:
                    found[os.fsdecode(name)] = blob.decode("ascii")
            self._objects = found
        return self._objects
