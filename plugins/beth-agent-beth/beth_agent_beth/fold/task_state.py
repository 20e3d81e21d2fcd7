"""One task of a request as its facts say, and the results that Beth herself writes for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_sdk import schema
from beth_sdk.history import PAUSE_QUESTION
from beth_sdk.messages import Result, Task


@dataclass(slots=True)
class TaskState:
    """One task of a request. `status`: waiting, published, asking, delegating, unfunded, or a final result's."""

    id: str
    name: str
    agent: str
    type: str
    needs: tuple[str, ...] = ()
    gate: bool = False
    description: str | None = None
    parent: str | None = None
    size: str = "M"
    weighed: bool = False
    """Whether it counts among those that are still to be given money."""
    reason: str | None = None
    """Why the plan has it."""
    fix: tuple[str, str] | None = None
    """Role and task type of whoever fixes what this gate finds, where the plan says it."""
    recheck: tuple[str, ...] = ()
    """Other gates that look again after such a fix."""
    status: str = "waiting"
    task: Task | None = None
    """The newest continuation that was published."""
    result: Result | None = None
    """The newest continuation's result, final or not."""
    paused: bool = False
    children: list[str] = field(default_factory=list)
    earlier_children: int = 0
    """How many of them were wanted before the newest `needs_tasks`."""
    resolves: str | None = None
    """The task whose work this one is to make fit together with the branch."""
    conflict: Mapping[str, Any] | None = None
    """What that task is told of the conflict."""
    conflicts: int = 0
    """How often its work did not fit together with the branch."""
    fixes: str | None = None
    """The task of a gate whose findings this one is to mend."""
    again_of: str | None = None
    """The gate of the plan of which this is a later round."""
    round: int = 0
    """Of a fix or a later round: which."""
    hint: str = ""
    """What a person wants to have said to whoever does this."""
    accepted: Result | None = None
    """What it ended complete with, where its work could not be merged and `result` says so."""

    @property
    def continuation(self) -> int:
        """The newest that was published, -1 before the first."""
        return self.task.continuation if self.task is not None else -1

    @property
    def parked(self) -> bool:
        """Whether it waits for being resumed, and for nothing else."""
        question = self.result.question if self.result is not None else None
        return self.status == "asking" and question is not None and question.id == PAUSE_QUESTION

    @property
    def refuses(self) -> bool:
        """Whether it is a gate that wants the work before it changed."""
        verdict = self.result.verdict if self.result is not None else None
        wants = verdict is not None and verdict.decision == "changes_requested"
        return self.gate and self.status == "complete" and wants


def cancelled(waiting: Result, reason: str) -> Result:
    """What becomes of a task that was cancelled while it waited for somebody."""
    return _instead(waiting, "cancelled", "cancelled", reason or "cancelled")


def unmerged(complete: Result, code: str, reason: str) -> Result:
    """What becomes of a task whose work cannot be brought into the request's branch."""
    return _instead(complete, "failed", code, reason)


def failed(waiting: Result, reason: str) -> Result:
    """What becomes of a task that waited to go on and was given no more."""
    return _instead(waiting, "failed", "budget", reason)


def _instead(result: Result, status: str, code: str, message: str) -> Result:
    kept = result.model_dump(mode="json", exclude_unset=True, exclude={"question", "tasks"})
    error = {"code": code, "message": message, "retryable": False}
    return schema.parse(Result, {**kept, "status": status, "error": error})
