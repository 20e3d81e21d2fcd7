"""What the journal says of one task: the names of its facts, and the fold that every reader of them shares.

Whoever acts on a task from outside (cancel, pause, tell, redrive) appends a fact here without a hold; whoever executes
it appends under its hold. The newest continuation's result is the task's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beth_sdk.journal.base import Entry, Fact, Journal, Version

PREFIX = "task/"

STARTED = "started"  # written with the first other fact of an epoch, so that a step-less task costs one append
STEP_STARTED = "step_started"
STEP_DONE = "step_done"
STEP_RAISED = "step_raised"
FAILED = "attempt_failed"
HANDED_OVER = "handed_over"
LET_GO = "let_go"  # taken and given back without an attempt: another continuation, a duplicate
ENDED = "ended"
CANCEL = "cancel"
PAUSE = "pause"
RESUME = "resume"
TELL = "tell"
REDRIVEN = "redriven"

PAUSE_QUESTION = "pause"
"""The id of the question a paused task asks; resuming is its answer."""


def stream_of(task_id: str) -> str:
    """The journal stream of a task."""
    return f"{PREFIX}{task_id}"


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of one step: `state` is `started`, `done` or `raised`."""

    state: str
    digest: str
    data: Mapping[str, Any]
    version: str
    """The agent package and version that wrote it."""
    continuation: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One epoch in the life of a task, as `beth dead show` lists it. `seconds` it ran, None where it died."""

    epoch: int
    continuation: int
    outcome: str
    instance: str | None = None
    at: float | None = None
    seconds: float | None = None
    error: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for dead letters and `--json`."""
        return {
            "epoch": self.epoch,
            "continuation": self.continuation,
            "outcome": self.outcome,
            "instance": self.instance,
            "at": self.at,
            "seconds": self.seconds,
            "error": dict(self.error) if self.error else None,
        }


