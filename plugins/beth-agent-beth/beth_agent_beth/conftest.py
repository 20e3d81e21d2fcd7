"""What the tests of Beth need: an office with a bus, a journal and a clock of its own, and `beth` as a command."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from beth_agent_beth import requests
from beth_agent_beth.commands import leaving
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.orchestrator import Input, Orchestrator
from beth_agent_beth.orchestration.workspaces import GitWorkspaces, Workspaces
from beth_agent_beth.plan import workflow
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.repository import RequestRepository
from beth_sdk import history, logs, schema
from beth_sdk.bus.base import Bus
from beth_sdk.bus.memory import MemoryBus, open_bus
from beth_sdk.cli.conftest import beth as beth
from beth_sdk.cli.conftest import home as home
from beth_sdk.cli.conftest import start as start
from beth_sdk.clock import Clock
from beth_sdk.conftest import site as site
from beth_sdk.journal.base import Entry, Fact, Journal, Version
from beth_sdk.journal.memory import MemoryJournal, open_journal
from beth_sdk.messages import Artifact, Result, Task
from beth_sdk.testing import ManualClock

TTL = 10.0


class Killed(BaseException):
    """What stands for kill -9: nothing catches it."""


class Life:
    """Of a process: ended at the `nth` hit, after which nothing gets through any more."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    @property
    def over(self) -> bool:
        return self._left <= 0

    def hit(self, *_: object) -> None:
        self._left -= 1
        if self.over:
            raise Killed


class Through:
    """A bus or a journal that calls `before[verb]` before, and `after[verb]` after, each call of that verb."""

    def __init__(self, inner: object, life: Life | None = None) -> None:
        self._inner = inner
        self._life = life
        self.before: dict[str, Callable[..., None]] = {}
        self.after: dict[str, Callable[..., None]] = {}
        self.calls: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        found = getattr(self._inner, verb)
        if inspect.isasyncgenfunction(found):
            self.calls.append(verb)
            return found
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            if self._life is not None and self._life.over:
                raise Killed
            self.calls.append(verb)
            if verb in self.before:
                self.before[verb](*arguments)
            returned = await found(*arguments, **options)
            if verb in self.after:
                self.after[verb](*arguments)
            return returned

        return call

    @property
    def as_bus(self) -> Bus:
        return cast("Bus", self)

    @property
    def as_journal(self) -> Journal:
        return cast("Journal", self)

    @property
    def as_workspaces(self) -> Workspaces:
        return cast("Workspaces", self)


def once(error: BaseException, so: Callable[..., bool] = lambda *_: True) -> Callable[..., None]:
    """Raises `error` the first time that `so` says so of a call's arguments."""
    left = [error]

    def trip(*arguments: Any) -> None:
        if left and so(*arguments):
            raise left.pop()

    return trip


@dataclass
class Hooks:
    """A hook sink that keeps what it is shown."""

    seen: list[tuple[str, Any]] = field(default_factory=list)

    def emit(self, name: str, record: object) -> None:
        self.seen.append((name, record))


def plan_of(*tasks: str | dict[str, Any], name: str = "test") -> workflow.Plan:
    """A plan; `"a"` is a task for the role `a`, `"b: a"` one that needs it, a dict says everything itself."""
    made: list[dict[str, Any]] = []
    for one in tasks:
        if isinstance(one, dict):
            made.append(one)
            continue
        task, _, needs = one.partition(":")
        made.append({"name": task, "agent": task, "type": "act", "needs": needs.split()})
    return workflow.plan_of({"name": name, "task": made}, "test")


def result_of(task: Task, status: str = "complete", **fields: Any) -> Result:
    """A result of a task, as a worker sends it."""
    if status in ("failed", "rejected"):
        fields.setdefault("error", {"code": "broken", "message": "it broke", "retryable": False})
    document = {
        "task_id": task.id,
        "continuation": task.continuation,
        "status": status,
        "request_id": task.request_id,
        "agent": task.agent,
        **fields,
    }
    return schema.parse(Result, {name: value for name, value in document.items() if value is not None})


