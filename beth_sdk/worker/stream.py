"""A task's stream in the journal, as one delivery of the task takes, reads and writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from beth_sdk import history as facts
from beth_sdk.history import TaskHistory, read_history, stream_of
from beth_sdk.journal.base import Entry, Fact, Hold, Version
from beth_sdk.logs import Log
from beth_sdk.messages import Task
from beth_sdk.worker.insist import insist
from beth_sdk.worker.surroundings import Surroundings


class TaskStream:
    """Everything that is written goes under the hold; what others write in between is folded in. On the bus's loop."""

    def __init__(self, around: Surroundings, task: Task, log: Log) -> None:
        self.task = task
        self.history = TaskHistory()
        self.hold: Hold | None = None
        self.dropped = False
        """Whether the hold was given up, so that nobody need wonder at its loss."""
        self.progressed = False
        """Whether an outcome was journaled under this hold."""
        self.began = around.clock.monotonic()
        """When the work under this hold began."""
        self._around = around
        self._log = log
        self._started = False
        self._busy = asyncio.Lock()  # the history is folded by one at a time

    @property
    def epoch(self) -> int:
        assert self.hold is not None
        return self.hold.epoch

    @property
    def seconds(self) -> float:
        """How long the work under this hold has taken."""
        return self._around.clock.monotonic() - self.began

    @property
    def failed(self) -> int:
        """How many attempts of this continuation failed before this one."""
        return self.history.failed_attempts(self.task.continuation, self.epoch)

    async def take(self) -> Hold:
        """Claim the task. Raises `Held`, `StreamArchived`."""
        around = self._around
        name = stream_of(self.task.id)
        self.hold = await insist(
            around.clock,
            self._log,
            "take",
            lambda: around.journal.take(name, around.terms.instance, around.terms.lease),
        )
        return self.hold

    async def drop(self) -> None:
        """Give the task up."""
        hold = self.hold
        assert hold is not None
        self.dropped = True
        await insist(self._around.clock, self._log, "drop", lambda: self._around.journal.drop(hold))

    async def read(self) -> TaskHistory:
        """Fold what the journal has, however long it takes to answer. What the hold says is folded already, as a new
        task's nothing is, costs no round trip."""
        assert self.hold is not None
        if self.hold.version == self.history.version:
            return self.history
        await insist(self._around.clock, self._log, "read", self.look)
        return self.history

    async def look(self) -> None:
        """Fold what is new in the journal. Raises `JournalUnavailable`."""
        async with self._busy:
            await read_history(self._around.journal, self.task.id, self.history)

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        """Add facts, however long the journal takes to answer. The first are preceded by `started`, so that a task
        without steps costs one append. Raises `HoldLost`."""
        async with self._busy:
            batch = list(new) if self._started else [Fact(facts.STARTED, self._start()), *new]
            await self._write(batch, key)
            self._started = True
            self.progressed = self.progressed or any(fact.kind == facts.STEP_DONE for fact in batch)

    async def let_go(self) -> None:
        """Say that this epoch was no attempt."""
        data = {"continuation": self.history.newest_continuation, "instance": self._around.terms.instance}
        async with self._busy:
            await self._write([Fact(facts.LET_GO, data)], "let_go")

    async def _write(self, batch: Sequence[Fact], key: str) -> None:
        clock, journal, hold = self._around.clock, self._around.journal, self.hold
        name, once = stream_of(self.task.id), f"{self.epoch}:{key}"
        version = await insist(clock, self._log, "append", lambda: journal.append(name, batch, key=once, hold=hold))
        if version == self.history.version + len(batch):
            now = clock.wall()
            for number, fact in enumerate(batch, start=self.history.version + 1):
                self.history.take_in(Entry(Version(number), fact, self.epoch, now))
        else:  # somebody else wrote in between: a cancel, a pause, a note
            await insist(clock, self._log, "read", lambda: read_history(journal, self.task.id, self.history))

    def _start(self) -> dict[str, Any]:
        return {
            "continuation": self.task.continuation,
            "instance": self._around.terms.instance,
            "version": self._around.terms.version,
        }
