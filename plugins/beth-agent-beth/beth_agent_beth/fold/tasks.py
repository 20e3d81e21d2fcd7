"""The tasks of a request: which can go on, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth.fold.task_state import TaskState
from beth_sdk.messages import WantedTask


@dataclass(slots=True)
class Tasks:
    """Tasks by id, and what follows from how each stands. `tasks` is in the order in which they became known."""

    id: str
    """The request's."""
    tasks: dict[str, TaskState] = field(default_factory=dict)
    ready: dict[str, None] = field(default_factory=dict)
    """Tasks without a parent that can be published, in order."""
    outstanding: dict[str, None] = field(default_factory=dict)
    """Tasks that were published and have no result yet."""
    to_continue: dict[str, None] = field(default_factory=dict)
    """Tasks whose answer or subtasks are there, or that were parked and resumed."""
    to_delegate: dict[str, None] = field(default_factory=dict)
    """Tasks that wait for subtasks which were not all published."""
    _top: int = 0
    """The highest number that a task without a parent has."""
    _unmet: dict[str, int] = field(default_factory=dict)
    _needed_by: dict[str, list[str]] = field(default_factory=dict)
    _by_name: dict[str, str] = field(default_factory=dict)
    _open_children: dict[str, int] = field(default_factory=dict)

    def id_of(self, name: str) -> str:
        """The id of a task of the plan."""
        return self._by_name[name]

    def children_of_this_round(self, one: TaskState) -> list[TaskState]:
        """The subtasks of the task's newest `needs_tasks`, in the order in which they were wanted."""
        return [self.tasks[child] for child in one.children[one.earlier_children :]]

    def next_children(self, one: TaskState) -> list[tuple[str, WantedTask]]:
        """`(task id, what is wanted)` of the subtasks that are still to be published."""
        assert one.result is not None
        known = len(one.children)
        left = (one.result.tasks or [])[known - one.earlier_children :]
        return [(f"{one.id}.{number}", wanted) for number, wanted in enumerate(left, start=known + 1)]

    # -- what becomes of them -----------------------------------------------------------------

    def _add_planned(self, planned: Sequence[Mapping[str, Any]]) -> None:
        for number, task in enumerate(planned, start=1):
            one = TaskState(
                f"{self.id}.{number}",
                task["name"],
                task["agent"],
                task["type"],
                tuple(task.get("needs", ())),
                task.get("gate", False),
                task.get("description"),
                size=task.get("size", "M"),
                reason=task.get("reason"),
                fix=None if task.get("fix") is None else (task["fix"]["agent"], task["fix"]["type"]),
                recheck=tuple(task.get("recheck", ())),
            )
            self.tasks[one.id] = one
            self._by_name[one.name] = one.id
            self._weigh(one, +1)
        self._top = len(planned)
        for task in planned:
            one = self.tasks[self._by_name[task["name"]]]
            self._unmet[one.id] = len(one.needs)
            for need in one.needs:
                self._needed_by.setdefault(self._by_name[need], []).append(one.id)
            if not one.needs:
                self.ready[one.id] = None

    def _add_child(self, one: TaskState, parent: TaskState) -> None:
        self.tasks[one.id] = one
        parent.children.append(one.id)
        self._open_children[parent.id] = self._open_children.get(parent.id, 0) + 1
        wanted = parent.result.tasks if parent.result is not None else None
        if len(parent.children) - parent.earlier_children >= len(wanted or ()):
            self.to_delegate.pop(parent.id, None)

    def _add_resolving(self, origin: TaskState, conflict: Mapping[str, Any]) -> TaskState:
        """A task that is to make the work of `origin` fit together with the branch."""
        again = f"-{origin.conflicts}" if origin.conflicts > 1 else ""
        one = self._add_further(f"{origin.name}-resolve{again}", origin.agent, origin.type)
        one.resolves, one.conflict = origin.id, conflict
        return one

    def _add_further(self, name: str, agent: str, task_type: str, needs: tuple[str, ...] = ()) -> TaskState:
        """A task that the plan does not have, ready at once: what it needs is there."""
        self._top += 1
        wanted, number = name, 1
        while name in self._by_name:
            number += 1
            name = f"{wanted}.{number}"
        one = TaskState(f"{self.id}.{self._top}", name, agent, task_type, needs)
        self.tasks[one.id] = one
        self._by_name[name] = one.id
        self.ready[one.id] = None
        self._weigh(one, +1)
        return one

    def _made(self, one: TaskState) -> None:
        """A task that the plan does not have was added, and all is known of it."""

    def _weigh(self, one: TaskState, sign: int) -> None:
        """Count a task among those that are still to be given money (+1), or no more (-1)."""
        del one, sign

    def _ended(self, one: TaskState) -> None:
        """Let those go on that waited for it; it is merged by now, if there was anything to merge."""
        if one.parent is not None:
            self._open_children[one.parent] -= 1
            self._see_whether_delegated(self.tasks[one.parent])

    def _unlock(self, task_id: str) -> None:
        """Let those go on that needed this task."""
        for name in self._needed_by.get(task_id, ()):
            self._unmet[name] -= 1
            if self._unmet[name] == 0 and self.tasks[name].status == "waiting":
                self.ready[name] = None

    def _reopened(self, one: TaskState) -> None:
        """An ended subtask is at it again, so its parent waits for it once more."""
        if one.parent is not None:
            self._open_children[one.parent] += 1
            if self.tasks[one.parent].status == "delegating":
                self.to_continue.pop(one.parent, None)

    def _forget(self, concerned: Iterable[TaskState]) -> None:
        """None of these goes on."""
        for one in concerned:
            for among in (self.ready, self.to_continue, self.to_delegate):
                among.pop(one.id, None)

    def _see_whether_delegated(self, one: TaskState) -> None:
        if one.status == "delegating" and one.id not in self.to_delegate and not self._open_children[one.id]:
            self.to_continue[one.id] = None
