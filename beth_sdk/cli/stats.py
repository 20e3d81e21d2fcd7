"""`beth stats`: how much waits in each queue, runs, and was given up on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from beth_sdk.bus.base import Bus, Cursor
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from, show, show_json
from beth_sdk.cli.queues import queues_option
from beth_sdk.cli.text import NOTHING, span, table
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.dead_letters import list_dead, topic_of
from beth_sdk.settings import Settings

EVERY = 2.0
"""Seconds between two looks with --watch."""


@dataclass(frozen=True, slots=True)
class Row:
    """A queue now. `oldest_age` in seconds, 0 where nothing is ready; `dead`: letters nobody has dealt with."""

    queue: str
    ready: int
    delayed: int
    in_flight: int
    oldest_age: float
    dead: int


@click.command()
@click.option("--watch", is_flag=True, help=f"Again every {EVERY:g} seconds, until Ctrl-C.")
@queues_option
@bus_option
@json_option
def stats(watch: bool, queues: Sequence[str], bus: str | None, as_json: bool) -> None:
    """How much waits in each queue."""

    def shown(rows: Sequence[Row]) -> None:
        if as_json:
            show_json(document(rows))
            return
        if watch:
            click.clear()  # does nothing where the output is no terminal
        show(lines(rows))

    asyncio.run(_look(settings_from(bus), queues, SystemClock(), shown, again=watch))


async def _look(
    settings: Settings, queues: Sequence[str], clock: Clock, shown: Callable[[Sequence[Row]], None], *, again: bool
) -> None:
    async with ports(settings) as both:
        reader = Reader(both.bus)
        shown(await reader.read(queues))
        while again:
            await clock.sleep(EVERY)
            shown(await reader.read(queues))


class Reader:
    """Reads the numbers of queues; dead letters are counted anew only when their topic has grown."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._dead: dict[str, tuple[Cursor, int]] = {}

    async def read(self, queues: Sequence[str]) -> list[Row]:
        """The numbers of each queue now, in the order given."""
        return [await self._row(queue) for queue in queues]

    async def _row(self, queue: str) -> Row:
        found = await self._bus.stats(queue)
        dead = await self._count_dead(queue)
        return Row(queue, found.ready, found.delayed, found.in_flight, round(found.oldest_age, 3), dead)

    async def _count_dead(self, queue: str) -> int:
        tail = await self._bus.tail(topic_of(queue))
        known = self._dead.get(queue)
        if known is not None and known[0] == tail:
            return known[1]
        count = sum(1 for letter in await list_dead(self._bus, queue) if letter.state == "dead")
        self._dead[queue] = tail, count
        return count


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"queues": [asdict(row) for row in rows]}


def lines(rows: Sequence[Row]) -> list[str]:
    """What people see."""
    headers = ("QUEUE", "READY", "DELAYED", "RUNNING", "OLDEST", "DEAD")
    return table(
        headers,
        [
            (
                row.queue,
                str(row.ready),
                str(row.delayed),
                str(row.in_flight),
                span(row.oldest_age) if row.ready else NOTHING,
                str(row.dead),
            )
            for row in rows
        ],
    )
