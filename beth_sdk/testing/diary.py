"""The journal of one task without a worker: facts are kept here, and every delivery sees what earlier ones wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beth_sdk import history as facts
from beth_sdk import logs
from beth_sdk.agent import Signal, Spending
from beth_sdk.clock import Clock
from beth_sdk.history import TaskHistory
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.manifest import Manifest
from beth_sdk.messages import EventKind, Task
from beth_sdk.testing.clock import ManualClock
from beth_sdk.worker.context import TaskContext


class Killed(BaseException):
    """Stands for the end of a process: nothing that comes after it is journaled."""


class Diary:
    """What a context writes to. `delivered` gives the context of the next delivery."""

    def __init__(self, task: Task, manifest: Manifest, clock: Clock | None = None) -> None:
        self.task = task
        self.manifest = manifest
        self.clock: Clock = clock or ManualClock()
        self.entries: list[Entry] = []
        self.events: list[tuple[EventKind, str | None, dict[str, Any] | None]] = []
        self.hooks: list[tuple[str, object]] = []
        self.signal: Signal | None = None
        """What the next step boundary raises."""
        self.kill_before: Callable[[Fact], bool] = lambda _: False
        """Facts before which the process ends: their step ran, and nobody knows."""
        self.kill_after: Callable[[Fact], bool] = lambda _: False
        """Facts after which the process ends."""
        self.epoch = 0
        self._history = TaskHistory()

    def delivered(self, version: str = "tested 1.0", **changes: Any) -> TaskContext:
        """The context of the next delivery, of the task with these fields changed."""
        self.epoch += 1
        task = self.task.with_(**changes) if changes else self.task
        self._history = TaskHistory()
        for entry in self.entries:
            self._history.take_in(entry)
        self._write(Fact(facts.STARTED, {"continuation": task.continuation, "instance": "w", "version": version}))
        return TaskContext(
            task,
            self.manifest,
            self._history,
            self,
            clock=self.clock,
            log=logs.get("beth.test"),
            version=version,
            trace_id="0" * 32,
            epoch=self.epoch,
        )

    def outcomes(self, name: str) -> list[Any]:
        """The outcomes of the steps of this name, in order."""
        done = (entry.fact.data for entry in self.entries if entry.fact.kind == facts.STEP_DONE)
        return [data["outcome"] for data in done if data["name"] == name]

    @property
    def kinds(self) -> list[str]:
        """What the facts are, in order; of steps with their names: `step_done bash`."""
        return [f"{one.fact.kind} {one.fact.data.get('name', '')}".rstrip() for one in self.entries]

    @property
    def spending(self) -> Spending:
        """What all deliveries have used up; the limit is the task's and the manifest's, where the task runs."""
        return Spending(dict(self._history.used), self._history.reserved)

    @property
    def continuation(self) -> int:
        """The newest that was delivered."""
        return self._history.newest_continuation

    def tell(self, text: str) -> None:
        """Leave a note for the task."""
        self._write(Fact(facts.TELL, {"text": text}))

    # -- the link of a context ----------------------------------------------------------------

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        """Keep facts, or end the process where that was asked for. Raises `Killed`."""
        del key
        for fact in new:
            if self.kill_before(fact):
                raise Killed
            self._write(fact)
            if self.kill_after(fact):
                raise Killed

    def emit(self, kind: EventKind, message: str | None, data: dict[str, Any] | None) -> None:
        """Keep an event."""
        self.events.append((kind, message, data))

    def hook(self, name: str, record: object) -> None:
        """Keep what hook plugins would see."""
        self.hooks.append((name, record))

    def stopping(self) -> Signal | None:
        """What was set as `signal`."""
        return self.signal

    def _write(self, fact: Fact) -> None:
        entry = Entry(Version(len(self.entries) + 1), fact, self.epoch, self.clock.wall())
        self.entries.append(entry)
        self._history.take_in(entry)
