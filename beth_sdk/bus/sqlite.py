"""The SQLite bus: one file, any number of processes of one machine, nothing to install or run."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from beth_sdk._sqlite import Connection, Database, WakeSocket, open_database, path_of
from beth_sdk.bus import sqlite_tables as tables
from beth_sdk.bus.base import Capabilities, Cursor, Delivery, Message, Outgoing, Queue, QueueStats
from beth_sdk.bus.sqlite_tables import history
from beth_sdk.bus.waiting import NEVER, Waiters
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BusUnavailable

__all__ = ["DEFAULT_RETENTION", "SQLiteBus", "history", "open_bus"]

T = TypeVar("T")

DEFAULT_RETENTION = 30 * 86400.0
"""Seconds that messages are kept."""

RECHECK = 3.0
"""Seconds after which a waiting receive looks again unasked. Datagrams on a machine are as good as never lost, but
nobody promises it, and a task must not wait for the next one."""

RECHECK_UNHEARD = 0.1
"""The same where no socket could be bound, so that nobody can be woken by another process."""

CAPABILITIES = Capabilities(
    lease="timer",
    dedupe="key",
    priority="strict",
    delay="exact",
    depth="exact",
    durable=True,
    survives="the crash of any process and the loss of power",
)


class SQLiteBus:
    """A `Bus` in a SQLite file. Get one with `open_bus`."""

    def __init__(self, database: Database, clock: Clock, retention: float) -> None:
        self._database = database
        self._clock = clock
        self._trimmer = tables.Trimmer(retention, clock)
        self._waiters = Waiters()
        self._ear = WakeSocket(database.folder, self._heard)
        database.listeners.append(self._waiters.wake)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def declare(self, queue: Queue) -> None:
        await self._run(functools.partial(tables.declare, queue=queue))

    async def publish(self, queue: str, outgoing: Outgoing, *, delay: float = 0) -> None:
        headers = _encode(outgoing.headers)

        def publish(connection: Connection) -> None:
            tables.publish(connection, queue, outgoing, headers=headers, delay=delay, clock=self._clock)
            self._trimmer.trim_if_due(connection)

        await self._run(publish, wakes=(queue,))

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:  # noqa: ARG002  a lease needs no name
        take = functools.partial(tables.take, queues=queues, limit=limit, clock=self._clock)
        return await self._wait(queues, lambda: self._run(take), wait)

    async def extend(self, delivery: Delivery) -> None:
        await self._run(functools.partial(tables.extend, delivery=delivery, clock=self._clock))

    async def ack(self, delivery: Delivery) -> None:
        await self._run(functools.partial(tables.ack, delivery=delivery))

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        release = functools.partial(tables.release, delivery=delivery, delay=delay, clock=self._clock)
        await self._run(release, wakes=(delivery.queue,))

    async def stats(self, queue: str) -> QueueStats:
        return await self._run(functools.partial(tables.stats, queue=queue, clock=self._clock), writes=False)

    async def append(self, topic: str, message: Message) -> None:
        headers = _encode(message.headers)

        def append(connection: Connection) -> None:
            tables.append(connection, topic, message, headers, self._clock)
            self._trimmer.trim_if_due(connection)

        await self._run(append, wakes=(topic,))

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        page = functools.partial(tables.read, topic=topic, after=after, limit=limit)

        async def attempt() -> tuple[list[tuple[Cursor, Message]], float]:
            return await self._run(page, writes=False), NEVER

        return await self._wait([topic], attempt, wait)

    async def tail(self, topic: str) -> Cursor:
        return await self._run(functools.partial(tables.tail, topic=topic), writes=False)

    async def close(self) -> None:
        if self._waiters.closed:
            return
        self._waiters.close()
        self._ear.close()
        self._database.listeners.remove(self._waiters.wake)
        await self._database.release()

    def _prepare(self, connection: Connection) -> None:
        tables.create(connection, self._clock)
        self._trimmer.trim_if_due(connection)

    async def _wait(
        self, channels: Sequence[str], attempt: Callable[[], Awaitable[tuple[list[T], float]]], wait: float
    ) -> list[T]:
        found, _ = await attempt()
        if found or wait <= 0 or self._waiters.closed:  # closed meanwhile: nobody would close another ear
            return found
        recheck = RECHECK if self._ear.listen() else RECHECK_UNHEARD
        return await self._waiters.wait(channels, attempt, clock=self._clock, wait=wait, recheck=recheck)

    async def _run(self, call: Callable[[Connection], T], *, writes: bool = True, wakes: Sequence[str] = ()) -> T:
        if self._waiters.closed:
            raise BusUnavailable(f"{self._database.path}: this connection to the bus was closed")
        return await self._database.run(call, unavailable=BusUnavailable, writes=writes, wakes=wakes)

    def _heard(self, channels: Collection[str] | None) -> None:
        if channels is None:
            self._waiters.wake_all()
        else:
            self._waiters.wake(channels)


async def open_bus(url: str, *, clock: Clock | None = None, retention: float = DEFAULT_RETENTION) -> SQLiteBus:
    """Connect to the bus in the file that `url` names (`sqlite:///relative.db`, `sqlite:////absolute.db`), which is
    created where there is none. `retention`: seconds that messages are kept.

    Raises `ConfigurationError` for a URL or a file that cannot be meant, and `BusUnavailable`.
    """
    bus = SQLiteBus(open_database(path_of(url)), clock or SystemClock(), retention)
    try:
        await bus._run(bus._prepare)
    except BaseException:
        await bus.close()
        raise
    return bus


def _encode(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), ensure_ascii=False, separators=(",", ":")) if headers else "{}"
