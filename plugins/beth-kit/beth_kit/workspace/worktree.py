"""A work tree that a task writes and the host reads: what changed in it, as a tree, and back to a tree.

Nothing here runs `git add` or `git status`: where a directory has a `.git` of its own, both start a git inside it that
obeys the configuration found there, which the task has written. Instead changes are listed with submodules ignored and
recorded name by name, so:

- a `.git` anywhere is never read and never recorded; what else such a directory holds is recorded as plain files;
- a submodule of the user's repository stays the commit it was: its directory is laid out empty and never looked into;
- symbolic links are recorded as links; sockets, FIFOs, devices, empty directories and names that git forbids (`.GIT`,
  `git~1`) are not recorded.

What a task left there that keeps git from reading, permissions it took away or FIFOs that git waits for, is mended once
git fails or takes long, see `mend`.

Whoever calls sees to it that no process of the task writes meanwhile, and runs one operation at a time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beth_kit.workspace.errors import GitFailed, NotRestored, PathOutside
from beth_kit.workspace.git import Ended, Git, joined, split
from beth_kit.workspace.mend import mend, permit

ROUNDS = 4
"""Laying out a tree looks at the result and repairs it: a link in a directory's place can look unchanged at first."""

PATIENCE = 1.0
"""Seconds a git command takes before what it may be waiting for is looked for: most take a hundredth of that."""

SOON = 0.05
"""Seconds until the next look, where one found something: there may be more of it behind."""

DENIED = b"Permission denied"
"""How git, in the locale C, tells of what it could not read, of most of it in a warning only."""


@dataclass(frozen=True)
class Changes:
    """A work tree against its index: files to record, files that are gone, what git would not look at.

    `nested` are directories with a `.git` of their own, `ignored` what the ignore rules exclude; both end in a slash
    where they are directories.
    """

    present: tuple[str, ...]
    gone: tuple[str, ...]
    untracked: tuple[str, ...]
    nested: tuple[str, ...]
    ignored: tuple[str, ...]

    def within(self, paths: Sequence[str]) -> Changes:
        """Only what is one of `paths` or inside one."""
        chosen = {path.rstrip("/") for path in paths}

        def inside(name: str) -> bool:
            parts = name.rstrip("/").split("/")
            return "" in chosen or any("/".join(parts[:end]) in chosen for end in range(1, len(parts) + 1))

        groups = (self.present, self.gone, self.untracked, self.nested)
        present, gone, untracked, nested = (tuple(filter(inside, group)) for group in groups)
        return Changes(present, gone, untracked, nested, self.ignored)


