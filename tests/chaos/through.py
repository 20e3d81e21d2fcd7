"""A bus and a journal that pass everything on to another: what a wrapper changes, it overrides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from beth_sdk.bus.base import Bus, Capabilities, Cursor, Delivery, Message, Outgoing, Queue, QueueStats
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version


class ThroughBus:
    """A `Bus` in front of another."""

    def __init__(self, inner: Bus) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    async def declare(self, queue: Queue) -> None:
        await self.inner.declare(queue)

    async def publish(self, queue: str, outgoing: Outgoing, *, delay: float = 0) -> None:
        await self.inner.publish(queue, outgoing, delay=delay)

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:
        return await self.inner.receive(queues, worker, wait, limit)

    async def extend(self, delivery: Delivery) -> None:
        await self.inner.extend(delivery)

    async def ack(self, delivery: Delivery) -> None:
        await self.inner.ack(delivery)

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        await self.inner.release(delivery, delay=delay)

    async def stats(self, queue: str) -> QueueStats:
        return await self.inner.stats(queue)

    async def append(self, topic: str, message: Message) -> None:
        await self.inner.append(topic, message)

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        return await self.inner.read(topic, after, wait=wait, limit=limit)

    async def tail(self, topic: str) -> Cursor:
        return await self.inner.tail(topic)

    async def close(self) -> None:
        await self.inner.close()


class ThroughJournal:
    """A `Journal` in front of another."""

    def __init__(self, inner: Journal) -> None:
        self.inner = inner

    @property
    def id(self) -> str:
        return self.inner.id

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        return await self.inner.take(stream, holder, ttl)

    async def renew(self, hold: Hold) -> None:
        await self.inner.renew(hold)

    async def drop(self, hold: Hold) -> None:
        await self.inner.drop(hold)

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        return await self.inner.append(stream, facts, key=key, hold=hold)

    def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        return self.inner.read(stream, after)

    def streams(self, prefix: str) -> AsyncIterator[str]:
        return self.inner.streams(prefix)

    async def archive(self, stream: str) -> None:
        await self.inner.archive(stream)

    async def close(self) -> None:
        await self.inner.close()
