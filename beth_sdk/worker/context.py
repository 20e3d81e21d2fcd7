"""The `Context` of a running task: steps that are journaled and replayed, questions, delegation, progress.

It lives on the agent's loop; whatever touches the journal or the bus goes through the `Link` to the bus's loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from beth_sdk import history as facts
from beth_sdk import schema
from beth_sdk.agent import Context, Fenced, HandedOver, Repeat, Signal, Spending, Suspended, TaskCancelled
from beth_sdk.clock import Clock
from beth_sdk.errors import (
    BudgetExceeded,
    Fatal,
    LimitedBy,
    LoopRefused,
    OutcomeTooLarge,
    Rejected,
    Retryable,
    StepRaised,
)
from beth_sdk.history import TaskHistory
from beth_sdk.hookspecs import ModelCallRecord, StepRecord, ToolCallRecord
from beth_sdk.journal.base import Fact
from beth_sdk.logs import Log
from beth_sdk.manifest import Manifest
from beth_sdk.messages import EventKind, Question, Result, Task, WantedTask
from beth_sdk.worker.results import words_of
from beth_sdk.worker.steps import Replay, description_of, digest_of, outcome_of, raised_again, shaped

T = TypeVar("T")

RUN_AGAIN, TAKE_AS_DONE, FAIL = "run it again", "take it as done", "fail the task"
"""What a person may say of a step whose outcome is unknown."""

PRECISION = 1e-9
"""US dollars by which sums of floats may be off."""

RECORDS = {"model_call": ModelCallRecord, "tool_call": ToolCallRecord}


class Link(Protocol):
    """A running task's way to its worker. `append` and `stopping` may be used from the agent's loop."""

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        """Journal facts under the hold, and see what others wrote in the meantime. Raises `HoldLost`."""
        ...

    def emit(self, kind: EventKind, message: str | None, data: dict[str, Any] | None) -> None: ...

    def hook(self, name: str, record: object) -> None: ...

    def stopping(self) -> Signal | None:
        """Why the task must stop at this boundary, or None."""
        ...


class TaskContext(Context):
    """What `execute` gets."""

    def __init__(
        self,
        task: Task,
        manifest: Manifest,
        history: TaskHistory,
        link: Link,
        *,
        clock: Clock,
        log: Log,
        version: str,
        trace_id: str,
        epoch: int,
    ) -> None:
        self.task = task
        self.manifest = manifest
        self._history = history
        self._link = link
        self.clock = clock
        self._epoch = epoch
        self._log = log
        self._trace_id = trace_id
        self._replay = Replay(history, task.continuation, version)

    @property
    def epoch(self) -> int:
        return self._epoch

    # -- steps --------------------------------------------------------------------------------

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
        self._boundary()
        occurrence = self._replay.next_occurrence(name)
        digest = digest_of(input if input is not None else [args, kwargs])
        place: dict[str, Any] = {"name": name, "n": occurrence, "digest": digest}
        recorded = self._replay.recorded(name, occurrence, digest)
        if recorded is not None and recorded.state == "done":
            return shaped(recorded.data["outcome"], returns)
        if recorded is not None and recorded.state == "raised" and not recorded.data.get("retryable"):
            raise raised_again(name, recorded.data)
        if repeat == "never":
            place["asked"] = self._replay.asked(name, occurrence)
            if recorded is not None and recorded.state == "started":
                known = await self._what_became_of(place, check)
                if known is not None:
                    await self._done(place, known[0], 0.0, usage)
                    self._boundary()
                    return shaped(known[0], returns)
                place["asked"] += 1  # this answer is used up: another death in this step asks again
        if repeat == "never" or reserve is not None:
            await self._intend(place, reserve() if callable(reserve) else reserve)
        outcome = await self._run(place, function, args, kwargs, repeat=repeat, usage=usage)
        self._boundary()
        return shaped(outcome, returns)

    async def _intend(self, place: Mapping[str, Any], reserve: float | None) -> None:
        """Journal that the step is about to run. Raises `BudgetExceeded` where the money does not reach."""
        spending = self.spending
        if reserve and spending.limit is not None and spending.cost_usd + reserve > spending.limit + PRECISION:
            own = self.manifest.limits.cost_usd
            # Where the manifest's does not reach either, more of the budget would be of no use.
            by: LimitedBy = "budget" if own is None or spending.cost_usd + reserve <= own + PRECISION else "manifest"
            raise BudgetExceeded(place["name"], reserve, spending.cost_usd, spending.limit, by=by)
        data = {**place, "reserve": reserve} if reserve else place
        await self._link.append([Fact(facts.STEP_STARTED, data)], key=_key(facts.STEP_STARTED, place))
        if isinstance(signal := self._link.stopping(), TaskCancelled):
            raise signal  # the journal has just said so, and this step may cost money

    async def _run(
        self,
        place: Mapping[str, Any],
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        *,
        repeat: Repeat,
        usage: Callable[[Any], Mapping[str, float]] | None,
    ) -> Any:
        name, occurrence = place["name"], place["n"]
        self._link.emit("step", name, {"name": name, "n": occurrence})
        self._observe("before_step", place)
        began = self.clock.monotonic()
        try:
            if inspect.iscoroutinefunction(function):
                returned = await function(*args, **kwargs)
            else:
                returned = await asyncio.to_thread(function, *args, **kwargs)
                if inspect.isawaitable(returned):
                    returned = await returned
            outcome = outcome_of(name, returned)
        except (Exception, SystemExit) as error:
            seconds = self.clock.monotonic() - began
            raised, retryable = _as_raised(name, error, repeat)
            await self._raised(place, raised, retryable=retryable, seconds=seconds)
            self._observe("after_step", place, "raised", seconds)
            raise raised from error
        seconds = self.clock.monotonic() - began
        await self._done(place, outcome, seconds, usage)
        self._observe("after_step", place, "done", seconds)
        return outcome

    async def _done(
        self,
        place: Mapping[str, Any],
        outcome: Any,
        seconds: float,
        usage: Callable[[Any], Mapping[str, float]] | None = None,
    ) -> None:
        data = {**place, "outcome": outcome, "seconds": round(seconds, 3)}
        if usage is not None:
            data["usage"] = dict(usage(outcome))
        await self._link.append([Fact(facts.STEP_DONE, data)], key=_key(facts.STEP_DONE, place))

    async def _raised(self, place: Mapping[str, Any], error: Exception, *, retryable: bool, seconds: float) -> None:
        how = {"error": description_of(error), "retryable": retryable, "seconds": round(seconds, 3)}
        await self._link.append([Fact(facts.STEP_RAISED, {**place, **how})], key=_key(facts.STEP_RAISED, place))

    async def _what_became_of(
        self, place: Mapping[str, Any], check: Callable[[], Awaitable[Any | None]] | None
    ) -> tuple[Any] | None:
        """The outcome of a step whose worker died while it ran, or None to run it again."""
        if check is not None:
            found = await check()
            return None if found is None else (outcome_of(place["name"], found),)
        question = f"step:{place['name']}:{place['n']}:{place['asked']}"
        answer = self._answer_to(question)
        if answer is None:
            raise Suspended(
                question=Question(
                    id=question,
                    text=(
                        f"The worker died while step {place['name']!r} of task {self.task.id} ran, and it is not known "
                        "whether it took effect. It must not be repeated blindly: what shall happen?"
                    ),
                    options=[RUN_AGAIN, TAKE_AS_DONE, FAIL],
                )
            )
        if answer == FAIL:
            error = StepRaised(place["name"], "UnknownOutcome", "a person decided to fail the task", retryable=False)
            used_up = {**place, "asked": place["asked"] + 1}
            await self._raised(used_up, error, retryable=False, seconds=0.0)
            raise error
        return (None,) if answer == TAKE_AS_DONE else None

    # -- people and other agents --------------------------------------------------------------

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        self._boundary()
        place, known = self._suspension("ask", [question, list(options or [])])
        if known is not None:
            return str(known)
        text = self._answer_to(f"ask:{place['n']}")
        if text is None:
            asked: dict[str, Any] = {"id": f"ask:{place['n']}", "text": question}
            if options:
                asked["options"] = list(options)
            raise Suspended(question=Question.model_validate(asked))
        await self._done(place, text, 0.0)
        self._boundary()
        return text

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        self._boundary()
        chain = (*self.task.ancestors, self.task.id)
        if len(chain) > self.task.max_hops:
            raise LoopRefused(chain, f"delegating again would take more than {self.task.max_hops} hops")
        place, known = self._suspension("delegate", [one.to_json() for one in tasks])
        if known is None:
            answer = self.task.answer
            if answer is None or answer.results is None or answer.question != f"delegate:{place['n']}":
                raise Suspended(tasks=tasks, data={"question": f"delegate:{place['n']}"})
            known = answer.results
            await self._done(place, known, 0.0)
            self._boundary()
        return [schema.parse(Result, one) for one in known]

    def _suspension(self, name: str, wanted: Any) -> tuple[dict[str, Any], Any]:
        occurrence = self._replay.next_occurrence(name)
        digest = digest_of(wanted)
        recorded = self._replay.recorded(name, occurrence, digest)
        done = recorded is not None and recorded.state == "done"
        known = recorded.data["outcome"] if recorded is not None and done else None
        return {"name": name, "n": occurrence, "digest": digest}, known

    def _answer_to(self, question: str) -> str | None:
        answer = self.task.answer
        return answer.text if answer is not None and answer.question == question else None

    # -- watching -----------------------------------------------------------------------------

    async def progress(self, message: str, **data: Any) -> None:
        self._link.emit("progress", message, data or None)

    def event(self, kind: EventKind, message: str | None = None, **data: Any) -> None:
        self._link.emit(kind, message, data or None)

    def observe(self, hook: str, **fields: Any) -> None:
        record = RECORDS[hook.partition("_")[2]]
        self._link.hook(hook, record(task_id=self.task.id, role=self.task.agent, trace_id=self._trace_id, **fields))

    @property
    def spending(self) -> Spending:
        budget = self.task.budget.cost_usd if self.task.budget is not None else None
        limits = [one for one in (budget, self.manifest.limits.cost_usd) if one is not None]
        return Spending(dict(self._history.used), self._history.reserved, min(limits, default=None))

    @property
    def cancelled(self) -> bool:
        signal = self._link.stopping()
        return signal.at_once if isinstance(signal, HandedOver) else isinstance(signal, TaskCancelled | Fenced)

    @property
    def notes(self) -> Sequence[str]:
        return tuple(self._history.notes)

    def log(self, message: str, **data: Any) -> None:
        self._log.info(message, **data)

    def _boundary(self) -> None:
        if (signal := self._link.stopping()) is not None:
            raise signal

    def _observe(
        self, hook: str, place: Mapping[str, Any], outcome: str | None = None, seconds: float | None = None
    ) -> None:
        self._link.hook(
            hook,
            StepRecord(self.task.id, self.task.agent, place["name"], place["n"], self._trace_id, outcome, seconds),
        )


def _key(kind: str, place: Mapping[str, Any]) -> str:
    return f"{kind}:{place['name']}:{place['n']}"


def _as_raised(name: str, error: BaseException, repeat: Repeat) -> tuple[Exception, bool]:
    """What a step that raised raises, the first time as in a replay, and whether another attempt may run it again."""
    if isinstance(error, OutcomeTooLarge):
        return OutcomeTooLarge(name, error.size, error.limit), False
    if isinstance(error, StepRaised):  # of a step within the step
        return StepRaised(name, error.error_type, error.error_message, retryable=error.retryable), error.retryable
    final = isinstance(error, Fatal | Rejected)
    retryable = isinstance(error, Retryable) or (repeat == "safe" and not final)
    return StepRaised(name, type(error).__name__, words_of(error), retryable=retryable), retryable