def asking(task: Task, text: str = "Which?", question_id: str = "ask:0", **question: Any) -> Result:
    """The result of a task that asks a person."""
    return result_of(task, "needs_input", question={"id": question_id, "text": text, **question})


def parked(task: Task) -> Result:
    """The result of a task that was paused."""
    return asking(task, "The task is paused.", history.PAUSE_QUESTION, options=["resume"])


def delegating(task: Task, *descriptions: str, agent: str = "helper", question_id: str = "delegate:0") -> Result:
    """The result of a task that wants others done."""
    wanted = [
        {"name": f"w{n}", "agent": agent, "type": "act", "payload": {"description": one}}
        for n, one in enumerate(descriptions)
    ]
    return result_of(task, "needs_tasks", tasks=wanted, question={"id": question_id, "text": "waits"})


class Office:
    """A bus, a journal and a clock, and what happens there."""

    def __init__(self, clock: ManualClock, bus: MemoryBus, journal: MemoryJournal) -> None:
        self.clock = clock
        self.bus = bus
        self.journal = journal
        self.hooks = Hooks()
        self._numbers = itertools.count(1)

    @classmethod
    async def empty(cls, wall: float = 1_700_000_000.0) -> Office:
        """One in which nothing has happened yet; `wall` is the time, in seconds since the Unix epoch."""
        clock = ManualClock(wall)
        return cls(clock, await open_bus("memory://", clock=clock), await open_journal("memory://", clock=clock))

    def beth(
        self,
        *,
        bus: Bus | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        ttl: float = TTL,
        workspaces: Workspaces | None = None,
    ) -> Orchestrator:
        """A Beth of her own, who remembers nothing."""
        log = logs.get("beth.test")
        name = f"beth-{next(self._numbers)}"
        return Orchestrator(
            bus or self.bus,
            journal or self.journal,
            clock or self.clock,
            log,
            self.hooks,
            instance=name,
            ttl=ttl,
            workspaces=workspaces,
        )

    async def submit(self, *tasks: str | dict[str, Any], request_id: str = "r", **fields: Any) -> str:
        """A request with a plan of these tasks (default: one)."""
        fields.setdefault("plan", plan_of(*(tasks or ("a",))))
        return await requests.submit(self.bus, self.journal, "Build it", request_id=request_id, **fields)

    async def queued(self, *roles: str) -> list[Task]:
        """The tasks that wait in the queues of these roles; they are taken out."""
        deliveries = await self.bus.receive([f"tasks.{role}" for role in roles], "test", 0, limit=100_000)
        for one in deliveries:
            await self.bus.ack(one)
        return [schema.decode(Task, one.body) for one in deliveries]

    async def one_queued(self, role: str) -> Task:
        """The only task that waits in the queue of a role; it is taken out."""
        (task,) = await self.queued(role)
        return task

    async def end(self, result: Result) -> Result:
        """What a worker does before it publishes a result: the task's journal has it."""
        hold = await self.journal.take(history.stream_of(result.task_id), "worker", 60.0)
        data = {"continuation": result.continuation, "result": result.to_json()}
        await self.journal.append(hold.stream, [Fact(history.ENDED, data)], key=f"{hold.epoch}:ended", hold=hold)
        await self.journal.drop(hold)
        return result

    async def state(self, request_id: str = "r") -> RequestState:
        """The request as its facts say."""
        return await requests.read(self.journal, request_id)

    async def kinds(self, request_id: str = "r") -> list[str]:
        """The facts of the request, by kind."""
        return [entry.fact.kind async for entry in self.journal.read(facts.stream_of(request_id))]

    async def task(self, task_id: str) -> history.TaskHistory:
        """A task's journal."""
        return await history.read_history(self.journal, task_id)


