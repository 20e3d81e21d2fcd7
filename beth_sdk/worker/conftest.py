"""What the tests of the worker share: watched ports in memory, time that stands still, agents made of a function."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest

from beth_sdk import history, logs, retry, schema
from beth_sdk.agent import Agent, Context
from beth_sdk.bus import memory as memory_bus
from beth_sdk.bus.base import BEGINNING, Cursor, Delivery, Message
from beth_sdk.bus.memory import MemoryBus
from beth_sdk.bus.memory_store import Store
from beth_sdk.dead_letters import DeadLetter, list_dead
from beth_sdk.history import TaskHistory, read_history, stream_of
from beth_sdk.journal import memory as memory_journal
from beth_sdk.journal.base import Entry, Fact, Hold, Version
from beth_sdk.journal.memory import MemoryJournal
from beth_sdk.manifest import Manifest, parse_manifest
from beth_sdk.messages import Control, Event, Result, Task
from beth_sdk.publish import control_topic, publish_task, send_control
from beth_sdk.testing import ManualClock
from beth_sdk.worker.events import TOPIC, EventSink
from beth_sdk.worker.health import Health
from beth_sdk.worker.loops import LoopThread
from beth_sdk.worker.run import TaskRun
from beth_sdk.worker.surroundings import Surroundings, Terms
from beth_sdk.worker.worker import Worker

T = TypeVar("T")

Execute: TypeAlias = Callable[[Task, Context], Awaitable[Any]]

QUEUE = "tasks.developer"
LEASE = 60.0
PATIENCE = 10.0
"""Real seconds after which something that never comes fails a test."""

TERMS = Terms(
    queues=(QUEUE,),
    instance="developer-1",
    version="beth-developer 1.2.0",
    lease=LEASE,
    concurrency=2,
    max_attempts=3,
    publish_topic="results.default",
    stop_grace=600.0,
    backoff=retry.Backoff(base=10.0),
)


async def soon(awaitable: Awaitable[T]) -> T:
    """What it gives, which it has to do in the patience of a test."""
    return await asyncio.wait_for(awaitable, PATIENCE)


async def settled() -> None:
    """Return when everything on this loop waits for something."""
    for _ in range(50):
        await asyncio.sleep(0)


# -- ports that can be watched, and made to fail ----------------------------------------------


class Watch:
    """What bus and journal were asked to do, in order; and what they shall raise or wait for instead of doing it."""

    def __init__(self) -> None:
        self.verbs: list[str] = []
        self._faults: dict[str, list[Exception]] = {}
        self._losses: dict[str, list[Exception]] = {}
        self._gates: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()

    def fail(self, verb: str, *errors: Exception) -> None:
        """Have the next calls whose name begins with `verb` raise these, one each."""
        self._faults.setdefault(verb, []).extend(errors)

    def lose_reply(self, verb: str, *errors: Exception) -> None:
        """Have the next calls whose name begins with `verb` do their work, and then raise these."""
        self._losses.setdefault(verb, []).extend(errors)

    def hold_up(self, verb: str) -> asyncio.Event:
        """Have calls whose name begins with `verb` wait until the event is set."""
        return self._gates.setdefault(verb, asyncio.Event())

    async def at(self, verb: str) -> None:
        self.verbs.append(verb)
        self._changed.set()
        for prefix, gate in self._gates.items():
            if verb.startswith(prefix):
                await gate.wait()
        _raise_next(self._faults, verb)

    def done(self, verb: str) -> None:
        _raise_next(self._losses, verb)

    async def until(self, verb: str, times: int = 1) -> None:
        """Wait until something was asked for."""
        while self.count(verb) < times:
            self._changed.clear()
            await soon(self._changed.wait())

    def count(self, verb: str) -> int:
        return sum(1 for one in self.verbs if one.startswith(verb))


def _raise_next(planned: dict[str, list[Exception]], verb: str) -> None:
    for prefix, errors in planned.items():
        if verb.startswith(prefix) and errors:
            raise errors.pop(0)


class WatchedBus(MemoryBus):
    """The bus in memory. Its verbs are named `receive 2` with the limit, `append TOPIC`, and simply otherwise."""

    def __init__(self, watch: Watch, clock: ManualClock) -> None:
        super().__init__(Store(), clock, memory_bus.DEFAULT_RETENTION)
        self._watch = watch

    async def receive(self, queues: Sequence[str], worker: str, wait: float, limit: int = 1) -> list[Delivery]:
        await self._watch.at(f"receive {limit}")
        return await super().receive(queues, worker, wait, limit)

    async def extend(self, delivery: Delivery) -> None:
        await self._watch.at("extend")
        await super().extend(delivery)

    async def ack(self, delivery: Delivery) -> None:
        await self._watch.at("ack")
        await super().ack(delivery)

    async def release(self, delivery: Delivery, *, delay: float = 0) -> None:
        await self._watch.at(f"release {delay:g}")
        await super().release(delivery, delay=delay)

    async def append(self, topic: str, message: Message) -> None:
        await self._watch.at(f"append {topic}")
        await super().append(topic, message)
        self._watch.done(f"append {topic}")

    async def read(
        self, topic: str, after: Cursor, *, wait: float = 0, limit: int = 100
    ) -> list[tuple[Cursor, Message]]:
        found = await super().read(topic, after, wait=wait, limit=limit)
        self._watch.done(f"look {topic}")
        return found


class WatchedJournal(MemoryJournal):
    """The journal in memory. Its verbs are `take`, `renew STREAM`, `drop`, `read STREAM`, and `write KIND+KIND`."""

    def __init__(self, watch: Watch, clock: ManualClock) -> None:
        super().__init__(memory_journal._Store(), clock)
        self._watch = watch
        self.keys: list[str] = []

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        await self._watch.at("take")
        return await super().take(stream, holder, ttl)

    async def renew(self, hold: Hold) -> None:
        await self._watch.at(f"renew {hold.stream}")
        await super().renew(hold)

    async def drop(self, hold: Hold) -> None:
        await self._watch.at("drop")
        await super().drop(hold)

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        if hold is not None:  # what others say is no verb of the worker's
            self.keys.append(key)
            await self._watch.at(f"write {'+'.join(fact.kind for fact in facts)}")
        version = await super().append(stream, facts, key=key, hold=hold)
        if hold is not None:
            self._watch.done("write")
        return version

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        await self._watch.at(f"read {stream}")
        async for entry in super().read(stream, after):
            yield entry


class HookRecorder:
    """Where records are shown, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def emit(self, name: str, record: object) -> None:
        self.seen.append((name, record))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]

    def last(self, name: str) -> Any:
        return [record for called, record in self.seen if called == name][-1]


