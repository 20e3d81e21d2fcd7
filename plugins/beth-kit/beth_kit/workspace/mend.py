"""What a task may leave in its work tree that keeps the host's git from reading it, and getting it out of the way.

Nothing here runs while all is well: a walk over 5,000 files takes 15 ms, an environment has a hundred thousand of them.
No link is followed, and each change goes by the descriptor of the directory that was listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

RULES = frozenset({".gitattributes", ".gitignore"})
"""Files git reads wherever they are in a work tree."""

LARGEST_RULES = 100 * 1024 * 1024
"""Bytes of a file of rules. Git refuses larger `.gitattributes` since 2.39.1; a larger `.gitignore`, which takes no
disk where it has holes, it reads into memory."""


def mend(top: Path) -> bool:
    """`permit`, which `clear` needs to get everywhere, and `clear`."""
    permit(top)
    return clear(top)


def permit(top: Path) -> None:
    """Give the owner back what a task took: reading, writing and entering directories, reading and writing FIFOs, and
    files that could not be read. What is another user's stays as it is."""
    _permit(None, str(top))
    for _, directory, name, _ in _inside(top):
        _permit(directory, name)


def clear(top: Path) -> bool:
    """Remove what git waits for or cannot hold: a FIFO under the name of a file of rules, in a `.git`, or that some
    process waits to read; a file of rules that is too large. Who waits finds it empty. Returns whether one was."""
    found = False
    for here, directory, name, facts in _inside(top):
        if stat.S_ISFIFO(facts.st_mode):
            found |= _clear_fifo(directory, name, read=name in RULES or "/.git/" in f"{here}/")
        elif name in RULES and stat.S_ISREG(facts.st_mode) and facts.st_size > LARGEST_RULES:
            os.unlink(name, dir_fd=directory)
            found = True
    return found


def _inside(top: Path) -> Iterator[tuple[str, int, str, os.stat_result]]:
    """Everything in `top`, a directory before what is in it: the path and a descriptor of where it is, its name,
    its facts."""
    base = os.path.realpath(top)
    waiting = [base]  # not recursive: a tree deeper than Python's stack is quickly made
    while waiting:
        here = waiting.pop()
        try:
            directory = os.open(here, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # gone, or another user's
        try:
            if str(Path(f"/proc/self/fd/{directory}").readlink()) != here:
                continue  # behind a link that was put there meanwhile
            for name in os.listdir(directory):  # noqa: PTH208 - of a descriptor
                facts = _facts(directory, name)
                if facts is not None:
                    yield here, directory, name, facts
                    if stat.S_ISDIR(facts.st_mode):
                        waiting.append(f"{here}/{name}")
        finally:
            os.close(directory)


def _facts(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None  # gone, or in a directory of another user


def _permit(directory: int | None, name: str) -> None:
    try:
        # A handle that needs no permission on what it is for, and is no link's target: open(2), O_PATH.
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        wanted = _wanted(os.fstat(handle).st_mode)
        if mode != wanted:
            Path(f"/proc/self/fd/{handle}").chmod(wanted)
    except OSError:
        pass  # another user's
    finally:
        os.close(handle)


def _wanted(mode: int) -> int:
    if stat.S_ISDIR(mode):
        return stat.S_IMODE(mode) | stat.S_IRWXU
    if stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and not mode & stat.S_IRUSR):
        return stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR
    return stat.S_IMODE(mode)


def _clear_fifo(directory: int, name: str, *, read: bool) -> bool:
    try:
        # Opening ends the wait of who opened it to read, closing it gives them its end; ENXIO says that nobody did.
        writer = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        if not read:
            return False
        writer = None
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        return False
    finally:
        if writer is not None:
            os.close(writer)
    return True