def inputs(*results: Result) -> list[Input]:
    """Results as they arrive."""
    return [Input(one) for one in results]


class Facts:
    """A request's state, to which facts are added one by one, in memory."""

    def __init__(self, *tasks: str | dict[str, Any], plan: bool = True) -> None:
        self.state = RequestState("r")
        self.add(facts.RECEIVED, request={"description": "Build it", "acceptance_criteria": ["it works"]})
        if plan:
            self.plan(*(tasks or ("a",)))

    def plan(self, *tasks: str | dict[str, Any]) -> None:
        made = [task.model_dump(exclude_defaults=True) for task in plan_of(*tasks).task]
        self.add(facts.PLANNED, workflow="test", tasks=made)

    def add(self, kind: str, **data: Any) -> Version:
        version = Version(self.state.version + 1)
        self.state.take_in(Entry(version, Fact(kind, data), 1, 1000.0 + version))
        return version

    def publish(self, task_id: str, continuation: int = 0, **named: str) -> Task:
        one = self.state.tasks.get(task_id)
        task = schema.parse(
            Task,
            {
                "id": task_id,
                "type": "act",
                "agent": one.agent if one else "helper",
                "payload": {"description": "Build it"},
                "timestamp": "2026-01-30T10:00:00Z",
                "request_id": "r",
                "continuation": continuation,
            },
        )
        self.add(facts.PUBLISHING, task=task.to_json(), **named)
        return task

    def take(self, result: Result) -> None:
        self.add(facts.TAKEN, result=result.to_json())

    def redrive(self, task: Task) -> Task:
        again = task.with_(continuation=task.continuation + 1)
        self.add(facts.REDRIVEN, task=again.to_json())
        return again


@pytest.fixture
async def office() -> Office:
    """An empty office."""
    return await Office.empty()


@pytest.fixture(autouse=True)
def stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process must not end it, whatever threads it has."""
    monkeypatch.setattr(leaving, "EXIT_GRACE", 1e6)


class Studio:
    """Real workspaces below a folder, and agents who commit there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.workspaces = GitWorkspaces(home)

    async def repository(self, request_id: str = "r") -> RequestRepository:
        return await RequestRepository.open(self.home, request_id)

    async def work(self, task: Task, *, when: float = 2000.0, **files: str) -> Result:
        """Do a task as an agent does: write these files (`a_txt`: a.txt) in its clone, commit, name the commit."""
        given = told_of_branch(task)
        assert task.request_id is not None
        clone = await TaskClone.open(await self.repository(task.request_id), task.id, given.commit)
        conflict = (given.model_extra or {}).get("conflict")
        if conflict is not None:
            sides = {name: conflict[name] for name in ("ours", "theirs", "tree")}
            await clone.begin_merge(Conflict(tuple(conflict["files"]), base=conflict.get("base"), **sides))
        for name, text in files.items():
            (clone.directory / name.replace("_", ".")).write_text(text)
        commit = await clone.commit(f"Work of {task.id}", role=task.agent, when=when)
        return self.brings(task, commit)

    def brings(self, task: Task, commit: str, **fields: Any) -> Result:
        """A complete result that names a commit."""
        uri = told_of_branch(task).uri
        artifact = {"kind": "git", "uri": uri, "ref": f"refs/beth/tasks/{task.id}", "commit": commit}
        return result_of(task, artifacts=[artifact], **fields)


def told_of_branch(task: Task) -> Artifact:
    """What a task was told of the request's branch."""
    (found,) = [one for one in task.inputs if (one.ref or "").startswith("refs/heads/beth/")]
    return found


async def begun(office: Office, studio: Studio, *tasks: str) -> Orchestrator:
    """A request with workspaces whose first tasks are published."""
    await office.submit(*tasks)
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend("r")
    return beth


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """Workspaces without any request."""
    studio = Studio(tmp_path / "studio")
    yield studio
    await studio.workspaces.close()
