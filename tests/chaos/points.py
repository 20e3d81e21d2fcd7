"""Bus and journal with a point before and after every verb, named by verb and by whose call it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from beth_sdk.bus.base import Bus, Capabilities, Cursor, Delivery, Message, Outgoing, Queue, QueueStats
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version

T = TypeVar("T")

Hit = Callable[[str], None]
"""Called at each point with its name."""


class PointedBus:
    """A `Bus` that hits `bus.<verb>[<queue or topic>] before` and `… after`, the latter where the verb returned."""

    def __init__(self, inner: Bus, hit: Hit) -> None:
        self._inner = inner
        self._hit = hit

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def declare(self, queue: Queue) -> None:
        await _between(self._hit, f"bus.declare[{queue.name}]", self._inner.declare(queue))

    async def publish(self, queue: str, outgoing: Outgoing, *, delay: float = 0) -> None:
        await _between(self._hit, f"bus.publish[{queue}]", self._inner.publish(queue, outgoing, delay=delay))

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:
        name = f"bus.receive[{', '.join(queues)}]"
        return await _between(self._hit, name, self._inner.receive(queues, worker, wait, limit))

    async def extend(self, delivery: Delivery) -> None:
        # Which queue's tasks are renewed or handed back is a matter of time, and not the same in each run.
        await _between(self._hit, "bus.extend", self._inner.extend(delivery))

    async def ack(self, delivery: Delivery) -> None:
        await _between(self._hit, f"bus.ack[{delivery.queue}]", self._inner.ack(delivery))

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        await _between(self._hit, "bus.release", self._inner.release(delivery, delay=delay))

    async def stats(self, queue: str) -> QueueStats:
        return await _between(self._hit, f"bus.stats[{queue}]", self._inner.stats(queue))

    async def append(self, topic: str, message: Message) -> None:
        await _between(self._hit, f"bus.append[{topic}]", self._inner.append(topic, message))

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        return await _between(self._hit, f"bus.read[{topic}]", self._inner.read(topic, after, wait=wait, limit=limit))

    async def tail(self, topic: str) -> Cursor:
        return await _between(self._hit, f"bus.tail[{topic}]", self._inner.tail(topic))

    async def close(self) -> None:
        await _between(self._hit, "bus.close", self._inner.close())


class PointedJournal:
    """A `Journal` that hits `journal.<verb>[<kind of stream>] before` and `… after`; an append's name has the facts."""

    def __init__(self, inner: Journal, hit: Hit) -> None:
        self._inner = inner
        self._hit = hit

    @property
    def id(self) -> str:
        return self._inner.id

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        return await _between(self._hit, f"journal.take[{_kind(stream)}]", self._inner.take(stream, holder, ttl))

    async def renew(self, hold: Hold) -> None:
        await _between(self._hit, f"journal.renew[{_kind(hold.stream)}]", self._inner.renew(hold))

    async def drop(self, hold: Hold) -> None:
        await _between(self._hit, f"journal.drop[{_kind(hold.stream)}]", self._inner.drop(hold))

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        name = f"journal.append[{_kind(stream)}: {'+'.join(dict.fromkeys(fact.kind for fact in facts))}]"
        return await _between(self._hit, name, self._inner.append(stream, facts, key=key, hold=hold))

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        name = f"journal.read[{_kind(stream)}]"
        self._hit(f"{name} before")
        async for entry in self._inner.read(stream, after):
            yield entry
        self._hit(f"{name} after")

    async def streams(self, prefix: str) -> AsyncIterator[str]:
        name = f"journal.streams[{_kind(prefix)}]"
        self._hit(f"{name} before")
        async for stream in self._inner.streams(prefix):
            yield stream
        self._hit(f"{name} after")

    async def archive(self, stream: str) -> None:
        await _between(self._hit, f"journal.archive[{_kind(stream)}]", self._inner.archive(stream))

    async def close(self) -> None:
        await _between(self._hit, "journal.close", self._inner.close())


async def _between(hit: Hit, name: str, call: Awaitable[T]) -> T:
    hit(f"{name} before")
    returned = await call
    hit(f"{name} after")
    return returned


def _kind(stream: str) -> str:
    return stream.partition("/")[0]
