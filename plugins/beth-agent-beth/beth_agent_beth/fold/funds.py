"""The money, tokens and time of a request, cut into slices for its tasks, and the tasks whose slice did not reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from beth_agent_beth.fold.budget import DIMENSIONS, Budget, Dimension, Shortage, Slices, covering
from beth_agent_beth.fold.gates import Gates
from beth_agent_beth.fold.questions import STOP, Asked, amount_of, word_of
from beth_agent_beth.fold.task_state import TaskState
from beth_sdk import messages

NO_MORE = "no more money was given"
"""Why tasks that had been begun end where a person gives no more."""


@dataclass(slots=True)
class Funds(Gates):
    """Tasks that share a budget."""

    budget: Budget = field(default_factory=Budget)
    weights_left: float = 0.0
    """What the tasks weigh that are known and still to be given something."""
    unfunded: dict[str, Shortage] = field(default_factory=dict)
    """Tasks that used up what they were given and go on once there is more → what was short."""
    funds_stopped: bool = False
    """A person gives no more."""

    def weight(self, one: TaskState) -> float:
        """What a task weighs when the budget is cut."""
        return self.policy.budget.weight(one.size)

    def slices(self, further: Iterable[float] = ()) -> Slices:
        """What can be given to tasks now; `further`: what those weigh that are not counted yet."""
        return self.budget.slices(self.weights_left + sum(further))

    def _weigh(self, one: TaskState, sign: int) -> None:
        if one.weighed is not (sign > 0):
            one.weighed = sign > 0
            self.weights_left = max(0.0, self.weights_left + sign * self.weight(one))

    def _spending(self, one: TaskState, task: messages.Task) -> None:
        self._weigh(one, -1)
        self.unfunded.pop(one.id, None)
        self.budget.published(one.id, task.budget)

    def _spent(self, one: TaskState, result: messages.Result) -> None:
        self.budget.taken(one.id, result)

    def _shortage(self, one: TaskState, result: messages.Result) -> Shortage | None:
        """What was short where a task ended because its slice did not reach and may get more."""
        given = one.task.budget if one.task is not None else None
        if self.funds_stopped or given is None or not given.more:
            return None
        return self.budget.shortage_of(one.id, result)

    def _unfunded(self, one: TaskState, shortage: Shortage) -> None:
        one.status = "unfunded"
        self.unfunded[one.id] = shortage
        self._weigh(one, +1)

    def _forget(self, concerned: Iterable[TaskState]) -> None:
        concerned = list(concerned)
        Gates._forget(self, concerned)
        for one in concerned:
            self.unfunded.pop(one.id, None)
            self._weigh(one, -1)

    def _decided_budget(self, asked: Asked) -> list[TaskState]:
        """Take in a person's answer; returns the tasks that fail because there is no more."""
        assert asked.answer is not None
        amount = amount_of(asked.answer)
        if amount is not None:
            self._raise(asked, amount)
        elif word_of(asked.answer)[0] == STOP and not asked.moot:
            self.funds_stopped = True
            failed = [self.tasks[task_id] for task_id in (*self.unfunded, *self.to_continue, *self.to_delegate)]
            self._forget(list(self.tasks.values()))
            return failed
        return []

    def _raise(self, asked: Asked, amount: float) -> None:
        total = self.budget.total
        before = getattr(total, asked.dimension or "cost_usd") or 0
        if asked.answer is not None and asked.answer.strip().startswith("+"):
            amount += before
        if amount > before:
            self.budget.raised(covering(total, Shortage(_dimension(asked)), amount))

    def _funds_again(self) -> None:
        """A person wants it tried again: those that were to begin when there was no more money may begin."""
        if self.funds_stopped:
            self.funds_stopped = False
            for one in self.tasks.values():
                if one.status == "waiting" and one.parent is None and not self._unmet.get(one.id):
                    self.ready[one.id] = None
                    self._weigh(one, +1)


def _dimension(asked: Asked) -> Dimension:
    return next((one for one in DIMENSIONS if one == asked.dimension), "cost_usd")
