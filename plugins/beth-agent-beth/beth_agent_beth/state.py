"""A request as the fold of its facts. Everything that decides what happens next is kept ready, so that each input costs
the same however many tasks the request has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth import facts
from beth_agent_beth.branch import Branch
from beth_agent_beth.task_state import TaskState, cancelled, unmerged
from beth_agent_beth.tasks import Tasks
from beth_sdk import schema
from beth_sdk.journal.base import Entry, Version
from beth_sdk.messages import FINAL_STATUSES, Result, Task

NOTHING = Version(0)
"""The version of a stream without facts."""

RESOLVING_TASKS = 3
"""How many tasks are to make one task's work fit together with the branch, one after the other, before it fails."""


@dataclass(slots=True)
class RequestState(Tasks):
    """The fold; `take_in` each entry in order."""

    version: Version = NOTHING
    request: Mapping[str, Any] = field(default_factory=dict)
    received_at: float = 0.0
    workflow: str | None = None
    status: str = "received"
    """received, running, or the final status: complete, failed, cancelled."""
    reason: str = ""
    ended_at: float | None = None
    cancel_reason: str | None = None
    cancelled: dict[str, str] = field(default_factory=dict)
    """Published tasks that somebody cancelled one by one, with the reason."""
    paused: bool = False
    last_steer: Version = NOTHING
    """The newest cancel, pause or resume, to be passed on to the tasks."""
    passed_on: Version = NOTHING
    answers: dict[str, str] = field(default_factory=dict)
    """`task_id:continuation` → the first answer."""
    branch: Branch = field(default_factory=Branch)
    to_merge: dict[str, str] = field(default_factory=dict)
    """Tasks that ended complete and whose commit is to be brought into the branch, in order → the commit."""
    steps: list[str] = field(default_factory=list)
    """What was published and what was merged, in order."""

    # -- what happened ------------------------------------------------------------------------

    def take_in(self, entry: Entry) -> None:
        """Fold one entry; entries come in order, and one that was folded already is passed over."""
        if entry.version <= self.version:
            return
        data = entry.fact.data
        match entry.fact.kind:
            case facts.RECEIVED:
                self.request, self.received_at = data["request"], entry.at
            case facts.PLANNED:
                self._plan(data)
            case facts.PUBLISHING:
                self._published(data)
            case facts.TAKEN:
                self._taken(schema.parse(Result, data["result"]))
            case kind if kind in facts.ABOUT_WORK:
                self._work(kind, data)
            case facts.REDRIVEN:
                self._redriven(schema.parse(Task, data["task"]))
            case facts.ANSWERED:
                self._answered(str(data["key"]), str(data["text"]))
            case facts.CANCEL | facts.PAUSE | facts.RESUME:
                self._steered(entry, data)
            case facts.PASSED_ON:
                self.passed_on = Version(data["version"])
            case facts.ENDED:
                self.status, self.reason, self.ended_at = data["status"], data.get("reason", ""), entry.at
            case _:
                pass  # a later version's fact: kept, passed over
        self.version = entry.version

    def _plan(self, data: Mapping[str, Any]) -> None:
        self.workflow, self.status = data["workflow"], "running"
        self._add_planned(data["tasks"])
        if self.cancel_reason is not None:
            self._cancel(self.tasks.values(), self.cancel_reason)

    def _published(self, data: Mapping[str, Any]) -> None:
        task = schema.parse(Task, data["task"])
        one = self.tasks.get(task.id)
        if one is None:  # a subtask that an agent wanted
            one = TaskState(task.id, data["name"], task.agent, task.type, parent=data["parent"], task=task)
            self._add_child(one, self.tasks[data["parent"]])
        one.task, one.status = task, "published"
        self.ready.pop(task.id, None)
        self.to_continue.pop(task.id, None)
        self.outstanding[task.id] = None
        self.steps.append(publish_step(task))

    def _taken(self, result: Result) -> None:
        one = self.tasks[result.task_id]
        one.result, one.status = result, result.status
        self.outstanding.pop(one.id, None)
        reason = self.cancelled.pop(one.id, None) if self.cancel_reason is None else self.cancel_reason
        if result.final:
            self._final(one)
        elif reason is not None:  # it went on to ask before it saw that it was cancelled
            one.status = "asking"
            self._cancel([one], reason)
        elif result.status == "needs_input":
            one.status = "asking"
            self._see_whether_answered(one)
        else:
            one.status, one.earlier_children = "delegating", len(one.children)
            (self.to_delegate if result.tasks else self.to_continue)[one.id] = None

    def _final(self, one: TaskState) -> None:
        commit = self.branch.work_of(one.result) if one.result is not None else None
        if commit is not None:
            self.to_merge[one.id] = commit
            return
        self._ended(one)
        if one.resolves is not None:
            how = "committed nothing" if one.status == "complete" else f"is {one.status}"
            self._fail(self.tasks[one.resolves], "conflict", f"{one.name} ({one.id}), which was to resolve it, {how}")

    def _redriven(self, task: Task) -> None:
        # A person wants it tried again: what stopped it before does not stop it now.
        one = self.tasks[task.id]
        if one.status in FINAL_STATUSES:
            self._reopened(one)
        one.task, one.status, one.paused, one.accepted = task, "published", False, None
        self.cancelled.pop(one.id, None)
        self.outstanding[task.id] = None
        self.status, self.ended_at, self.reason = "running", None, ""

    def _answered(self, key: str, text: str) -> None:
        if key not in self.answers:
            self.answers[key] = text
            one = self.tasks.get(key.rpartition(":")[0])
            if one is not None and one.status == "asking":
                self._see_whether_answered(one)

    # -- what people want ---------------------------------------------------------------------

    def _steered(self, entry: Entry, data: Mapping[str, Any]) -> None:
        self.last_steer = entry.version
        task_id = data.get("task_id")
        concerned = list(self.tasks.values() if task_id is None else self._with_subtasks(task_id))
        if entry.fact.kind == facts.CANCEL:
            reason = str(data.get("reason", ""))
            if task_id is None:
                self.cancel_reason = reason
            self._cancel(concerned, reason)
            return
        pausing = entry.fact.kind == facts.PAUSE
        if task_id is None:
            self.paused = pausing
        for one in concerned:
            one.paused = pausing
            if one.status == "asking":
                self._see_whether_answered(one)

    def _with_subtasks(self, task_id: str) -> Iterator[TaskState]:
        one = self.tasks.get(task_id)
        if one is not None:
            yield one
            for child in one.children:
                yield from self._with_subtasks(child)

    def _cancel(self, concerned: Iterable[TaskState], reason: str) -> None:
        """End those that nobody runs, because nobody else would; the others are to be told."""
        concerned = list(concerned)
        self._forget(concerned)
        for one in concerned:
            if one.status == "published":
                self.cancelled[one.id] = reason
            elif one.status in ("waiting", "asking", "delegating"):
                one.status = "cancelled"
                if one.result is not None:
                    one.result = cancelled(one.result, reason)
                self._final(one)

    # -- what was committed -------------------------------------------------------------------

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
        if origin.conflicts > RESOLVING_TASKS:
            self._fail(origin, "conflict", f"{RESOLVING_TASKS} tasks in turn did not resolve it")
            return
        resolving = self._add_resolving(origin, conflict)
        resolving.paused = origin.paused
        if self.cancel_reason is not None:
            self._cancel([resolving], self.cancel_reason)

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

    # -- what is so now -----------------------------------------------------------------------

    def _see_whether_answered(self, one: TaskState) -> None:
        assert one.result is not None
        if (not one.paused) if one.parked else (one.result.key in self.answers):
            self.to_continue[one.id] = None
        else:
            self.to_continue.pop(one.id, None)

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def questions(self) -> list[TaskState]:
        """Tasks that wait for a person's answer; parked ones are not among them."""
        return [
            one
            for one in self.tasks.values()
            if one.status == "asking"
            and not one.parked
            and one.result is not None
            and one.result.key not in self.answers
        ]

    def can_go_on(self, among: Iterable[str]) -> Iterator[TaskState]:
        """Those of these tasks that may be published now: all that nobody paused."""
        if not self.paused and self.cancel_reason is None:
            yield from (one for task_id in among if not (one := self.tasks[task_id]).paused)

    def accepts(self, result: Result) -> bool:
        """Whether a result counts: of the newest continuation of a task of this request, and the first that does."""
        one = self.tasks.get(result.task_id)
        if one is None or one.id not in self.outstanding or result.request_id not in (None, self.id):
            return False
        return result.continuation == one.continuation


def publish_step(task: Task) -> str:
    """How a task's publishing is called among the steps."""
    return f"publish {task.key}"


def merge_step(task_id: str) -> str:
    """How the merging of a task's work, whatever came of it, is called among the steps."""
    return f"merge {task_id}"
