"""The tools of the role: they only read, and nothing they find leaves the machine in full."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from beth_agent_security_reviewer.committed import Committed
from beth_agent_security_reviewer.credentials import Secret, scan
from beth_agent_security_reviewer.manifests import LOCKS, Dependency, dependencies_in, language_of
from beth_kit import KitContext, tool
from beth_kit.claims.patch import parse
from beth_kit.claims.paths import is_test
from beth_kit.frame.tree import TooLong, TreeReader
from beth_kit.workspace.repository import BASE

MOST_COMMITS = 500
"""Commits of the request whose patches are looked through, the newest first."""

MOST_FOUND = 100
"""Lines that a model is told; the sure ones come first."""

_COMMIT = re.compile(r"^commit ([0-9a-f]{40,64})$", re.MULTILINE)


@tool(writes=False)
async def find_secrets(ctx: KitContext) -> str:
    """Look for keys, tokens and passwords in all committed files, and in every commit of the request, also where a
    later commit took them out again. You get place and kind of each, and whether it has the form of a real one or is
    only random text; never the value. It misses secrets of no known form: read the settings and fixtures yourself."""
    found: list[Secret] = []
    committed = Committed()
    async for path, text in committed.texts(ctx):
        found += await asyncio.to_thread(scan, path, text)
    skipped = committed.skipped
    past = await _in_history(ctx, {one.value for one in found})
    lines = [
        *_told(found, ""),
        *_told([one for _, one in past], "; not in the files any more, but in the history", past),
    ]
    left_out = f"; not looked at, larger than 1 MiB: {', '.join(skipped[:10])}" if skipped else ""
    head = f"{committed.number} files and the request's commits looked through, {len(lines)} places found{left_out}"
    more = [f"… and {len(lines) - MOST_FOUND} more"] if len(lines) > MOST_FOUND else []
    return "\n".join([head, *lines[:MOST_FOUND], *more])


@tool(writes=False)
async def dependencies(ctx: KitContext) -> str:
    """List what the project depends on, from its manifests (pyproject.toml, requirements, package.json, go.mod,
    Cargo.toml, pom.xml): name, version, place, and whether that is one version or a range. Offline: it knows no
    vulnerabilities; judge by what you know, and say how sure you are."""
    reader = TreeReader(await ctx.workspace.git(), await ctx.workspace.head())
    files = await reader.files()
    lines: list[str] = []
    for path in files:
        language = language_of(path)
        if language is None or "node_modules" in PurePosixPath(path).parts:
            continue
        text = await _text(reader, path)
        lines += [f"{path} ({language}; {_locked(path, language, files)})", *_listed(path, text)]
    return "\n".join(lines) or "no manifest found"


async def _text(reader: TreeReader, path: str) -> str:
    try:
        return (await reader.read(path)).decode("utf-8", "replace")
    except TooLong:
        return ""


async def _in_history(ctx: KitContext, known: set[str]) -> list[tuple[str, Secret]]:
    """What the request's commits added and the files do not hold any more, each once, with its commit."""
    git = await ctx.workspace.git()
    words = ("log", "-p", "--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-renames", "--format=commit %H")
    head = await ctx.workspace.head()
    printed = (await git.run(*words, f"--max-count={MOST_COMMITS}", f"{BASE}..{head}", "--")).stdout
    return await asyncio.to_thread(_added, printed.decode("utf-8", "replace"), known)


def _added(printed: str, known: set[str]) -> list[tuple[str, Secret]]:
    _, *parts = _COMMIT.split(printed)
    found = []
    for commit, patch in zip(parts[::2], parts[1::2], strict=True):
        for file in parse(patch):
            for line in file.added:
                for one in scan(file.path, line.text):
                    if one.value not in known:
                        known.add(one.value)
                        place = Secret(one.path, line.number, one.kind, one.shown, one.value, one.sure)
                        found.append((commit, place))
    return found


def _told(found: Sequence[Secret], besides: str, past: Sequence[tuple[str, Secret]] = ()) -> Iterator[str]:
    commits = {id(one): f"@{commit[:12]}" for commit, one in past}
    for one in sorted(found, key=lambda one: not one.sure):
        tests = "; in a file of the tests" if is_test(one.path) else ""
        sure = "" if one.sure else "; perhaps no secret"
        yield f"{one.path}:{one.line}{commits.get(id(one), '')}: {one.kind}, {one.shown}{sure}{tests}{besides}"


def _locked(path: str, language: str, files: Sequence[str]) -> str:
    folders = [PurePosixPath(path).parent, *PurePosixPath(path).parent.parents]
    names = set(files)
    lock = next((str(one / name) for one in folders for name in LOCKS[language] if str(one / name) in names), None)
    return f"locked by {lock}" if lock else "no lock file"


def _listed(path: str, text: str) -> Iterator[str]:
    try:
        found = dependencies_in(path, text)
    except (ValueError, RecursionError) as error:
        yield f"  cannot be read: {error}"
        return
    if not found:
        yield "  nothing"
    for one in found:
        yield f"  {_described(one)}"


def _described(one: Dependency) -> str:
    source = f", from {one.source}" if one.source else ""
    pinned = "pinned" if one.pinned else "not pinned"
    return f"{one.name} {one.version or '(any version)'}: {pinned}{source} ({one.path}:{one.line})"
