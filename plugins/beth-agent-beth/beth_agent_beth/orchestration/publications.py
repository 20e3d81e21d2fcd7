"""Which tasks of a request can be published now, and what is journaled of each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration import compose
from beth_sdk import schema
from beth_sdk.errors import ContractError, UnknownRole
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Budget, Result, Task, WantedTask
from beth_sdk.publish import check_hops

CHILD = "M"
"""The size of a task that an agent wanted."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A task to be published or, with a `refusal`, to be ended without that. A subtask has a `name` and a `parent`;
    `unparked` was paused and is not to stop at that again."""

    task: Task
    refusal: Result | None = None
    name: str | None = None
    parent: str | None = None
    unparked: bool = False

    def facts(self) -> list[Fact]:
        """What the journal gets to know before anything is published."""
        named = {} if self.parent is None else {"name": self.name, "parent": self.parent}
        publishing = Fact(facts.PUBLISHING, {"task": self.task.to_json(), **named})
        if self.refusal is None:
            return [publishing]
        return [publishing, Fact(facts.TAKEN, {"result": self.refusal.to_json()})]


def publications(state: RequestState, now: float, limit: int) -> list[Publication]:
    """Up to `limit` tasks that can be published, `now` in seconds since the Unix epoch: first those that go on. Each
    gets its slice of the budget; a task for which there is none waits."""
    return list(islice(_all(state, now), limit))


def _all(state: RequestState, now: float) -> Iterator[Publication]:
    slices = state.slices(state.weight(state.tasks[one]) for one in state.to_continue)
    for one in state.can_go_on(state.to_continue):
        if state.gives(slices):
            yield _continued(state, one, now, slices.of(one.id, state.weight(one)))
    for parent in state.can_go_on(state.to_delegate):
        for task_id, wanted in state.next_children(parent):
            if state.gives(slices):
                given = slices.of(task_id, state.policy.budget.weight(CHILD))
                yield _child(state, (parent, task_id, wanted), now, given)
    for one in state.can_go_on(state.unfunded):
        shortage = state.unfunded[one.id]
        if slices.reaches(one.id, shortage):
            yield _continued(state, one, now, slices.of(one.id, state.weight(one), shortage))
    for one in state.can_go_on(state.ready):
        if state.gives(slices):
            yield _first(state, one, now, slices.of(one.id, state.weight(one)))


def _first(state: RequestState, one: TaskState, now: float, given: Budget | None) -> Publication:
    task, refusal = _checked(
        lambda: (compose.first if one.resolves is None else compose.resolving)(state, one, now, given),
        lambda: compose.unpublished(state, one.id, one.agent, one.type, now=now),
    )
    return Publication(task, refusal)


def _continued(state: RequestState, one: TaskState, now: float, given: Budget | None) -> Publication:
    continuation = one.continuation + 1
    task, refusal = _checked(
        lambda: compose.continued(state, one, now, given),
        lambda: compose.unpublished(state, one.id, one.agent, one.type, now=now, continuation=continuation),
    )
    return Publication(task, refusal, unparked=one.parked)


def _child(
    state: RequestState, whose: tuple[TaskState, str, WantedTask], now: float, given: Budget | None
) -> Publication:
    """`whose`: the parent, the id of the new task, what is wanted."""
    parent, task_id, wanted = whose
    task, refusal = _checked(
        lambda: compose.child(state, parent, task_id, wanted, now=now, given=given),
        lambda: compose.unpublished(state, task_id, wanted.agent, wanted.type, now=now),
    )
    return Publication(task, refusal, wanted.name, parent.id)


def _checked(made: Callable[[], Task], instead: Callable[[], Task]) -> tuple[Task, Result | None]:
    """The task, or what stands in its place with the reason for which it cannot be published."""
    try:
        task = made()
        check_hops(task)
        schema.encode(task)
    except (ContractError, UnknownRole) as error:
        unpublished = instead()
        return unpublished, compose.refused(unpublished, error)
    return task, None
