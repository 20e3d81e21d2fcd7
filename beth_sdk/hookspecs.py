"""What hook plugins (entry points `beth.plugins`) may observe, grouped by noun: before/after pairs of frozen records.

Hooks are called in order on a thread of their own, behind a bounded queue: a slow or failing hook is logged and never
loses or delays a task; when the queue is full, records are counted and dropped. Plugins are called in the order of
their names before, and in reverse after. What a hook returns is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pluggy

PROJECT = "beth"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a plugin as a hook: `@beth_sdk.hookimpl`."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A worker or service process. `uptime` in seconds, None before."""

    role: str
    instance: str
    uptime: float | None = None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request. `status` is None before it has ended; `seconds` since it was received."""

    request_id: str
    description: str
    status: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan. `tasks` is None before it was made."""

    request_id: str
    workflow: str
    tasks: int | None = None


@dataclass(frozen=True, slots=True)
class PublishRecord:
    """A task on its way to a queue."""

    queue: str
    key: str
    request_id: str | None
    trace_id: str


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One delivery of a task that was taken. After: its `outcome` (a result's status, `retry`, `handed_over` or
    `fenced`), the `seconds` it ran, and what the result says it used up."""

    task_id: str
    continuation: int
    request_id: str | None
    role: str
    type: str
    instance: str
    epoch: int
    attempt: int
    trace_id: str
    outcome: str | None = None
    seconds: float | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that really runs (a replayed one is not observed). After: `outcome` is `done` or `raised`."""

    task_id: str
    role: str
    name: str
    occurrence: int
    trace_id: str
    outcome: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModelCallRecord:
    """A call of a language model. After: tokens and `cost_usd` in US dollars."""

    task_id: str
    role: str
    model: str
    trace_id: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """A call of a tool by a model."""

    task_id: str
    role: str
    tool: str
    trace_id: str
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """A result on its way to its topic."""

    topic: str
    key: str
    status: str
    request_id: str | None
    role: str
    trace_id: str


class Specs:
    """Every hook, `before_x` and `after_x` for each noun."""

    @hookspec
    def before_start(self, record: ServiceRecord) -> None:
        """A process is about to take work; its agent's `setup` has not run."""

    @hookspec
    def after_start(self, record: ServiceRecord) -> None:
        """The process takes work from now on."""

    @hookspec
    def before_stop(self, record: ServiceRecord) -> None:
        """The process takes no new work; running tasks are finished or handed over."""

    @hookspec
    def after_stop(self, record: ServiceRecord) -> None:
        """The last record of a process."""

    @hookspec
    def before_request(self, record: RequestRecord) -> None:
        """Beth has taken a request up."""

    @hookspec
    def after_request(self, record: RequestRecord) -> None:
        """The request has ended."""

    @hookspec
    def before_plan(self, record: PlanRecord) -> None:
        """A request is about to be planned."""

    @hookspec
    def after_plan(self, record: PlanRecord) -> None:
        """The plan stands in the journal."""

    @hookspec
    def before_publish(self, record: PublishRecord) -> None:
        """A task is about to be published. Called again when Beth publishes it again after a restart."""

    @hookspec
    def after_publish(self, record: PublishRecord) -> None:
        """The bus has the task."""

    @hookspec
    def before_task(self, record: TaskRecord) -> None:
        """A worker has taken a task and is about to execute it."""

    @hookspec
    def after_task(self, record: TaskRecord) -> None:
        """The delivery is over, whatever came of it."""

    @hookspec
    def before_step(self, record: StepRecord) -> None:
        """A step is about to run."""

    @hookspec
    def after_step(self, record: StepRecord) -> None:
        """The step's outcome stands in the journal, or it raised."""

    @hookspec
    def before_model_call(self, record: ModelCallRecord) -> None:
        """A model is about to be called."""

    @hookspec
    def after_model_call(self, record: ModelCallRecord) -> None:
        """The model has answered, or failed."""

    @hookspec
    def before_tool_call(self, record: ToolCallRecord) -> None:
        """A tool is about to be called."""

    @hookspec
    def after_tool_call(self, record: ToolCallRecord) -> None:
        """The tool has returned, or failed."""

    @hookspec
    def before_result(self, record: ResultRecord) -> None:
        """A result is about to be published; it stands in the journal already."""

    @hookspec
    def after_result(self, record: ResultRecord) -> None:
        """The bus has the result."""


class HookSink(Protocol):
    """Where a process shows its records; never blocks, never raises."""

    def emit(self, name: str, record: object) -> None: ...


NOUNS = ("start", "request", "plan", "publish", "task", "step", "model_call", "tool_call", "result", "stop")
"""The pairs, in the order in which a process meets them."""
