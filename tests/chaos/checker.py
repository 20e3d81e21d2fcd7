"""What must never happen to a task, looked for in what is known of a whole run afterwards. Pure."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

Key = tuple[str, int]
"""A task's id and its continuation."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An `ended` fact in a task's journal."""

    task: str
    continuation: int
    epoch: int
    status: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A step's outcome in a task's journal: the `run` it came from, the `epoch` it was appended under."""

    task: str
    step: str
    epoch: int
    run: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of a step, as the ledger has it: `began` and `done` are numbers of its lines; `done` is None where the
    worker did not live to see it, or was told to stop."""

    task: str
    step: str
    epoch: int
    run: str
    began: int
    done: int | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A worker at work on a task. `began` in seconds on the machine's monotonic clock."""

    task: str
    continuation: int
    instance: str
    epoch: int
    began: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A renewal of a hold, or an append under it, that succeeded; it was asked for at `asked`, in seconds on the
    machine's monotonic clock."""

    task: str
    instance: str
    epoch: int
    asked: float


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a run.

    `acknowledged`: what was published, and the publisher was told so. `taken`: the results Beth accepted, a key for
    each fact. `published`: each different result that was ever on a topic. `fenced`: how often something of a worker
    that had lost its hold was refused, by what it was (renewal, append). `errors`: what was logged as one.
    """

    acknowledged: frozenset[Key] = frozenset()
    ended: Sequence[Ended] = ()
    taken: Sequence[Key] = ()
    published: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    outcomes: Sequence[Outcome] = ()
    step_runs: Sequence[StepRun] = ()
    executions: Sequence[Execution] = ()
    kept: Sequence[Kept] = ()
    fenced: Mapping[str, int] = field(default_factory=dict)
    errors: Sequence[str] = ()

    @property
    def takeovers(self) -> int:
        """How often a task was executed by somebody after somebody else."""
        by_key = Counter((one.task, one.continuation) for one in self.executions)
        return sum(count - 1 for count in by_key.values())


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen: `kind` is one of `KINDS`."""

    kind: str
    task: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.task}: {self.what}"


LOST, UNEXPECTED, TWICE, REPEATED, OVERLAP, VACUOUS = KINDS = (
    "lost",
    "unexpected",
    "accepted twice",
    "repeated",
    "overlap",
    "vacuous",
)


def check(history: History, *, least_takeovers: int = 0, least_fenced: int = 0) -> list[Violation]:
    """Every violation there is. A run with fewer takeovers, or fewer refusals of what came too late, than are asked for
    is one itself: it has shown nothing."""
    return [
        *_lost(history),
        *_unexpected(history),
        *_twice(history),
        *_repeated(history),
        *_overlap(history),
        *_vacuous(history, least_takeovers, least_fenced),
    ]


def _lost(history: History) -> Iterator[Violation]:
    """Acknowledged at publish, and never ended; or ended, and nobody was told: Beth may also have looked it up."""
    ended = {(one.task, one.continuation) for one in history.ended}
    for key in sorted(history.acknowledged - ended):
        yield Violation(LOST, _name(key), "was acknowledged and has no end in its journal")
    for key in sorted((history.acknowledged & ended) - history.published.keys() - set(history.taken)):
        yield Violation(LOST, _name(key), "has ended, and its result was never published")


def _unexpected(history: History) -> Iterator[Violation]:
    """Ended without having been published, or in another way than complete; in a result that no journal has; and every
    error that was logged."""
    ended = {(one.task, one.continuation) for one in history.ended}
    for one in history.ended:
        key = (one.task, one.continuation)
        if key not in history.acknowledged:
            yield Violation(UNEXPECTED, _name(key), "has ended and was never published")
        if one.status != "complete" and (one.task, one.continuation + 1) not in history.acknowledged:
            yield Violation(UNEXPECTED, _name(key), f"has ended {one.status}")
    for key in sorted(history.published.keys() - ended):
        yield Violation(UNEXPECTED, _name(key), "has a result, and no end in its journal")
    for error in history.errors:
        yield Violation(UNEXPECTED, "-", f"was logged: {error}")


def _twice(history: History) -> Iterator[Violation]:
    """More than one end, more than one result accepted by Beth, or different results for one key."""
    for key, count in Counter((one.task, one.continuation) for one in history.ended).items():
        if count > 1:
            yield Violation(TWICE, _name(key), f"has {count} ends in its journal")
    for key, count in Counter(history.taken).items():
        if count > 1:
            yield Violation(TWICE, _name(key), f"had {count} results accepted")
    for key, results in history.published.items():
        if len(results) > 1:
            yield Violation(TWICE, _name(key), f"has {len(results)} different results on the bus")


def _repeated(history: History) -> Iterator[Violation]:
    """A step with an outcome that ran again after that, or got a second one.

    A run under an older epoch than the outcome's does not count: its worker had lost the task, could not know yet, and
    nothing of it was accepted.
    """
    runs = _by(history.step_runs, lambda one: (one.task, one.step))
    for (task, step), outcomes in _by(history.outcomes, lambda one: (one.task, one.step)).items():
        if len(outcomes) > 1:
            yield Violation(REPEATED, task, f"step {step} has {len(outcomes)} outcomes")
        first = outcomes[0]
        its_own = next((one for one in runs[task, step] if one.run == first.run), None)
        if its_own is None or its_own.done is None:
            yield Violation(REPEATED, task, f"step {step} has an outcome of a run that never came to its end")
            continue
        for other in runs[task, step]:
            later = other.epoch == first.epoch and other.began > its_own.done
            if other.run != first.run and (other.epoch > first.epoch or later):
                yield Violation(REPEATED, task, f"step {step} ran under epoch {other.epoch} after it had an outcome")


def _overlap(history: History) -> Iterator[Violation]:
    """Two at work on one task: one began while the holder before it still held the task, or both have one epoch.

    Whoever begins under an older epoch than another does not count: that worker stood still between taking the task and
    beginning with it.
    """
    kept = _by(history.kept, lambda one: (one.task, one.instance, one.epoch))
    for task, executions in _by(history.executions, lambda one: one.task).items():
        for first, second in itertools.combinations(sorted(executions, key=lambda one: one.epoch), 2):
            until = max((one.asked for one in kept[task, first.instance, first.epoch]), default=-math.inf)
            whose = f"{first.instance} (epoch {first.epoch})"
            if second.epoch == first.epoch:
                yield Violation(OVERLAP, task, f"{second.instance} and {whose} have one epoch")
            elif second.began < until:
                early = f"{until - second.began:.3f} s before {whose} last kept its hold"
                yield Violation(OVERLAP, task, f"{second.instance} (epoch {second.epoch}) began {early}")


def _vacuous(history: History, least_takeovers: int, least_fenced: int) -> Iterator[Violation]:
    if history.takeovers < least_takeovers:
        yield Violation(VACUOUS, "-", f"{history.takeovers} takeovers, at least {least_takeovers} were to be")
    fenced = sum(history.fenced.values())
    if fenced < least_fenced:
        yield Violation(VACUOUS, "-", f"{fenced} refusals of what came too late, at least {least_fenced} were to be")


def _name(key: Key) -> str:
    return f"{key[0]}:{key[1]}"


def _by(all_of_them: Iterable[T], name: Callable[[T], K]) -> defaultdict[K, list[T]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for one in all_of_them:
        groups[name(one)].append(one)
    return groups
