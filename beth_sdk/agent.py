"""All that a plugin author sees: `Agent`, `Context`, `Service`, and the signals that end a delivery early."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from beth_sdk.messages import EventKind, Question, Result, Task, WantedTask

if TYPE_CHECKING:
    from beth_sdk.bus.base import Bus
    from beth_sdk.clock import Clock
    from beth_sdk.hookspecs import HookSink
    from beth_sdk.journal.base import Journal
    from beth_sdk.manifest import Manifest
    from beth_sdk.settings import Settings

T = TypeVar("T")

Repeat: TypeAlias = Literal["safe", "never"]
"""What may happen to a step whose worker died while it ran: `"safe"` → run it again; `"never"` → ask a person."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a task used up over all its attempts. `used`: the fields of `Usage` that its steps' outcomes told.
    `reserved`: US dollars of intents that have no outcome. `limit`: US dollars, None where nobody set one."""

    used: Mapping[str, float]
    reserved: float = 0.0
    limit: float | None = None

    @property
    def cost_usd(self) -> float:
        """US dollars that count as spent."""
        return self.used.get("cost_usd", 0.0) + self.reserved

    @property
    def left(self) -> float | None:
        """US dollars that may still be spent; None: no limit."""
        return None if self.limit is None else max(0.0, self.limit - self.cost_usd)


class Context(ABC):
    """What a running task may do besides its work. One for each delivery; use it from `execute` only."""

    task: Task
    manifest: Manifest
    clock: Clock
    """The worker's clock: durations and times of a task come from here, so that a test can set them."""

    @property
    def epoch(self) -> int:
        """The number of the hold this delivery runs under; higher each time the task is taken."""
        return 1

    @abstractmethod
    async def step(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        repeat: Repeat = "never",
        check: Callable[[], Awaitable[Any | None]] | None = None,
        input: Any = None,  # noqa: A002 - the word of the glossary
        returns: type[T] | None = None,
        reserve: float | Callable[[], float] | None = None,
        usage: Callable[[Any], Mapping[str, float]] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run `function(*args, **kwargs)` once and journal what it returned; in a replay, return that without running.

        `function` may be async, or plain (it then runs in a thread). Its arguments must be JSON values, dataclasses
        or pydantic models, because a replay compares their digest; where they are not, say what identifies the step
        with `input`. What it returns must be JSON too, and the caller gets it as JSON gives it back, the first time as
        in a replay; `returns` makes a pydantic model or dataclass of it again.

        Where a worker died in the middle, `repeat="safe"` runs the step again; `check` is asked first, and what it
        returns is the outcome unless None; otherwise the task waits for a person to decide.

        A step that costs money says the most it may cost in `reserve` (US dollars, or a function that works it out,
        called only where the step really runs): the intent is journaled before it
        runs, and an intent without an outcome costs its whole reservation. `usage` tells from the outcome what the step
        really used up, in the fields of `Usage`; the worker adds it up over all attempts, and puts it in the result.

        Raises `BudgetExceeded` where `reserve` is more than is left of `limits.cost_usd` and the task's budget, before
        anything runs; `StepRaised` when `function` raises, `JournalMismatch` when the journal has another step in this
        place, `OutcomeTooLarge`. A step boundary is also where a task is cancelled, paused, told something or handed
        over.
        """

    @abstractmethod
    async def progress(self, message: str, **data: Any) -> None:
        """Publish a progress event. Never fails the task, and is not a fact: watchers may miss it."""

    def event(self, kind: EventKind, message: str | None = None, **data: Any) -> None:  # noqa: B027 - as `observe`
        """Publish an event of one kind (`model`, `tool`, `denied`, …), as `progress` does."""

    def observe(self, hook: str, **fields: Any) -> None:  # noqa: B027 - a context in a test need not
        """Show hook plugins a model call or a tool call: `before_model_call`, `after_tool_call` and so on, with the
        fields of its record besides whose it is."""

    @property
    def spending(self) -> Spending:
        """What the task has used up so far in all its attempts, and what it may."""
        return Spending({})

    @abstractmethod
    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        """Ask a person. Ends this delivery; the answer comes as a continuation, where this call returns it."""

    @abstractmethod
    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        """Have other agents do these tasks, by way of Beth. Ends this delivery; in the continuation this call returns
        their results in the same order. Raises `LoopRefused`."""

    @property
    @abstractmethod
    def cancelled(self) -> bool:
        """Whether the task must stop: cancelled, its hold lost, or the worker told to: for loops without steps."""

    @property
    @abstractmethod
    def notes(self) -> Sequence[str]:
        """What people told this task while it ran (`beth tell`), as of the last step boundary, oldest first."""

    @abstractmethod
    def log(self, message: str, **data: Any) -> None:
        """A line in the worker's log, with the ids of task, request and epoch."""


class Agent(ABC):
    """One role. An instance serves all tasks of its worker; what belongs to one task stays in `execute`."""

    manifest: Manifest
    settings: Settings

    async def setup(self) -> None:
        """Called once before the first task. An exception here stops the worker with its message."""
        return

    @abstractmethod
    async def execute(self, task: Task, ctx: Context) -> Result:
        """Do the task and return its result. Raise `Retryable`, `Fatal` or `Rejected` to say how it failed."""

    async def close(self) -> None:
        """Called once after the last task."""
        return


@runtime_checkable
class Service(Protocol):
    """What an entry point yields when it is no worker of tasks but a process of its own, as Beth is.

    A service may have an attribute `agent`, an `Agent`: a worker beside it then does the tasks of the role's queue.
    """

    async def run(
        self, bus: Bus, journal: Journal, settings: Settings, stop: asyncio.Event, *, clock: Clock, hooks: HookSink
    ) -> None:
        """Serve until `stop` is set, on the loop that owns bus and journal."""
        ...


class Signal(BaseException):
    """Ends a delivery without being a failure. A BaseException, so that no `except Exception` in an agent eats it."""


class Suspended(Signal):
    """The task waits for an answer or for other tasks: `question` or `tasks` says which."""

    def __init__(
        self,
        *,
        question: Question | None = None,
        tasks: Sequence[WantedTask] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.question = question
        self.tasks = tuple(tasks)
        self.data = dict(data or {})
        super().__init__(question.text if question else f"{len(self.tasks)} tasks")


class HandedOver(Signal):
    """The worker is stopping: another one goes on from the journal. `at_once`: without waiting for a step boundary."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once = at_once
        super().__init__()


class Fenced(Signal):
    """Another worker holds the task under a newer epoch; nothing this one does counts any more."""


class TaskCancelled(Signal):
    """The task was cancelled; it ends `cancelled`."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)


class TaskPaused(Signal):
    """The task was paused; it waits to be resumed, and holds no slot."""
