"""A request as the fold of its facts. Everything that decides what happens next is kept ready, so that each input costs
the same however many tasks the request has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth import facts
from beth_sdk import schema
from beth_sdk.history import PAUSE_QUESTION
from beth_sdk.journal.base import Entry, Version
from beth_sdk.messages import FINAL_STATUSES, Result, Task, WantedTask

NOTHING = Version(0)
"""The version of a stream without facts."""


@dataclass(slots=True)
class TaskState:
    """One task of a request. `status`: waiting, published, asking, delegating, or a final result's."""

    id: str
    name: str
    agent: str
    type: str
    needs: tuple[str, ...] = ()
    gate: bool = False
    description: str | None = None
    parent: str | None = None
    status: str = "waiting"
    task: Task | None = None
    """The newest continuation that was published."""
    result: Result | None = None
    """The newest continuation's result, final or not."""
    paused: bool = False
    children: list[str] = field(default_factory=list)
    earlier_children: int = 0
    """How many of them were wanted before the newest `needs_tasks`."""

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
        return self.gate and verdict is not None and verdict.decision == "changes_requested"


@dataclass(slots=True)
class RequestState:
    """The fold; `take_in` each entry in order."""

    id: str
    version: Version = NOTHING
    request: Mapping[str, Any] = field(default_factory=dict)
    received_at: float = 0.0
    workflow: str | None = None
    tasks: dict[str, TaskState] = field(default_factory=dict)
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

    ready: dict[str, None] = field(default_factory=dict)
    """Tasks of the plan that can be published, in order."""
    outstanding: dict[str, None] = field(default_factory=dict)
    """Tasks that were published and have no result yet."""
    to_continue: dict[str, None] = field(default_factory=dict)
    """Tasks whose answer or subtasks are there, or that were parked and resumed."""
    to_delegate: dict[str, None] = field(default_factory=dict)
    """Tasks that wait for subtasks which were not all published."""
    _unmet: dict[str, int] = field(default_factory=dict)
    _needed_by: dict[str, list[str]] = field(default_factory=dict)
    _by_name: dict[str, str] = field(default_factory=dict)
    _open_children: dict[str, int] = field(default_factory=dict)

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
        for number, planned in enumerate(data["tasks"], start=1):
            one = TaskState(
                f"{self.id}.{number}",
                planned["name"],
                planned["agent"],
                planned["type"],
                tuple(planned.get("needs", ())),
                planned.get("gate", False),
                planned.get("description"),
            )
            self.tasks[one.id] = one
            self._by_name[one.name] = one.id
        for one in self.tasks.values():
            self._unmet[one.id] = len(one.needs)
            for need in one.needs:
                self._needed_by.setdefault(self._by_name[need], []).append(one.id)
            if not one.needs:
                self.ready[one.id] = None
        if self.cancel_reason is not None:
            self._cancel(self.tasks.values(), self.cancel_reason)

    def _published(self, data: Mapping[str, Any]) -> None:
        task = schema.parse(Task, data["task"])
        one = self.tasks.get(task.id)
        if one is None:  # a subtask that an agent wanted
            one = TaskState(task.id, data["name"], task.agent, task.type, parent=data["parent"], task=task)
            self.tasks[task.id] = one
            parent = self.tasks[data["parent"]]
            parent.children.append(task.id)
            self._open_children[parent.id] = self._open_children.get(parent.id, 0) + 1
            wanted = parent.result.tasks if parent.result is not None else None
            if len(parent.children) - parent.earlier_children >= len(wanted or ()):
                self.to_delegate.pop(parent.id, None)
        one.task, one.status = task, "published"
        self.ready.pop(task.id, None)
        self.to_continue.pop(task.id, None)
        self.outstanding[task.id] = None

    def _taken(self, result: Result) -> None:
        one = self.tasks[result.task_id]
        one.result, one.status = result, result.status
        self.outstanding.pop(one.id, None)
        reason = self.cancelled.pop(one.id, None) if self.cancel_reason is None else self.cancel_reason
        if result.final:
            self._ended(one)
        elif reason is not None:  # it went on to ask before it saw that it was cancelled
            one.status = "asking"
            self._cancel([one], reason)
        elif result.status == "needs_input":
            one.status = "asking"
            self._see_whether_answered(one)
        else:
            one.status, one.earlier_children = "delegating", len(one.children)
            (self.to_delegate if result.tasks else self.to_continue)[one.id] = None

    def _ended(self, one: TaskState) -> None:
        if one.parent is not None:
            self._open_children[one.parent] -= 1
            self._see_whether_delegated(self.tasks[one.parent])
        if one.status == "complete" and not one.refuses:
            for name in self._needed_by.get(one.id, ()):
                self._unmet[name] -= 1
                if self._unmet[name] == 0 and self.tasks[name].status == "waiting":
                    self.ready[name] = None

    def _redriven(self, task: Task) -> None:
        # A person wants it tried again: what stopped it before does not stop it now.
        one = self.tasks[task.id]
        if one.parent is not None and one.status in FINAL_STATUSES:
            self._open_children[one.parent] += 1
            if self.tasks[one.parent].status == "delegating":
                self.to_continue.pop(one.parent, None)
        one.task, one.status, one.paused = task, "published", False
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
        for one in concerned:
            self.ready.pop(one.id, None)
            self.to_continue.pop(one.id, None)
            self.to_delegate.pop(one.id, None)
            if one.status == "published":
                self.cancelled[one.id] = reason
            elif one.status in ("waiting", "asking", "delegating"):
                if one.result is not None:
                    one.result = _cancelled(one.result, reason)
                one.status = "cancelled"
                self._ended(one)

    # -- what is so now -----------------------------------------------------------------------

    def _see_whether_answered(self, one: TaskState) -> None:
        assert one.result is not None
        if (not one.paused) if one.parked else (one.result.key in self.answers):
            self.to_continue[one.id] = None
        else:
            self.to_continue.pop(one.id, None)

    def _see_whether_delegated(self, one: TaskState) -> None:
        if one.status == "delegating" and one.id not in self.to_delegate and not self._open_children[one.id]:
            self.to_continue[one.id] = None

    def id_of(self, name: str) -> str:
        """The id of a task of the plan."""
        return self._by_name[name]

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

    def children_of_this_round(self, one: TaskState) -> list[TaskState]:
        """The subtasks of the task's newest `needs_tasks`, in the order in which they were wanted."""
        return [self.tasks[child] for child in one.children[one.earlier_children :]]

    def next_children(self, one: TaskState) -> list[tuple[str, WantedTask]]:
        """`(task id, what is wanted)` of the subtasks that are still to be published."""
        assert one.result is not None
        known = len(one.children)
        left = (one.result.tasks or [])[known - one.earlier_children :]
        return [(f"{one.id}.{number}", wanted) for number, wanted in enumerate(left, start=known + 1)]


def _cancelled(waiting: Result, reason: str) -> Result:
    """What becomes of a task that was cancelled while it waited for somebody."""
    error = {"code": "cancelled", "message": reason or "cancelled", "retryable": False}
    kept = waiting.model_dump(mode="json", exclude_unset=True, exclude={"question", "tasks"})
    return schema.parse(Result, {**kept, "status": "cancelled", "error": error})
