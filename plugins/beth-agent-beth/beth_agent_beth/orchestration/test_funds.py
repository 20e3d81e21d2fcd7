"""A request's budget: cut into slices, never exceeded, and what happens where it is used up."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, inputs, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.outcome import waits_for_a_person
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Result, Task


async def begun(office: Office, *tasks: str | dict[str, Any], usd: float = 1.0, **fields: Any) -> Orchestrator:
    await office.submit(*tasks, budget={"cost_usd": usd}, **fields)
    beth = office.beth()
    await beth.attend("r")
    return beth


def used_up(task: Task, spent: float, wanted: float = 0.1) -> Result:
    """A task that stops because its slice does not reach for the next step."""
    details = {"limit": "budget", "dimension": "cost_usd", "spent": spent, "wanted": wanted}
    error = {"code": "cost_limit", "message": "used up", "retryable": False, "details": details}
    return result_of(task, "failed", error=error, usage={"cost_usd": spent})


def given(task: Task) -> float:
    assert task.budget is not None
    assert task.budget.cost_usd is not None
    return task.budget.cost_usd


async def test_each_task_gets_a_slice_by_its_size(office: Office) -> None:
    small = {"name": "a", "agent": "a", "type": "act", "size": "S"}
    large = {"name": "b", "agent": "b", "type": "act", "size": "L"}
    await begun(office, small, large)
    first, second = await office.queued("a", "b")
    assert [given(first), given(second)] == pytest.approx([0.2, 0.8])
    assert first.budget is not None
    assert first.budget.more is True


async def test_without_a_budget_tasks_have_none(office: Office) -> None:
    await office.submit("a")
    await office.beth().attend("r")
    assert (await office.one_queued("a")).budget is None


async def test_what_a_task_leaves_is_there_for_the_next(office: Office) -> None:
    beth = await begun(office, "a", "b: a")
    task = await office.one_queued("a")
    assert given(task) == pytest.approx(0.5)
    await beth.attend("r", inputs(result_of(task, usage={"cost_usd": 0.1})))
    assert given(await office.one_queued("b")) == pytest.approx(0.9)


async def test_a_task_whose_slice_did_not_reach_goes_on_with_a_larger_one(office: Office) -> None:
    beth = await begun(office, "a", "b: a")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(used_up(task, 0.45)))
    again = await office.one_queued("a")
    assert (again.id, again.continuation, again.answer) == (task.id, 1, None)
    assert given(again) > given(task)
    await beth.attend("r", inputs(result_of(again, usage={"cost_usd": 0.6})))
    assert given(await office.one_queued("b")) == pytest.approx(0.4)


async def test_it_waits_while_others_may_bring_something_back(office: Office) -> None:
    beth = await begun(office, "a", "b")
    a, b = await office.queued("a", "b")
    await beth.attend("r", inputs(used_up(a, 0.5)))
    assert await office.queued("a", "b") == []
    assert (await office.state()).open_questions == []
    await beth.attend("r", inputs(result_of(b, usage={"cost_usd": 0.1})))
    assert given(await office.one_queued("a")) == pytest.approx(0.9)


async def used_up_by_all(office: Office) -> Orchestrator:
    beth = await begun(office, "a", "b: a", usd=0.1)
    while tasks := await office.queued("a", "b"):
        for task in tasks:
            await beth.attend("r", inputs(used_up(task, given(task))))
    return beth


async def test_where_nothing_is_left_a_person_is_asked_once(office: Office) -> None:
    beth = await used_up_by_all(office)
    await beth.attend("r")
    await office.beth().attend("r", reconcile=True)
    state = await office.state()
    (asked,) = state.open_questions
    assert (asked.kind, asked.about) == ("budget", "r")
    assert "0.0500 of 0.1000 US dollars" in asked.text
    assert "whose next step may take 0.1" in asked.text
    assert waits_for_a_person(state)
    assert (await office.kinds()).count(facts.ASKING) == 1


@pytest.mark.parametrize(("answer", "total"), [("0.5", 0.5), ("$0.50", 0.5), ("+0.4 USD", 0.5)])
async def test_told_a_new_total_it_goes_on(office: Office, answer: str, total: float) -> None:
    beth = await used_up_by_all(office)
    assert await requests.answer(office.bus, office.journal, "r", answer)
    await beth.attend("r")
    assert (await office.state()).budget.total.cost_usd == pytest.approx(total)
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task, usage={"cost_usd": 0.2})))
    await beth.attend("r", inputs(result_of(await office.one_queued("b"), usage={"cost_usd": 0.3})))
    assert (await office.state()).status == "complete"


@pytest.mark.parametrize("answer", ["0.05", "0.1", "+0", "much", "-1", "nan", ""])
async def test_what_is_no_new_total_is_refused(office: Office, answer: str) -> None:
    await used_up_by_all(office)
    with pytest.raises(ConfigurationError):
        await requests.answer(office.bus, office.journal, "r", answer)
    assert len((await office.state()).open_questions) == 1


async def test_told_to_stop_it_ends_with_the_reason(office: Office) -> None:
    beth = await used_up_by_all(office)
    await requests.answer(office.bus, office.journal, "r", "stop")
    await beth.attend("r")
    state = await office.state()
    assert (state.status, state.reason) == ("failed", "a failed: used up")


async def test_too_small_a_raise_is_asked_about_again(office: Office) -> None:
    beth = await used_up_by_all(office)
    await requests.answer(office.bus, office.journal, "r", "0.11")
    await beth.attend("r")
    tasks = await office.queued("a")
    if tasks:
        await beth.attend("r", inputs(used_up(tasks[0], 0.11)))
    assert [one.id for one in (await office.state()).open_questions] == ["budget:r:2"]


async def test_a_task_at_its_manifest_s_limit_has_failed(office: Office) -> None:
    beth = await begun(office, "a")
    task = await office.one_queued("a")
    error = {"code": "cost_limit", "message": "x", "retryable": False, "details": {"limit": "manifest"}}
    await beth.attend("r", inputs(result_of(task, "failed", error=error, usage={"cost_usd": 0.1})))
    assert (await office.state()).status == "failed"


async def test_a_request_that_may_cost_nothing_still_runs_what_is_free(office: Office) -> None:
    beth = await begun(office, "a", "b: a", usd=0.0)
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    await beth.attend("r", inputs(result_of(await office.one_queued("b"))))
    assert (await office.state()).status == "complete"


async def test_a_cancelled_request_that_waits_for_money_ends(office: Office) -> None:
    beth = await used_up_by_all(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r")
    assert (await office.state()).status == "cancelled"


@pytest.mark.parametrize("many", [3, 250])
async def test_all_slices_together_are_never_more_than_the_budget(office: Office, many: int) -> None:
    beth = await begun(office, *(f"t{number}" for number in range(many)), usd=0.25)
    state = await office.state()
    assert state.budget.committed.cost_usd is not None
    assert state.budget.committed.cost_usd <= 0.25
    tasks = await office.queued(*(f"t{number}" for number in range(many)))
    assert sum(given(task) for task in tasks) <= 0.25 + 1e-9
    await beth.attend("r", inputs(*(result_of(task, usage={"cost_usd": given(task)}) for task in tasks)))
    state = await office.state()
    assert (state.budget.spent.cost_usd or 0) <= 0.25
