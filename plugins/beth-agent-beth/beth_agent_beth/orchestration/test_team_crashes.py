"""Beth killed anywhere while a request is planned by a model, approved, sent back by a gate, and runs out of money."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import TTL, Killed, Life, Office, Through, inputs, result_of
from beth_agent_beth.fold import facts
from beth_sdk.messages import Result, Task

PLAN = {
    "name": "mine",
    "task": [
        {"name": "build", "agent": "builder", "type": "make", "description": "b", "reason": "r"},
        {"name": "check", "agent": "checker", "type": "verify", "needs": ["build"], "gate": True},
        {"name": "other", "agent": "builder", "type": "make", "description": "o", "reason": "r"},
    ],
}
ROLES = ("beth", "builder", "checker", "developer")


class Team:
    """Ends tasks as the story wants them, by what they are alone: asked again, it says the same."""

    def end(self, task: Task) -> Result:
        name = task.id.partition(".")[2]
        assert task.budget is not None
        upto = task.budget.cost_usd or 0.0
        usage = {"cost_usd": min(upto, 0.02)}
        if name == "0":
            return result_of(task, result={"summary": "p", "plan": PLAN}, usage=usage)
        if task.agent == "checker" and name != "7":
            return result_of(task, verdict={"decision": "changes_requested"}, usage=usage)
        if name == "3" and upto < 0.05:
            details = {"limit": "budget", "dimension": "cost_usd", "spent": upto, "wanted": 0.06}
            error = {"code": "cost_limit", "message": "more", "retryable": False, "details": details}
            return result_of(task, "failed", error=error, usage={"cost_usd": upto})
        return result_of(task, usage=usage)


async def killed_once(office: Office, verb: str, when: str, nth: int) -> bool:
    """Take a request to its end, the first Beth killed at the nth call of that verb; returns whether she was."""
    name = f"r-{verb}-{when}-{nth}"
    await office.submit(plan=None, request_id=name, approve_plan=True, budget={"cost_usd": 0.1}, policy=None)
    life = Life(nth)
    journal, bus = Through(office.journal, life), Through(office.bus, life)
    for one in (journal, bus):
        getattr(one, when)[verb] = life.hit
    beth, team = office.beth(bus=bus.as_bus, journal=journal.as_journal), Team()
    results: list[Result] = []
    for _ in range(200):
        state = await office.state(name)
        if state.ended:
            break
        assert (state.budget.committed.cost_usd or 0) <= (state.budget.total.cost_usd or 0) + 1e-9
        for asked in state.open_questions:
            answers = {"plan": "approve", "gate": "accept", "budget": "+0.2"}
            await requests.answer(office.bus, office.journal, asked.about, answers[asked.kind])
        try:
            await beth.attend(name, inputs(*results), reconcile=True)
        except Killed:
            office.clock.advance(TTL + 1)
            beth = office.beth()
        else:
            results = [await office.end(team.end(task)) for task in await office.queued(*ROLES)]
    state, kinds = await office.state(name), await office.kinds(name)
    assert state.status == "complete", state.reason
    assert kinds.count(facts.PUBLISHING) == kinds.count(facts.TAKEN)
    assert kinds.count(facts.ENDED) == kinds.count(facts.PLANNED) == 1
    keys = [one.id for one in state.asked.values()]
    assert len(keys) == len(set(keys)) == kinds.count(facts.ASKING)
    names = sorted(one.name for one in state.tasks.values())
    assert names == ["build", "check", "check-2", "check-3", "check-fix", "check-fix-2", "other", "plan"]
    return life.over


@pytest.mark.parametrize(("verb", "least"), [("append", 15), ("publish", 8), ("take", 8), ("drop", 8)])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_anywhere_each_task_is_published_and_taken_once_and_each_question_asked_once(
    office: Office, verb: str, when: str, least: int
) -> None:
    kills = 0
    while await killed_once(office, verb, when, kills + 1):
        kills += 1
    assert kills >= least


async def test_nothing_here_depends_on_who_is_asked_when(office: Office) -> None:
    fields: dict[str, Any] = {"plan": None, "approve_plan": True, "budget": {"cost_usd": 0.1}}
    await office.submit(request_id="a", **fields)
    first = office.beth()
    await first.attend("a")
    task = await office.one_queued("beth")
    await office.end(Team().end(task))
    await office.beth().attend("a", reconcile=True)
    await first.attend("a", inputs(Team().end(task)))
    assert [one.kind for one in (await office.state("a")).open_questions] == ["plan"]
    assert (await office.kinds("a")).count(facts.TAKEN) == 1
