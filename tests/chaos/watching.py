"""Waiting for something to happen on a bus, by the events that workers send."""

from __future__ import annotations

import asyncio

from beth_sdk import schema
from beth_sdk.bus.base import BEGINNING, Bus, Cursor
from beth_sdk.messages import Event

PATIENCE = 30.0
"""Seconds that anything may take."""


class Events:
    """The events of a bus from its beginning on, each seen once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._cursor = BEGINNING
        self._page: list[tuple[Cursor, Event]] = []

    async def step_begins(self, name: str, *, but_of: str | None = None) -> Event:
        """Wait until a worker begins with a step of this name; not the instance `but_of`. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self._next()
                if (event.kind, event.message) == ("step", name) and event.instance != but_of:
                    return event

    async def _next(self) -> Event:
        while not self._page:
            read = await self._bus.read("events", self._cursor, wait=PATIENCE)
            self._page = [(cursor, schema.decode(Event, message.body)) for cursor, message in read]
        self._cursor, event = self._page.pop(0)
        return event
