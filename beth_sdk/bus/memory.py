"""The bus in memory: for tests, and for everything that may end with its process. Nothing survives the process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from beth_sdk.bus.base import (
    BEGINNING,
    PRIORITIES,
    Capabilities,
    Cursor,
    Delivery,
    Message,
    Outgoing,
    Queue,
    QueueStats,
)
from beth_sdk.bus.memory_store import Store, Task, TaskQueue
from beth_sdk.bus.waiting import NEVER, Waiters
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BusError, BusUnavailable, ConfigurationError, CursorExpired, LeaseLost

__all__ = ["MemoryBus", "open_bus"]

DEFAULT_RETENTION = 30 * 86400.0
"""Seconds that messages are kept."""

CAPABILITIES = Capabilities(
    lease="timer",
    dedupe="key",
    priority="strict",
    delay="exact",
    depth="exact",
    durable=False,
    survives="nothing: it lives in the memory of one process",
)


class MemoryBus:
    """A `Bus` in memory. Get one with `open_bus`. Connections to one name may belong to loops in several threads."""

    def __init__(self, store: Store, clock: Clock, retention: float) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._waiters = Waiters()
        store.connections.append(self._waiters)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def declare(self, queue: Queue) -> None:
        with self._locked() as store:
            store.queue(queue.name).lease = queue.lease

    async def publish(self, queue: str, outgoing: Outgoing, *, delay: float = 0) -> None:
        if outgoing.priority not in PRIORITIES:
            raise ValueError(f"priority {outgoing.priority} is not one of {PRIORITIES.start} … {PRIORITIES.stop - 1}")
        with self._locked() as store:
            if (queue, outgoing.key) in store.keys:
                return
            task = Task(next(store.numbers), outgoing, self._clock.wall())
            store.keys[queue, outgoing.key] = task.seq, task.published
            store.queue(queue).tasks[task.seq] = task
            self._place(store.queue(queue), task, delay)
        store.wake(queue)

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:  # noqa: ARG002  a lease needs no name
        async def attempt() -> tuple[list[Delivery], float]:
            return self._take(queues, limit)

        self._must_be_open()
        return await self._waiters.wait(queues, attempt, clock=self._clock, wait=wait)

    async def extend(self, delivery: Delivery) -> None:
        with self._locked() as store:
            queue = store.queue(delivery.queue)
            task = queue.held(delivery)
            if task is None:
                raise LeaseLost(delivery.queue, delivery.key)
            queue.make_due(task, self._clock.monotonic() + delivery.lease, leased=True)

    async def ack(self, delivery: Delivery) -> None:
        with self._locked() as store:
            queue = store.queue(delivery.queue)
            task = queue.held(delivery)
            if task is not None:
                del queue.tasks[task.seq]

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        with self._locked() as store:
            queue = store.queue(delivery.queue)
            task = queue.held(delivery)
            if task is None:
                return
            task.token = ""
            self._place(queue, task, delay)
        store.wake(delivery.queue)

    async def stats(self, queue: str) -> QueueStats:
        with self._locked() as store:
            found = store.queue(queue)
            found.promote(self._clock.monotonic())
            ready = [task.published for task in found.tasks.values() if task.due is None]
            leased = sum(task.leased for task in found.tasks.values())
            age = max(0.0, self._clock.wall() - min(ready)) if ready else 0.0
            return QueueStats(len(ready), len(found.tasks) - len(ready) - leased, leased, age)

    async def append(self, topic: str, message: Message) -> None:
        with self._locked() as store:
            store.topic(topic).log.append((next(store.numbers), self._clock.wall(), message))
        store.wake(topic)

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        async def attempt() -> tuple[list[tuple[Cursor, Message]], float]:
            return self._page(topic, after, limit), NEVER

        self._must_be_open()
        return await self._waiters.wait([topic], attempt, clock=self._clock, wait=wait)

    async def tail(self, topic: str) -> Cursor:
        with self._locked() as store:
            found = store.topic(topic)
            return Cursor(str(found.log[-1][0] if found.log else found.trimmed))

    async def close(self) -> None:
        if not self._waiters.closed:
            self._waiters.close()
            self._store.connections.remove(self._waiters)

    @contextmanager
    def _locked(self) -> Iterator[Store]:
        self._must_be_open()
        with self._store.lock:
            self._store.trim_if_due(self._clock, self._retention)
            yield self._store

    def _must_be_open(self) -> None:
        if self._waiters.closed:
            raise BusUnavailable("this connection to the bus was closed")

    def _place(self, queue: TaskQueue, task: Task, delay: float) -> None:
        if delay > 0:
            queue.make_due(task, self._clock.monotonic() + delay, leased=False)
        else:
            queue.make_ready(task)

    def _take(self, names: Sequence[str], limit: int) -> tuple[list[Delivery], float]:
        """Lease up to `limit` tasks, and say when the next of the others will be due."""
        with self._locked() as store:
            queues = [store.queue(name) for name in names]
            now = self._clock.monotonic()
            due = min((queue.promote(now) for queue in queues), default=NEVER)
            deliveries: list[Delivery] = []
            while len(deliveries) < limit:
                heads = [(task.place, queue, task) for queue in queues if (task := queue.first()) is not None]
                if not heads:
                    break
                _, queue, task = min(heads, key=lambda head: head[0])
                deliveries.append(queue.hand_out(task, now))
            return deliveries, due

    def _page(self, topic: str, after: Cursor, limit: int) -> list[tuple[Cursor, Message]]:
        if after != BEGINNING and not (after.isascii() and after.isdigit()):
            raise BusError(f"{topic}: {after!r} is not a cursor of this bus")
        number = int(after or 0)
        with self._locked() as store:
            found = store.topic(topic)
            if after != BEGINNING and number < found.trimmed:
                raise CursorExpired(topic, after, str(found.trimmed))
            start = bisect_right(found.log, number, key=lambda logged: logged[0])
            return [(Cursor(str(seq)), message) for seq, _, message in found.log[start : start + limit]]


_named: dict[str, Store] = {}


async def open_bus(url: str, *, clock: Clock | None = None, retention: float = DEFAULT_RETENTION) -> MemoryBus:
    """Connect to the bus that `url` names: `memory://NAME` is shared by everybody in the process who opens that name,
    for as long as the process lives; `memory://` is a new one. `retention`: seconds that messages are kept.

    Raises `ConfigurationError`.
    """
    name = url.removeprefix("memory://")
    if name == url:
        raise ConfigurationError(f"{url!r} is not a bus in memory: write memory://NAME, or memory:// for a new one")
    return MemoryBus(_named.setdefault(name, Store()) if name else Store(), clock or SystemClock(), retention)