@dataclass(slots=True)
class TaskHistory:
    """The fold of a task's stream; `take_in` each entry in order."""

    version: Version = Version(0)
    steps: dict[tuple[str, int], Step] = field(default_factory=dict)
    ended: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """continuation → the data of its `ended` fact: `result` and, for a dead task, `dead`."""
    cancel_reason: str | None = None
    paused: bool = False
    notes: list[str] = field(default_factory=list)
    newest_continuation: int = 0
    progressed: set[int] = field(default_factory=set)
    """Epochs that journaled an outcome."""
    uncounted: set[int] = field(default_factory=set)
    """Epochs that were no attempt: handed over, let go, ended."""
    redriven: Mapping[str, Any] | None = None
    """The task as a person had it tried again, newest continuation."""
    seconds: float = 0.0
    """How long the task ran in all its closed epochs."""
    used: dict[str, float] = field(default_factory=dict)
    """What the outcomes of steps told of their usage, added up: the fields of `Usage` that are numbers."""
    _reserved: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    _epochs: dict[int, Attempt] = field(default_factory=dict)
    _versions: dict[int, str] = field(default_factory=dict)

    def take_in(self, entry: Entry) -> None:
        """Fold one entry; entries come in order, each once."""
        self.version = entry.version
        data = entry.fact.data
        continuation = int(data.get("continuation", self.newest_continuation))
        self.newest_continuation = max(self.newest_continuation, continuation)
        match entry.fact.kind:
            case "started":
                self._versions[entry.epoch] = str(data.get("version", ""))
                self._epochs[entry.epoch] = Attempt(entry.epoch, continuation, "died", data.get("instance"), entry.at)
            case "step_started" | "step_done" | "step_raised":
                self._take_in_step(entry, continuation)
            case "attempt_failed" | "handed_over" | "let_go" | "ended":
                self._close(entry, continuation)
            case "cancel":
                self.cancel_reason = str(data.get("reason", ""))
            case "pause" | "resume":
                self.paused = entry.fact.kind == PAUSE
            case "tell":
                self.notes.append(str(data.get("text", "")))
            case "redriven":
                # A person wants it tried again: what stopped it before does not stop it now.
                self.cancel_reason, self.paused, self.redriven = None, False, data["task"]
            case _:
                pass  # a later version's fact: kept, passed over

    def _take_in_step(self, entry: Entry, continuation: int) -> None:
        data = entry.fact.data
        state = entry.fact.kind.removeprefix("step_")
        place = str(data["name"]), int(data["n"])
        self.steps[place] = Step(state, str(data["digest"]), data, self._versions.get(entry.epoch, ""), continuation)
        if state == "done":
            self.progressed.add(entry.epoch)
        self._account(place, state, data)

    def _account(self, place: tuple[str, int], state: str, data: Mapping[str, Any]) -> None:
        """Money and tokens. Of several runs of a step only the last can have an outcome: the others cost what was
        reserved for them."""
        if state == "started":
            if data.get("reserve"):
                self._reserved.setdefault(place, []).append(float(data["reserve"]))
            return
        if self._reserved.get(place):
            self._reserved[place].pop()
        for name, amount in (data.get("usage") or {}).items():
            self.used[name] = self.used.get(name, 0) + amount

    @property
    def reserved(self) -> float:
        """US dollars reserved by intents that have no outcome."""
        return sum(sum(amounts) for amounts in self._reserved.values())

    @property
    def newest(self) -> Attempt | None:
        """The newest epoch that left a trace; one that goes on reads like one that died."""
        return self._epochs[max(self._epochs)] if self._epochs else None

    @property
    def usage(self) -> dict[str, float]:
        """What a result says was used up: money that was reserved by intents without an outcome included."""
        reserved = self.reserved
        return {**self.used, "cost_usd": self.used.get("cost_usd", 0.0) + reserved} if reserved else dict(self.used)

    def _close(self, entry: Entry, continuation: int) -> None:
        data = entry.fact.data
        known = self._epochs.get(entry.epoch)
        outcome, error = entry.fact.kind, data.get("error")
        if outcome == ENDED:
            self.ended[continuation] = data
            outcome, error = str(data["result"].get("status")), data["result"].get("error")
        seconds = float(data.get("seconds", 0.0))
        self.seconds += seconds
        if entry.fact.kind != FAILED:
            self.uncounted.add(entry.epoch)
        self._epochs[entry.epoch] = Attempt(
            entry.epoch,
            continuation,
            outcome,
            known.instance if known else data.get("instance"),
            known.at if known else entry.at,
            seconds,
            error,
        )

    def failed_attempts(self, continuation: int, before_epoch: int) -> int:
        """How many attempts of a continuation failed before `before_epoch`, those that died without a word included,
        those that journaled an outcome not."""
        return sum(
            1
            for epoch in range(self._start_of(continuation), before_epoch)
            if epoch not in self.progressed and epoch not in self.uncounted
        )

    def attempts(self, continuation: int, up_to_epoch: int) -> list[Attempt]:
        """Every epoch of a continuation, oldest first, those that left no trace included."""
        return [
            self._epochs.get(epoch, Attempt(epoch, continuation, "died"))
            for epoch in range(self._start_of(continuation), up_to_epoch + 1)
        ]

    def _start_of(self, continuation: int) -> int:
        """A continuation's first epoch: the one after the last that belongs to an earlier continuation."""
        earlier = (epoch for epoch, one in self._epochs.items() if one.continuation < continuation)
        return max(earlier, default=0) + 1


async def read_history(journal: Journal, task_id: str, into: TaskHistory | None = None) -> TaskHistory:
    """The fold of a task's stream so far; with `into`, only what is new since is read and folded into it."""
    history = into if into is not None else TaskHistory()
    async for entry in journal.read(stream_of(task_id), after=history.version or None):
        history.take_in(entry)
    return history


async def cancel(journal: Journal, task_id: str, continuation: int, reason: str) -> None:
    """Ask that a task be cancelled. It ends `cancelled` at its next step boundary, or before it starts."""
    await _append(journal, task_id, [Fact(CANCEL, {"reason": reason})], key=f"cancel:{task_id}:{continuation}")


async def pause(journal: Journal, task_id: str, *, token: str) -> None:
    """Ask that a task stop at its next step boundary and wait. `token` makes repeating this very call harmless."""
    await _append(journal, task_id, [Fact(PAUSE, {})], key=f"pause:{token}")


async def resume(journal: Journal, task_id: str, *, token: str) -> None:
    """Take a pause back. A task that has parked already is continued by Beth."""
    await _append(journal, task_id, [Fact(RESUME, {})], key=f"resume:{token}")


async def tell(journal: Journal, task_id: str, text: str, *, token: str) -> None:
    """Leave a note that the task sees from its next step on."""
    await _append(journal, task_id, [Fact(TELL, {"text": text})], key=f"tell:{token}")


async def _append(journal: Journal, task_id: str, facts: Sequence[Fact], *, key: str) -> None:
    await journal.append(stream_of(task_id), facts, key=key)