# -- agents -----------------------------------------------------------------------------------


class OneLoop(LoopThread):
    """Stands for a loop in a thread of its own: the loop of the test."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()


class Acting(Agent):
    """An agent that is one function."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self.begun: list[str] = []
        self.closed = False

    async def execute(self, task: Task, ctx: Context) -> Result:
        self.begun.append(task.key)
        result: Result = await self._execute(task, ctx)
        return result

    async def close(self) -> None:
        self.closed = True


async def complete(task: Task, ctx: Context) -> Result:
    """Done at once."""
    return Result.complete("done")


async def one_step(task: Task, ctx: Context) -> Result:
    """Done in one step."""

    async def work() -> str:
        return "worked"

    return Result.complete(await ctx.step("work", work, repeat="safe"))


def raising(error: BaseException) -> Execute:
    """An agent that always raises this."""

    async def execute(task: Task, ctx: Context) -> Result:
        raise error

    return execute


class Gate:
    """A step that says when it is reached, and waits until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    async def __call__(self) -> str:
        self.reached.set()
        await self._open.wait()
        return "passed"

    async def is_reached(self) -> None:
        await soon(self.reached.wait())


def a_manifest(more: str = "", *, directory: Path | None = None) -> Manifest:
    """The manifest of a developer, with further lines."""
    text = f'manifest_version = 1\nrole = "developer"\ndescription = "x"\nclass = "a.b:C"\n{more}'
    return parse_manifest(text, directory=directory)


def a_task(**changes: Any) -> Task:
    fields = {
        "id": "task-1",
        "type": "implement",
        "agent": "developer",
        "payload": {"description": "x"},
        "reply_to": "results.beth",
        "timestamp": "2026-01-30T10:00:00Z",
        "request_id": "req-1",
    }
    return schema.parse(Task, {**fields, **changes})


# -- deliveries and workers -------------------------------------------------------------------


class Bench:
    """Bus, journal, hooks and clock of one test, everything on its one loop."""

    def __init__(self, health_file: Path) -> None:
        self.clock = ManualClock()
        self.watch = Watch()
        self.bus = WatchedBus(self.watch, self.clock)
        self.journal = WatchedJournal(self.watch, self.clock)
        self.hooks = HookRecorder()
        self.health_file = health_file
        self.loop = OneLoop()
        self.draining = asyncio.Event()
        self._sinks: list[EventSink] = []

    async def close(self) -> None:
        for sink in self._sinks:
            await sink.close()
        await self.bus.close()

    # single deliveries

    def around(
        self, agent: Agent | None = None, *, manifest: Manifest | None = None, random: float = 0.0, **terms: Any
    ) -> Surroundings:
        log = logs.get("beth.worker")
        sink = EventSink(self.bus, self.clock, log)
        self._sinks.append(sink)
        return Surroundings(
            agent=agent or Acting(complete),
            manifest=manifest or a_manifest(),
            terms=replace(TERMS, **terms),
            bus=self.bus,
            journal=self.journal,
            events=sink,
            hooks=self.hooks,
            clock=self.clock,
            log=log,
            bus_loop=self.loop,
            agent_loop=self.loop,
            draining=self.draining,
            random=lambda: random,
        )

    async def publish(self, *tasks: Task) -> None:
        for task in tasks or (a_task(),):
            await publish_task(self.bus, task, journal_id=self.journal.id)

    async def received(self) -> Delivery:
        """The next delivery, which is there already."""
        (delivery,) = await self.bus.receive([QUEUE], "test", 0)
        self.watch.verbs.clear()
        return delivery

    async def run(self, agent: Agent | Execute | None = None, **around: Any) -> TaskRun:
        """Process the next delivery to its end."""
        if agent is not None and not isinstance(agent, Agent):
            agent = Acting(agent)
        run = TaskRun(self.around(agent, **around), await self.received())
        await soon(run.process())
        return run

    async def begin(self, execute: Execute, **around: Any) -> tuple[TaskRun, asyncio.Task[None]]:
        """Process the next delivery beside the test."""
        run = TaskRun(self.around(Acting(execute), **around), await self.received())
        return run, asyncio.ensure_future(run.process())

    async def die(self, *new: Fact, task_id: str = "task-1") -> None:
        """Be a worker that takes the task, writes this and dies; nobody waits for its lease."""
        hold = await MemoryJournal.take(self.journal, stream_of(task_id), "gone", LEASE)
        if new:
            await MemoryJournal.append(self.journal, stream_of(task_id), new, key=f"{hold.epoch}:x", hold=hold)
        await MemoryJournal.drop(self.journal, hold)

    # workers

    def worker(
        self,
        agent: Agent | Execute | None = None,
        *,
        agent_loop: LoopThread | None = None,
        manifest: Manifest | None = None,
        **terms: Any,
    ) -> Worker:
        clock = self.clock
        return Worker(
            agent if isinstance(agent, Agent) else Acting(agent or complete),
            manifest or a_manifest(),
            replace(TERMS, **terms),
            bus=self.bus,
            journal=self.journal,
            bus_loop=self.loop,
            agent_loop=agent_loop or self.loop,
            hooks=self.hooks,
            clock=clock,
            log=logs.get("beth.worker"),
            health=Health(self.health_file, "developer", TERMS.instance, clock),
            random=lambda: 0.0,
        )

    async def control(self, kind: str, **fields: Any) -> None:
        await send_control(self.bus, "developer", schema.parse(Control, {"kind": kind, **fields}))

    # what came of it

    async def results(self, topic: str = "results.beth") -> list[Result]:
        return [schema.decode(Result, message.body) for _, message in await self.bus.read(topic, BEGINNING)]

    async def result(self, topic: str = "results.beth") -> Result:
        """The only result."""
        (result,) = await self.results(topic)
        return result

    async def ended(self, number: int = 1, topic: str = "results.beth") -> list[Result]:
        """That many results, once they are there."""
        while len(found := await self.results(topic)) < number:
            await soon(self.bus.read(topic, await self.bus.tail(topic), wait=1.0))
        return found

    async def events(self) -> list[Event]:
        await settled()
        return [schema.decode(Event, message.body) for _, message in await self.bus.read(TOPIC, BEGINNING)]

    async def entries(self, task_id: str = "task-1") -> list[Entry]:
        return [entry async for entry in MemoryJournal.read(self.journal, stream_of(task_id))]

    async def kinds(self, task_id: str = "task-1") -> list[str]:
        return [entry.fact.kind for entry in await self.entries(task_id)]

    async def history(self, task_id: str = "task-1") -> TaskHistory:
        return await read_history(self.journal, task_id)

    async def dead(self) -> list[DeadLetter]:
        return await list_dead(self.bus, QUEUE)

    async def stats(self) -> tuple[int, int, int]:
        """How many tasks are ready, delayed and in flight."""
        stats = await self.bus.stats(QUEUE)
        return stats.ready, stats.delayed, stats.in_flight

    async def told(self, kind: str = "cancel", text: str = "enough", task_id: str = "task-1") -> None:
        """Be a person who says something of the task."""
        if kind == "cancel":
            await history.cancel(self.journal, task_id, 0, text)
        elif kind == "pause":
            await history.pause(self.journal, task_id, token="1")
        else:
            await history.tell(self.journal, task_id, text, token=text)


CONTROL = control_topic("developer")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "health.json")
    yield bench
    await soon(bench.close())


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[dict[str, Any]]]:
    """The fields of every record with a message."""
    caplog.set_level(logging.DEBUG)

    def of(message: str) -> list[dict[str, Any]]:
        return [getattr(record, "fields", {}) for record in caplog.records if record.getMessage() == message]

    return of


Logged: TypeAlias = Callable[[str], list[dict[str, Any]]]
