"""Values that a shell completes: ids from the journal, installed roles. Quick, and silent whatever is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
from click.shell_completion import CompletionItem

from beth_sdk.cli.text import one_line

if TYPE_CHECKING:  # what imports these before they are needed is slower than a shell may wait
    from beth_sdk.journal.base import Journal

LONGEST = 0.25
"""Seconds that looking into the journal may take; what was found by then is offered."""

MOST = 100
"""Values that are offered."""

DESCRIBED = 40
"""Characters of a description beside an id, in shells that show one."""

AGENTS = "beth.agents"
SHELLS = ("bash", "zsh", "fish")

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def streams(*prefixes: str) -> Completer:
    """Completes the names of the journal's streams that begin with one of these, without it."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del parameter
        found: list[CompletionItem] = []
        try:
            asyncio.run(asyncio.wait_for(_collect(ctx.params.get("bus"), prefixes, incomplete, found), LONGEST))
        except Exception:  # noqa: BLE001, S110 - a shell that completes has no place for an error
            pass
        return found

    return complete


def roles(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes roles by the names under which agents are declared, without reading a manifest."""
    del ctx, parameter
    from beth_sdk.entry_points import entry_points

    names = dict.fromkeys(one.name for one in entry_points(AGENTS)[0])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def shells(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the shells that can complete."""
    del ctx, parameter
    return [CompletionItem(name) for name in SHELLS if name.startswith(incomplete)]


async def _collect(bus: str | None, prefixes: Sequence[str], incomplete: str, found: list[CompletionItem]) -> None:
    from beth_sdk import openers
    from beth_sdk.cli.options import settings_from
    from beth_sdk.cli.paths import databases

    settings = settings_from(bus)
    url = settings.journal_url
    if url.startswith("sqlite:") and not all(path.exists() for path in databases(settings)):
        return  # opening it would make it
    journal = await openers.open_journal(url)
    try:
        for prefix in prefixes:
            async for stream in _matching(journal, prefix, incomplete):
                help_ = await _described(journal, stream)
                found.append(CompletionItem(stream.removeprefix(prefix), help=help_))
                if len(found) >= MOST:
                    return
    finally:
        await journal.close()


async def _matching(journal: Journal, prefix: str, incomplete: str) -> AsyncIterator[str]:
    async for stream in journal.streams(prefix):
        if stream.startswith(prefix + incomplete):
            yield stream


async def _described(journal: Journal, stream: str) -> str | None:
    """What was asked for, where the stream's first fact says it."""
    async for entry in journal.read(stream):
        request = entry.fact.data.get("request")
        described = request.get("description") if isinstance(request, dict) else None
        return one_line(described, DESCRIBED) if isinstance(described, str) else None
    return None


def files(suffix: str, incomplete: str) -> list[CompletionItem]:
    """The files and folders that a path can be completed to, of files only those with this suffix."""
    parent = Path(incomplete).parent if incomplete and not incomplete.endswith("/") else Path(incomplete or ".")
    try:
        there = sorted(parent.iterdir())
    except OSError:
        return []
    shown = [path for path in there if path.is_dir() or path.suffix == suffix]
    texts = [f"{path}/" if path.is_dir() else str(path) for path in shown if not path.name.startswith(".")]
    return [CompletionItem(text) for text in texts if text.startswith(incomplete)]


TASK = streams("task/")
"""Tasks that somebody has begun."""