@dataclass(frozen=True)
class WorkTree:
    """The work tree of `git`, with `index` as the record of what its files were last seen to be.

    `owner` is the user and group id that files laid out are given to, where the host is root and the task is not.
    """

    git: Git
    index: Path
    owner: tuple[int, int] | None = None

    @property
    def root(self) -> Path:
        """The directory of the work tree."""
        if self.git.work_tree is None:
            raise AssertionError("a WorkTree needs a git with a work tree")
        return self.git.work_tree

    @property
    def _env(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": str(self.index)}

    def on(self, index: Path) -> WorkTree:
        """The same work tree, recorded in another index."""
        return WorkTree(self.git, index, self.owner)

    async def _run(
        self,
        *words: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (0,),
    ) -> Ended:
        """Run git on this work tree and index; what it cannot get past is mended once, and then it runs again."""
        try:
            ended = await self._watched(words, stdin, env, accepted)
        except PermissionError:
            pass  # to the top directory
        except GitFailed as failed:
            if failed.exit_code is None:
                raise
        else:
            if DENIED not in ended.stderr:
                return ended
        await asyncio.to_thread(mend, self.root)
        return await self._watched(words, stdin, env, accepted)

    async def _watched(
        self, words: Sequence[str], stdin: bytes, env: Mapping[str, str] | None, accepted: Sequence[int]
    ) -> Ended:
        watching = asyncio.ensure_future(self._watch())
        try:
            return await self.git.run(*words, stdin=stdin, env={**self._env, **(env or {})}, accepted=accepted)
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        found = False
        while True:
            await self.git.clock.sleep(SOON if found else PATIENCE)
            found = await asyncio.to_thread(mend, self.root)

    async def _names(self, *words: str) -> list[str]:
        return split((await self._run(*words)).stdout)

    async def changes(self) -> Changes:
        """What differs from the index, and what is ignored."""
        others = ("ls-files", "-z", "--others", "--exclude-standard")
        differing, untracked, ignored = await asyncio.gather(
            self._names("diff-files", "-z", "--name-status", "--no-renames", "--ignore-submodules=all"),
            self._names(*others),
            self._names(*others, "--ignored", "--directory"),
        )
        changed = list(zip(differing[::2], differing[1::2], strict=True))
        there = [name for status, name in changed if status != "D" and recordable(self.root / name)]
        missing = {name for _, name in changed} - set(there)
        nested = tuple(name for name in untracked if name.endswith("/"))
        plain = tuple(name for name in untracked if not name.endswith("/"))
        return Changes(
            (*there, *plain, *await self._inside(nested)), tuple(sorted(missing)), plain, nested, tuple(ignored)
        )

    async def _inside(self, nested: Sequence[str]) -> list[str]:
        if not nested:
            return []
        found = await asyncio.to_thread(self._files_inside, nested)
        # This command refuses to take names literally; behind "./" none can be a pattern.
        asked = joined([f"./{name}" for name in found])
        literal = {"GIT_LITERAL_PATHSPECS": "0"}
        words = ("check-ignore", "-z", "--no-index", "--stdin")
        ended = await self._run(*words, stdin=asked, env=literal, accepted=(0, 1))
        ignored = set(split(ended.stdout))
        return [name for name in found if f"./{name}" not in ignored]

    def _files_inside(self, nested: Sequence[str]) -> list[str]:
        try:
            return [name for top in nested for name in _files_under(self.root, top)]
        except PermissionError:
            permit(self.root)
            return [name for top in nested for name in _files_under(self.root, top)]

    async def record(self, changes: Changes) -> None:
        """Bring the index to `changes`; the content of new and changed files is stored."""
        # By name alone: a deletion may lie behind a link that now has its directory's place, which git refuses to pass.
        if changes.gone:
            await self._run("update-index", "--force-remove", "-z", "--stdin", stdin=joined(changes.gone))
        if changes.present:
            words = ("update-index", "--add", "--replace", "-z", "--stdin")
            await self._run(*words, stdin=joined(changes.present))

    async def tree(self) -> str:
        """The tree of what the index records."""
        return (await self._run("write-tree")).stdout.decode("ascii").strip()

    async def assume(self, tree: str) -> None:
        """Make the index record `tree`, keeping what it knows of files that are the same; files are not touched."""
        await self._run("read-tree", "--reset", tree)

    async def lay_out(self, tree: str, keep_ignored: Collection[str] | None = None) -> tuple[str, ...]:
        """Make the files exactly those of `tree`; whatever else is not ignored is deleted. Returns what is ignored.

        Ignored files stay if `keep_ignored` is None or names them. Raises `NotRestored` where something keeps writing.
        """
        for _ in range(ROUNDS):
            await self._run("read-tree", "--reset", "-u", tree)
            if self.owner is not None:
                await asyncio.to_thread(give, self.root, self.owner)
                # A new owner is a new date of change, which alone would have every file read again.
                words = ("update-index", "-q", "--refresh", "--ignore-submodules")
                await self._run(*words, accepted=(0, 1))
            found = await self.changes()
            strange = [name for name in found.ignored if keep_ignored is not None and name not in keep_ignored]
            doomed = (*found.untracked, *found.nested, *strange)
            if not (doomed or found.present or found.gone):
                return found.ignored
            await asyncio.to_thread(self._delete, doomed)
        raise NotRestored(tree, (*found.present, *found.gone, *doomed))

    def _delete(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                remove(self.root / name)
            except PermissionError:
                permit(self.root)
                remove(self.root / name)
            for above in Path(name).parents[:-1]:
                try:
                    (self.root / above).rmdir()
                except OSError:
                    break  # something is left in it


def inside(path: str) -> str:
    """`path` in git's form, relative to the work tree. Raises `PathOutside` for one that leads out or into `.git`."""
    clean = os.path.normpath(path)
    parts = clean.split("/")
    if clean.startswith("/") or ".." in parts or ".git" in parts or "\0" in path or not path:
        raise PathOutside(path)
    return "" if clean == "." else clean


def recordable(path: Path) -> bool:
    """Whether git can record what is at `path`: a regular file or a symbolic link. Raises `PermissionError`."""
    try:
        mode = path.lstat().st_mode
    except PermissionError:
        raise  # it may well be one
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def remove(path: Path) -> None:
    """Delete what is at `path`, a tree too, following no link, whatever permissions a task took away in it."""
    try:
        _remove(path)
    except PermissionError:
        permit(path)
        _remove(path)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        pass  # went with a directory removed before it


def give(top: Path, owner: tuple[int, int]) -> None:
    """Make `owner` (user and group id) own `top` and what is in it, following no link. A file with a second name stays
    whose it is: a task may have linked one of the host's into its work tree."""
    for directory, below, files, at in os.fwalk(top, follow_symlinks=False):
        for name in (*below, *files):
            facts = os.stat(name, dir_fd=at, follow_symlinks=False)
            second = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
            if (facts.st_uid, facts.st_gid) != owner and not second:
                os.chown(name, *owner, dir_fd=at, follow_symlinks=False)
        if directory == str(top):
            os.chown(at, *owner)


def _files_under(root: Path, top: str) -> Iterator[str]:
    for directory, below, files in os.walk(root / top, onerror=_raised):
        below[:] = [name for name in below if name != ".git"]
        for name in (*files, *below):
            path = Path(directory, name)
            if name != ".git" and recordable(path):
                yield str(path.relative_to(root))


def _raised(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error
