"""All committed files of a task, read from git some at a time: a process for each would take minutes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from beth_kit import KitContext
from beth_kit.workspace.git import Git

LARGEST = 1024 * 1024
"""Bytes of a file that is read."""

AT_ONCE = 16 * 1024 * 1024
"""Bytes that are read together."""


@dataclass(slots=True)
class Committed:
    """The files of the task's last commit; symbolic links and submodules are not among them."""

    number: int = 0
    """How many were read, also those that are no text."""
    skipped: list[str] = field(default_factory=list)
    """Those that are larger than `LARGEST`."""

    async def texts(self, ctx: KitContext) -> AsyncIterator[tuple[str, str]]:
        """Path and text of each, in git's order; binary files are left out."""
        git = await ctx.workspace.git()
        for some in self._together(await _listed(git, await ctx.workspace.head())):
            wanted = b"".join(blob + b"\n" for _, blob, _ in some)
            printed = (await git.run("cat-file", "--batch", "--buffer", stdin=wanted)).stdout
            at = 0
            for path, _, size in some:
                begin = printed.index(b"\n", at) + 1
                content, at = printed[begin : begin + size], begin + size + 1
                if b"\0" not in content:
                    yield path, content.decode("utf-8", "replace")

    def _together(self, files: Sequence[tuple[str, bytes, int]]) -> Iterator[list[tuple[str, bytes, int]]]:
        some: list[tuple[str, bytes, int]] = []
        size = 0
        for one in files:
            if one[2] > LARGEST:
                self.skipped.append(one[0])
                continue
            self.number += 1
            some.append(one)
            size += one[2]
            if size >= AT_ONCE:
                yield some
                some, size = [], 0
        if some:
            yield some


async def _listed(git: Git, commit: str) -> list[tuple[str, bytes, int]]:
    """Path, object and size of each regular file."""
    printed = (
        await git.run("ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", f"{commit}^{{tree}}")
    ).stdout
    found = []
    for line in filter(None, printed.split(b"\0")):
        facts, _, name = line.partition(b"\t")
        mode, _, blob, size = facts.split()
        if mode in {b"100644", b"100755", b"100664"}:
            found.append((os.fsdecode(name), blob, int(size)))
    return found
