"""`beth log TASK`: what happened to a task, from its journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import click

from beth_sdk.bus.base import Bus, Cursor
from beth_sdk.cli.log_text import LogLines
from beth_sdk.cli.options import Ports, bus_option, json_option, note, ports, settings_from, show, show_json
from beth_sdk.cli.steps import Tellers
from beth_sdk.errors import BethError, CursorExpired
from beth_sdk.history import ENDED, STEP_DONE, stream_of
from beth_sdk.journal.base import Entry, Fact, Journal, Version
from beth_sdk.messages import FINAL_STATUSES
from beth_sdk.settings import Settings

EVENTS = "events"
LOOK_AGAIN = 1.0
"""Seconds after which --follow looks into the journal though no event came: not every fact has one."""


@click.command()
@click.argument("task")
@click.option("--follow", "-f", is_flag=True, help="Go on until the task has ended.")
@click.option("--full", is_flag=True, help="Leave nothing out: prompts, arguments and results whole.")
@bus_option
@json_option
def log(task: str, *, follow: bool, full: bool, bus: str | None, as_json: bool) -> None:
    """What happened to a task, from its journal.

    Each time it was taken, and in between its steps: of an agent with a model what the model said, each tool that it
    called with its arguments, and what came back, with seconds and US dollars. Its questions, notes, failures and end.
    Times are UTC. --json has everything whole: one object, or with --follow one line for each fact.
    """
    asyncio.run(_log(settings_from(bus), task, follow=follow, full=full, as_json=as_json))


async def _log(settings: Settings, task_id: str, *, follow: bool, full: bool, as_json: bool) -> None:
    tellers = Tellers.installed(settings, task_id)
    text = LogLines(task_id, tellers, full=full, live=follow)
    async with ports(settings) as both:
        whole: list[Entry] = []
        async for entry in _entries(both, task_id, follow=follow):
            found = await unfolded(entry, tellers)
            if not as_json:
                show(text.take_in(found))
            elif follow:
                show_json(document(found))
            else:
                whole.append(found)
    if as_json and not follow:
        show_json({"task_id": task_id, "facts": [document(entry) for entry in whole]})
    elif not as_json:
        show(text.rest())
    for problem in dict.fromkeys(tellers.problems):
        note(problem)


async def _entries(both: Ports, task_id: str, *, follow: bool) -> AsyncIterator[Entry]:
    """The task's entries. Raises `BethError` where there are none and none is waited for."""
    if follow:
        async for entry in followed(both.bus, both.journal, task_id):
            yield entry
        return
    found = False
    async for entry in both.journal.read(stream_of(task_id)):
        found = True
        yield entry
    if not found:
        raise unknown(task_id)


async def unfolded(entry: Entry, tellers: Tellers) -> Entry:
    """The entry with what its package keeps elsewhere in its place."""
    if entry.fact.kind != STEP_DONE:
        return entry
    return replace(entry, fact=Fact(entry.fact.kind, await tellers.whole(entry.fact.data)))


async def followed(bus: Bus, journal: Journal, task_id: str) -> AsyncIterator[Entry]:
    """The task's entries, those there are and those to come, until it has ended.

    A task that nobody has taken yet is waited for.
    """
    cursor = await bus.tail(EVENTS)
    version: Version | None = None
    while True:
        over = False
        async for entry in journal.read(stream_of(task_id), after=version):
            version = entry.version
            yield entry
            over = is_over(entry, over)
        if over:
            return
        cursor = await _next_event(bus, cursor)


def is_over(entry: Entry, before: bool) -> bool:
    """Whether the task has ended as of this entry; `before`: as of the one before. A redriven task goes on."""
    if entry.fact.kind == ENDED:
        return entry.fact.data["result"].get("status") in FINAL_STATUSES
    return before and entry.fact.kind != "redriven"


def document(entry: Entry) -> dict[str, Any]:
    """A fact as `--json` prints it; `at` in seconds since the Unix epoch."""
    return {
        "version": entry.version,
        "at": entry.at,
        "epoch": entry.epoch,
        "kind": entry.fact.kind,
        "data": dict(entry.fact.data),
    }


def unknown(task_id: str) -> BethError:
    """Why there is nothing to show."""
    return BethError(
        f"the journal knows no task {task_id!r}: nobody has taken it yet, or its id or journal is another one"
        " (`beth stats` shows what waits; --bus and BETH_JOURNAL_URL say where to look)"
    )


async def _next_event(bus: Bus, cursor: Cursor) -> Cursor:
    """Wait for anything to happen anywhere; returns the cursor after it."""
    try:
        found = await bus.read(EVENTS, cursor, wait=LOOK_AGAIN)
    except CursorExpired:
        return await bus.tail(EVENTS)
    return found[-1][0] if found else cursor
