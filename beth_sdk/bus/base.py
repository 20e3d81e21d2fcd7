"""The `Bus` Protocol and the records that cross it.

A bus hands out, keeps and hands out again; nothing else. Encoding, validation, retry, dead letters, cancel, hooks and
logging live above it, and fencing lives in the journal, so a delivery that arrives twice is harmless on every bus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NewType, Protocol

PRIORITIES = range(5)
"""0 first … 4 last, as in beads."""

DEFAULT_PRIORITY = 2

DEFAULT_LEASE = 60.0
"""Seconds a delivery or a hold lives without being renewed."""

DEAD_SUFFIX = ".dead"
"""`<queue>.dead` is the topic of a queue's dead letters; such topics are exempt from retention."""

Cursor = NewType("Cursor", str)
"""A place in a topic. Opaque: compare only for equality, keep as it is."""

BEGINNING = Cursor("")
"""Before the first message that a topic still has. Reading after it never raises `CursorExpired`."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a bus says of itself; the reference table of the documentation is generated from it."""

    lease: Literal["timer", "connection"]
    """What ends a delivery that is not acknowledged: a timer, or the loss of the worker's connection."""
    dedupe: Literal["key", "window", "none"]
    """Whether publishing the same key twice is one task: as long as the retention, for a time, or never."""
    priority: Literal["strict", "lanes"]
    delay: Literal["exact", "buckets"]
    depth: Literal["exact", "lagged"]
    durable: bool
    """Whether an acknowledged publish survives the end of every process."""
    survives: str
    """In words: what an acknowledged publish survives."""
    removes_queued: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as its worker declares it. `lease` in seconds."""

    name: str
    lease: float = DEFAULT_LEASE


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A task on its way to a queue. `key` is `id:continuation`; the same key again is the same task."""

    key: str
    body: bytes
    priority: int = DEFAULT_PRIORITY
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A task handed to a worker once. `token` is the bus's own, and means nothing to anybody else."""

    queue: str
    key: str
    body: bytes
    headers: Mapping[str, str]
    priority: int
    deliveries: int
    """How often the bus has handed this task out, this time included; for people, never for decisions."""
    token: str
    lease: float
    """Seconds until the bus may hand it to another worker, unless extended."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a topic keeps. `key` orders (messages of one key are read in the order of their appends)."""

    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue now. `oldest_age`: seconds since the oldest task that is ready was published, 0 where none is."""

    ready: int
    delayed: int
    in_flight: int
    oldest_age: float


class Bus(Protocol):
    """One connection to a bus, used from one event loop."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def declare(self, queue: Queue) -> None:
        """Make sure that the queue exists with this lease. Idempotent; the newest lease counts for later deliveries.
        Publishing to a queue that nobody declared keeps the task too."""
        ...

    async def publish(self, queue: str, outgoing: Outgoing, *, delay: float = 0) -> None:
        """Hand in a task, to be handed out after `delay` seconds. Returns once it is as durable as
        `capabilities.survives` says. Raises `BusUnavailable`."""
        ...

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:
        """Up to `limit` tasks, most urgent first, oldest first within a priority; waits up to `wait` seconds for the
        first. Returns an empty list after that. The caller never cancels it: it expires."""
        ...

    async def extend(self, delivery: Delivery) -> None:
        """Renew the lease for its full length from now. Raises `LeaseLost` when another worker has the task."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """The task is done with. Without effect when another worker has it by now, where the bus can tell."""
        ...

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        """Hand the task back, to be handed out again after `delay` seconds, in its old place. Without effect when
        another worker has it by now, where the bus can tell."""
        ...

    async def stats(self, queue: str) -> QueueStats: ...

    async def append(self, topic: str, message: Message) -> None:
        """Add a message to a topic. Returns once it is durable. Not deduplicated: readers go by the message's ids."""
        ...

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        """Up to `limit` messages after a cursor, in order; waits up to `wait` seconds for the first. Any number of
        readers, each with its own cursor. Raises `CursorExpired` when messages after the cursor were trimmed."""
        ...

    async def tail(self, topic: str) -> Cursor:
        """The cursor after the newest message: reading after it gives only what comes from now on."""
        ...

    async def close(self) -> None:
        """Let go of everything, waiting receives included (they return an empty list)."""
        ...
