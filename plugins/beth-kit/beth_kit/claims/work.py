"""A task's work before and after it, read from git: what `check` holds a result against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beth_kit.claims.patch import FilePatch, parse
from beth_kit.claims.paths import Place
from beth_kit.context import KitContext
from beth_kit.frame.tree import TooLong, TreeReader
from beth_kit.workspace.errors import GitFailed


@dataclass(frozen=True, slots=True)
class Work:
    """What a task changed: its patch, and the text of every file in it before and after. Files that are larger than
    1 MiB, or no text, are left out of the latter two."""

    patches: list[FilePatch]
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def paths(self) -> list[str]:
        """Every path that changed; of a renamed file both."""
        return list(dict.fromkeys(path for one in self.patches for path in (one.old, one.new) if path))


async def work_of(ctx: KitContext) -> Work:
    """What the task did since it began, committed or not; all of it is committed where `check` is called."""
    patches = parse(await ctx.workspace.diff())
    git = await ctx.workspace.git()
    base, head = TreeReader(git, await ctx.workspace.base()), TreeReader(git, await ctx.workspace.head())
    before = await _texts(base, (one.old for one in patches))
    return Work(patches, before, await _texts(head, (one.new for one in patches)))


async def text_at(ctx: KitContext, path: str, commit: str | None = None) -> str | None:
    """What a file holds at the task's last commit, or at another; None where there is no such file or commit."""
    reader = TreeReader(await ctx.workspace.git(), commit or await ctx.workspace.head())
    try:
        return (await reader.read(path)).decode("utf-8", "replace")
    except (KeyError, TooLong, GitFailed):
        return None


async def missing_place(ctx: KitContext, place: Place) -> str | None:
    """Why a place cannot be looked at, in words for a model; None where it can."""
    text = await text_at(ctx, place.path, place.commit)
    if text is None:
        where = f" at commit {place.commit}" if place.commit else ""
        return f"there is no file {place.path!r}{where}"
    lines = len(text.splitlines())
    return f"{place.path} has {lines} lines" if place.line > max(lines, 1) else None


async def is_commit(ctx: KitContext, name: str) -> bool:
    """Whether a commit of this name, whole or shortened, is in the request's repository."""
    git = await ctx.workspace.git()
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return (await git.run(*words, accepted=(0, 1, 128))).code == 0


async def _texts(reader: TreeReader, paths: Iterable[str | None]) -> dict[str, str]:
    found = {}
    files = set(await reader.files())
    for path in paths:
        if path is None or path not in files:
            continue
        try:
            content = await reader.read(path)
        except TooLong:
            continue
        if b"\0" not in content:
            found[path] = content.decode("utf-8", "replace")
    return found
