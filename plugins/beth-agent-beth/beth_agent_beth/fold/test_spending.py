"""Requests with a budget, played with random tasks, Beths who forget everything, results that come late and twice: at
every moment what was spent and what may still be spent is within what the user allowed, and there is always an end."""

from __future__ import annotations

import random
from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, inputs, result_of
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_sdk.messages import Result, Task

ROLES = ("a", "b", "c")
MOST_ROUNDS = 400


class Workers:
    """Tasks of many steps, each of which is reserved for dearer than it is. A worker goes by its slice and by nothing
    else; `spent` is what was really paid, a call that was cut off included."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.running: dict[str, Task] = {}
        self.counted: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        self._steps: dict[str, int] = {}

    def take(self, tasks: list[Task]) -> None:
        self.running.update({task.id: task for task in tasks})

    def allowed(self) -> float:
        """What may be spent at the most before Beth hears of anything."""
        of_running = sum(_limit(task) for task in self.running.values())
        return of_running + sum(cost for name, cost in self.counted.items() if name not in self.running)

    def work(self) -> list[Result]:
        """Have some of those that run come to an end."""
        return [self._ended(self.running.pop(name)) for name in sorted(self.running) if self.dice.random() < 0.4]

    def _ended(self, task: Task) -> Result:
        steps = self._steps.setdefault(task.id, self.dice.choice([0, 1, 4, 9]))
        counted = self.counted.setdefault(task.id, 0.0)
        spent = self.spent.setdefault(task.id, 0.0)
        while steps:
            reserved = self.dice.choice([0.02, 0.05])
            if counted + reserved > _limit(task) + 1e-9:
                return self._short(task, steps, counted, spent, reserved)
            if self.dice.random() < 0.15:  # the worker dies in the call: paid, and counted as reserved
                counted, spent = counted + reserved, spent + reserved * self.dice.random()
                continue
            cost = reserved * self.dice.random()
            counted, spent, steps = counted + cost, spent + cost, steps - 1
        self._keep(task, 0, counted, spent)
        status = self.dice.choice(["complete", "complete", "complete", "failed"])
        return result_of(task, status, usage={"cost_usd": counted})

    def _short(self, task: Task, steps: int, counted: float, spent: float, wanted: float) -> Result:
        self._keep(task, steps, counted, spent)
        details = {"limit": "budget", "dimension": "cost_usd", "spent": counted, "wanted": wanted}
        error = {"code": "cost_limit", "message": "over", "details": details}
        return result_of(task, "failed", usage={"cost_usd": counted}, error=error)

    def _keep(self, task: Task, steps: int, counted: float, spent: float) -> None:
        self._steps[task.id], self.counted[task.id], self.spent[task.id] = steps, counted, spent


def _limit(task: Task) -> float:
    assert task.budget is not None
    assert task.budget.more
    assert task.budget.cost_usd is not None
    return task.budget.cost_usd


def planned(dice: random.Random) -> list[dict[str, Any]]:
    """Tasks of all sizes, each of which needs some of those before it."""
    names: list[str] = []
    tasks: list[dict[str, Any]] = []
    for number in range(dice.choice([1, 3, 8])):
        needs = dice.sample(names, min(len(names), dice.choice([0, 0, 1, 2])))
        size = dice.choice(["S", "M", "L", "XL"])
        tasks.append({"name": f"t{number}", "agent": dice.choice(ROLES), "type": "act", "needs": needs, "size": size})
        names.append(f"t{number}")
    return tasks


@pytest.mark.parametrize("seed", range(40))
async def test_a_request_never_spends_more_than_it_was_allowed_and_always_ends(office: Office, seed: int) -> None:
    dice = random.Random(seed)
    total = dice.choice([0.0, 0.1, 0.5])
    await office.submit(*planned(dice), budget={"cost_usd": total})
    beth: Orchestrator = office.beth()
    workers = Workers(dice)
    old: list[Result] = []
    await beth.attend("r")
    for _ in range(MOST_ROUNDS):
        workers.take(await office.queued(*ROLES))
        assert workers.allowed() <= total + 1e-6
        state = await office.state()
        if state.ended:
            break
        assert (state.budget.committed.cost_usd or 0.0) <= total
        asked = [one for one in state.open_questions if one.kind == "budget"]
        if asked and not workers.running:
            total = round(total + 0.3, 2)
            await requests.answer(office.bus, office.journal, "r", f"{total:.2f}")
            await beth.attend("r")
            continue
        new = workers.work()
        for one in new:
            await office.end(one)
        arrived = [one for one in new if dice.random() < 0.8]  # the others were lost; a look around finds them
        old += arrived
        again = [dice.choice(old)] if old and dice.random() < 0.3 else []
        if dice.random() < 0.2:
            beth = office.beth()
        await beth.attend("r", inputs(*again, *arrived), reconcile=len(arrived) < len(new))
    state = await office.state()
    assert state.ended, "it goes round for ever"
    ends = [one.result.error.code for one in state.tasks.values() if one.result is not None and one.result.error]
    assert set(ends) <= {"broken"}, "nobody is left without money that somebody would have given"
    assert sum(workers.spent.values()) <= total + 1e-6
    assert state.budget.spent.cost_usd == pytest.approx(sum(workers.counted.values()), abs=1e-6)
