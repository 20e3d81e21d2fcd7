"""Publishing within what the fleet may cost in a day: reserved in the ledger first, settled once there is a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from beth_agent_beth.fold.budget import lowered
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.day import DayLedger
from beth_agent_beth.orchestration.publications import Publication
from beth_sdk import schema
from beth_sdk.messages import Task, timestamp

LEAST = 0.01
"""US dollars of which it is no use to begin a task with less, unless it wants less itself."""

UNLIMITED = 5.0
"""US dollars that are put aside at a time for a task of a request without a budget."""


class WithinDay:
    """The day's limit as one Beth keeps it."""

    def __init__(self, ledger: DayLedger) -> None:
        self._ledger = ledger

    async def granted(self, state: RequestState, made: Sequence[Publication]) -> list[Publication]:
        """Those of these that may be published today, some with a smaller slice than the request would give."""
        wants = {one.task.key: _wanted(state, one.task) for one in made if one.refusal is None}
        got = await self._ledger.grant({key: want for key, want in wants.items() if want[1] > 0})
        found: list[Publication] = []
        for one in made:
            _, most = wants.get(one.task.key, (0.0, 0.0))
            if most <= 0:
                found.append(one)
            elif one.task.key in got:
                whole = got[one.task.key] >= most and not _unlimited(state)
                found.append(one if whole else _lowered(state, one, got[one.task.key]))
        return found

    async def settle(self, state: RequestState, tasks: Iterable[TaskState]) -> None:
        """What the newest continuations of these tasks have cost; those that have no result yet are passed over."""
        spent = {
            one.result.key: state.budget.used_by(one.id, newest=True).cost_usd or 0.0
            for one in tasks
            if one.result is not None and one.id not in state.outstanding
        }
        await self._ledger.settle_all(spent)

    def withheld(self, now: float) -> dict[str, Any]:
        """The data of the fact that tasks wait for tomorrow; `now` in seconds since the Unix epoch."""
        return {"limit": self._ledger.limit, "until": timestamp(now + self._ledger.until_tomorrow())}


def _unlimited(state: RequestState) -> bool:
    """Whether a task's slice says nothing of money, unless the day makes it; then it is the day's of before."""
    return state.budget.total.cost_usd is None


def _wanted(state: RequestState, task: Task) -> tuple[float, float]:
    """US dollars that a publication adds to what its task may cost: at least, and at the most."""
    given = task.budget.cost_usd if task.budget is not None else None
    if given is None or _unlimited(state):
        most = UNLIMITED
    else:
        most = max(0.0, given - (state.budget.used_by(task.id).cost_usd or 0.0))
    short = state.unfunded.get(task.id)
    # With less than its next step wants it would be back at once, again and again.
    wanted = short.wanted if short is not None and short.dimension == "cost_usd" else 0.0
    return min(max(LEAST, wanted), most), most


def _lowered(state: RequestState, one: Publication, more: float) -> Publication:
    upto = (state.budget.used_by(one.task.id).cost_usd or 0.0) + more
    before = one.task.budget
    given = before.with_(cost_usd=upto, more=True) if before and _unlimited(state) else lowered(before, upto)
    return replace(one, task=schema.parse(Task, {**one.task.to_json(), "budget": given.to_json()}))
