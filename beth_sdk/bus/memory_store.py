"""What a bus in memory remembers: the tasks of its queues, the messages of its topics."""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass, field

from beth_sdk.bus.base import DEAD_SUFFIX, DEFAULT_LEASE, Delivery, Message, Outgoing
from beth_sdk.bus.waiting import NEVER, Waiters
from beth_sdk.clock import Clock

TRIM_INTERVAL = 3600.0
"""Seconds between two looks for messages past their retention."""


@dataclass(slots=True)
class Task:
    """A task that is not done."""

    seq: int
    outgoing: Outgoing
    published: float
    due: float | None = None
    """When its delay or its lease is over; None while it is ready."""
    leased: bool = False
    token: str = ""
    """Of the newest delivery that was not handed back."""
    deliveries: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.outgoing.priority, self.seq


@dataclass(slots=True)
class TaskQueue:
    """Tasks by seq, and heaps of those that are ready and of those that will be. An item of a heap that no longer
    agrees with its task is passed over."""

    name: str
    lease: float = DEFAULT_LEASE
    tasks: dict[int, Task] = field(default_factory=dict)
    ready: list[tuple[int, int]] = field(default_factory=list)
    timed: list[tuple[float, int]] = field(default_factory=list)

    def make_ready(self, task: Task) -> None:
        task.due, task.leased = None, False
        heapq.heappush(self.ready, task.place)

    def make_due(self, task: Task, due: float, *, leased: bool) -> None:
        task.due, task.leased = due, leased
        heapq.heappush(self.timed, (due, task.seq))

    def promote(self, now: float) -> float:
        """Make ready what is due, and return when the next task will be."""
        while self.timed:
            due, seq = self.timed[0]
            task = self.tasks.get(seq)
            if task is not None and task.due == due:
                if due > now:
                    return due
                self.make_ready(task)
            heapq.heappop(self.timed)
        return NEVER

    def first(self) -> Task | None:
        """The task that is handed out next."""
        while self.ready:
            task = self.tasks.get(self.ready[0][1])
            if task is not None and task.due is None:
                return task
            heapq.heappop(self.ready)
        return None

    def hand_out(self, task: Task, now: float) -> Delivery:
        task.deliveries += 1
        task.token = f"{task.seq}.{task.deliveries}"
        self.make_due(task, now + self.lease, leased=True)
        out = task.outgoing
        return Delivery(
            self.name, out.key, out.body, out.headers, out.priority, task.deliveries, task.token, self.lease
        )

    def held(self, delivery: Delivery) -> Task | None:
        """The delivery's task, unless it is done or somebody else's."""
        task = self.tasks.get(int(delivery.token.partition(".")[0]))
        return task if task is not None and task.token == delivery.token else None


@dataclass(slots=True)
class Topic:
    """The messages that are left, each with its number and the moment of its publishing, and the last that is not."""

    log: list[tuple[int, float, Message]] = field(default_factory=list)
    trimmed: int = 0

    def trim(self, oldest_kept: float) -> None:
        old = sum(1 for _ in itertools.takewhile(lambda logged: logged[1] <= oldest_kept, self.log))
        if old:
            self.trimmed = self.log[old - 1][0]
            del self.log[:old]


class Store:
    """What the connections to one name share; everything under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connections: list[Waiters] = []
        self.numbers = itertools.count(1)
        self.queues: dict[str, TaskQueue] = {}
        self.keys: dict[tuple[str, str], tuple[int, float]] = {}
        """Which task was published under a key of a queue, and when."""
        self.topics: dict[str, Topic] = {}
        self._trim_due = -NEVER

    def queue(self, name: str) -> TaskQueue:
        return self.queues.setdefault(name, TaskQueue(name))

    def topic(self, name: str) -> Topic:
        return self.topics.setdefault(name, Topic())

    def trim_if_due(self, clock: Clock, retention: float) -> None:
        """Forget what is past its retention, tasks that are not done and dead letters excepted."""
        if clock.monotonic() < self._trim_due:
            return
        self._trim_due = clock.monotonic() + TRIM_INTERVAL
        oldest_kept = clock.wall() - retention
        for name, topic in self.topics.items():
            if not name.endswith(DEAD_SUFFIX):
                topic.trim(oldest_kept)
        for (queue, key), (seq, published) in list(self.keys.items()):
            if published <= oldest_kept and seq not in self.queue(queue).tasks:
                del self.keys[queue, key]

    def wake(self, channel: str) -> None:
        for waiters in tuple(self.connections):
            waiters.wake((channel,))
