"""What tasks committed on its way into the request's branch: merged, in conflict, or not to be merged at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.branch import Branch
from beth_agent_beth.fold.funds import Funds
from beth_agent_beth.fold.task_state import TaskState, unmerged
from beth_sdk.messages import Result, Task


@dataclass(slots=True)
class Landing(Funds):
    """Tasks whose work lands in one branch."""

    branch: Branch = field(default_factory=Branch)
    to_merge: dict[str, str] = field(default_factory=dict)
    """Tasks that ended complete and whose commit is to be brought into the branch, in order → the commit."""
    steps: list[str] = field(default_factory=list)
    """What was published, what was merged, and which gates and fixes ended, in order."""

    def _work(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == facts.WORKSPACE:
            self.branch.opened(data)
            return
        one = self.tasks[data["task"]]
        self.to_merge.pop(one.id, None)
        self.steps.append(merge_step(one.id))
        if kind == facts.MERGED:
            self._merged(one, data)
        elif kind == facts.CONFLICT:
            self._in_conflict(one, data["conflict"])
        else:
            self._unmergeable(one, str(data["reason"]))

    def _merged(self, one: TaskState, data: Mapping[str, Any]) -> None:
        self.branch.moved(data)
        self._ended(one)
        if one.resolves is None:
            return
        origin = self.tasks[one.resolves]
        if origin.accepted is None:
            self._ended(origin)
        else:  # that was given up, and then somebody had the conflict resolved all the same
            origin.status, origin.result, origin.accepted = "complete", origin.accepted, None
            if origin.parent is None:
                self._ended(origin)

    def _in_conflict(self, one: TaskState, conflict: Mapping[str, Any]) -> None:
        origin = one if one.resolves is None else self.tasks[one.resolves]
        if origin is not one:
            self._ended(one)
        origin.conflicts += 1
        most = self.policy.conflict.tasks
        if origin.conflicts > most:
            self._fail(origin, "conflict", f"{most} tasks in turn did not resolve it")
            return
        resolving = self._add_resolving(origin, conflict)
        resolving.paused = origin.paused
        self._made(resolving)

    def _unmergeable(self, one: TaskState, reason: str) -> None:
        self._fail(one, "unmerged", reason)
        if one.resolves is not None:
            self._fail(self.tasks[one.resolves], "conflict", f"{one.name} ({one.id}) failed: {reason}")

    def _fail(self, one: TaskState, code: str, reason: str) -> None:
        """What a task committed does not get into the branch, so it is as if it had failed."""
        if one.result is None or one.accepted is not None:
            return
        told = f"its work conflicts with the branch, and {reason}" if code == "conflict" else reason
        one.accepted, one.result, one.status = one.result, unmerged(one.result, code, told), "failed"
        self._ended(one)


def publish_step(task: Task) -> str:
    """How a task's publishing is called among the steps."""
    return f"publish {task.key}"


def end_step(result: Result) -> str:
    """How the end of a task that may make further ones necessary is called among the steps."""
    return f"end {result.key}"


def merge_step(task_id: str) -> str:
    """How the merging of a task's work, whatever came of it, is called among the steps."""
    return f"merge {task_id}"
