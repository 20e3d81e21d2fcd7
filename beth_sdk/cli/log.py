"""`beth log TASK`: what happened to a task, from its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from beth_sdk.bus.base import Bus, Cursor
from beth_sdk.cli.log_text import LogLines
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from, show, show_json
from beth_sdk.errors import BethError, CursorExpired
from beth_sdk.history import ENDED, stream_of
from beth_sdk.journal.base import Entry, Journal, Version
from beth_sdk.messages import FINAL_STATUSES
from beth_sdk.settings import Settings

EVENTS = "events"
LOOK_AGAIN = 1.0
"""Seconds after which --follow looks into the journal though no event came: not every fact has one."""


@click.command()
@click.argument("task")
@click.option("--follow", "-f", is_flag=True, help="Go on until the task has ended.")
@bus_option
@json_option
def log(task: str, follow: bool, bus: str | None, as_json: bool) -> None:
    """What happened to a task, from its journal.

    Each time it was taken, its steps with their seconds and the beginning of their outcome, its questions, failures
    and end. Times are UTC. --json prints one object, or with --follow one line for each fact.
    """
    text = LogLines(task)

    def on_entry(entry: Entry) -> None:
        if as_json:
            show_json(document(entry))
        else:
            show(text.take_in(entry))

    asyncio.run(_log(settings_from(bus), task, on_entry, follow=follow, as_json=as_json))


async def _log(
    settings: Settings, task_id: str, on_entry: Callable[[Entry], None], *, follow: bool, as_json: bool
) -> None:
    async with ports(settings) as both:
        if follow:
            await followed(both.bus, both.journal, task_id, on_entry)
            return
        entries = [entry async for entry in both.journal.read(stream_of(task_id))]
        if not entries:
            raise unknown(task_id)
        if as_json:
            show_json({"task_id": task_id, "facts": [document(entry) for entry in entries]})
        else:
            for entry in entries:
                on_entry(entry)


async def followed(bus: Bus, journal: Journal, task_id: str, on_entry: Callable[[Entry], None]) -> None:
    """Hand over the task's entries, those there are and those to come, until it has ended.

    A task that nobody has taken yet is waited for.
    """
    cursor = await bus.tail(EVENTS)
    version: Version | None = None
    while True:
        over = False
        async for entry in journal.read(stream_of(task_id), after=version):
            version = entry.version
            on_entry(entry)
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
