"""Files of a work tree that a task writes, opened by the host without ever leaving the tree.

A path is walked folder by folder, each opened below the one before and never through a symbolic link; a link is read
and its target walked in the same way, so one that stays inside is followed and one that leads out is refused, whoever
changes it meanwhile. Files are written beside and moved into place: nothing is written through a second name of a file
of the host.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from beth_sdk import BethError

MOST_LINKS = 40
"""Links in one path, as many as Linux follows (path_resolution(7))."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO would wait for its writer
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_GIT = (".git", "git~1")  # the second: its short name where a file system has such


class Refused(BethError):
    """A path is not to be touched; the words say why, to a model."""

    code = "path_refused"


@dataclass(frozen=True, slots=True)
class Place:
    """`name` in the open folder `folder`; `.` is the folder itself. It is no symbolic link."""

    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree at `root`. `uid`: whose files in it are, where the host is root and the task is not."""

    root: Path
    uid: int | None = None

    @contextmanager
    def place(self, path: str, *, make: bool = False) -> Iterator[Place]:
        """Where `path` leads, which need not be there; `make` makes folders that lack. Raises `Refused`, OSError."""
        walk = _Walk(self, make=make)
        try:
            yield walk.to(self._relative(path))
        finally:
            walk.close()

    @contextmanager
    def reading(self, place: Place) -> Iterator[BinaryIO]:
        """The regular file at a place. Raises `Refused`, OSError."""
        descriptor = os.open(place.name, _READ, dir_fd=place.folder)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(found.st_mode):
                raise Refused("it is no regular file")
            if found.st_nlink > 1 and found.st_uid != (os.geteuid() if self.uid is None else self.uid):
                raise Refused("it is another name of a file outside the workspace")
            yield file

    def write(self, place: Place, content: bytes, mode: int = 0o644) -> None:
        """Put a file with this content at a place, whole or not at all. Raises OSError."""
        unfinished = f".beth-{secrets.token_hex(8)}"
        descriptor = os.open(unfinished, _WRITE, 0o600, dir_fd=place.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                self._own(descriptor, mode & 0o777)
            os.rename(unfinished, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        except BaseException:
            os.unlink(unfinished, dir_fd=place.folder)
            raise

    def make_folder(self, name: str, folder: int) -> None:
        """Make a folder that belongs to whom the tree does. Raises OSError."""
        os.mkdir(name, 0o755, dir_fd=folder)
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
        try:
            self._own(descriptor, 0o755)
        finally:
            os.close(descriptor)

    def _own(self, descriptor: int, mode: int) -> None:
        if self.uid is not None:
            os.fchown(descriptor, self.uid, self.uid)
        os.fchmod(descriptor, mode)

    def _relative(self, path: str) -> str:
        if not path or "\0" in path:
            raise Refused("it is no path")
        if not path.startswith("/"):
            return path
        for root in (str(self.root), os.path.realpath(self.root)):
            if path == root or path.startswith(f"{root}/"):
                return path[len(root) :]
        raise Refused(f"it is outside the workspace: name it relative to {self.root}")


class _Walk:
    """The open folders from the root to where the walk is."""

    def __init__(self, tree: Tree, *, make: bool) -> None:
        self._tree = tree
        self._make = make
        self._open = [os.open(tree.root, _FOLDER)]
        self._links = 0

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    def to(self, path: str) -> Place:
        left = deque(_parts(path))
        while left:
            part = left.popleft()
            if part == "..":
                self._up()
                continue
            if part.lower() in _GIT:
                raise Refused("it is git's own: the workspace is committed with the tool `commit`")
            target = self._target(part)
            if target is not None:
                left.extendleft(reversed(_parts(target)))
            elif left:
                self._down(part)
            else:
                return Place(self._open[-1], part)
        return Place(self._open[-1], ".")

    def _up(self) -> None:
        if len(self._open) == 1:
            raise Refused("it leads out of the workspace")
        os.close(self._open.pop())

    def _target(self, name: str) -> str | None:
        """Where a link leads, None for what is no link. One to an absolute path goes on from the root."""
        try:
            target = os.readlink(name, dir_fd=self._open[-1])
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not target.startswith("/"):
            return target
        root = str(self._tree.root)
        if target != root and not target.startswith(f"{root}/"):
            raise Refused(f"it is a link out of the workspace, to {target}")
        while len(self._open) > 1:
            os.close(self._open.pop())
        return target[len(root) :]

    def _down(self, name: str) -> None:
        try:
            self._open.append(os.open(name, _FOLDER, dir_fd=self._open[-1]))
        except FileNotFoundError:
            if not self._make:
                raise
            self._tree.make_folder(name, self._open[-1])
            self._open.append(os.open(name, _FOLDER, dir_fd=self._open[-1]))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
