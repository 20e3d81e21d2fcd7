"""Requests wait for another day where the fleet has cost what it may."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import TTL, Office, inputs, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.day import DayLedger
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.outcome import summary_of
from beth_agent_beth.orchestration.within_day import WithinDay
from beth_sdk import logs
from beth_sdk.messages import Result, Task

DAY = 86_400.0


def beth_within(office: Office, limit: float) -> Orchestrator:
    ledger = DayLedger(office.journal, office.clock, limit, instance="beth-x", ttl=TTL)
    return Orchestrator(
        office.bus,
        office.journal,
        office.clock,
        logs.get("beth.test"),
        office.hooks,
        instance="beth-x",
        ttl=TTL,
        day=WithinDay(ledger),
    )


def cost(task_budget: object) -> float:
    return float(getattr(task_budget, "cost_usd", 0.0) or 0.0)


async def test_a_task_gets_no_more_than_the_day_has(office: Office) -> None:
    await office.submit("a", budget={"cost_usd": 5.0})
    await beth_within(office, 0.5).attend("r")
    task = await office.one_queued("a")
    assert cost(task.budget) == pytest.approx(0.5)


async def test_a_request_without_a_budget_is_held_to_the_day_too(office: Office) -> None:
    await office.submit("a")
    await beth_within(office, 0.5).attend("r")
    assert cost((await office.one_queued("a")).budget) == pytest.approx(0.5)


async def test_what_the_day_does_not_have_waits_for_the_next(office: Office) -> None:
    beth = beth_within(office, 0.5)
    for name in ("r1", "r2"):
        await office.submit("a", request_id=name, budget={"cost_usd": 0.5})
        await beth.attend(name)
    task = await office.one_queued("a")
    state = await office.state("r2")
    assert (task.request_id, state.outstanding, state.ended) == ("r1", {}, False)
    told = summary_of(state)["withheld"]
    assert (told["limit"], told["until"][11:19]) == (0.5, "00:00:00")
    assert beth.to_attend("r2")
    await beth.attend("r1", inputs(result_of(task, usage={"cost_usd": 0.5})))
    await beth.attend("r2")
    assert await office.queued("a") == []
    assert (await office.kinds("r2")).count(facts.WITHHELD) == 1
    office.clock.advance(DAY)
    await beth.attend("r2")
    assert (await office.one_queued("a")).request_id == "r2"
    assert not beth.to_attend("r2")


async def test_what_a_task_left_over_is_there_for_others_on_the_same_day(office: Office) -> None:
    beth = beth_within(office, 0.5)
    for name in ("r1", "r2"):
        await office.submit("a", request_id=name, budget={"cost_usd": 0.5})
        await beth.attend(name)
    await beth.attend("r1", inputs(result_of(await office.one_queued("a"), usage={"cost_usd": 0.1})))
    await beth.attend("r2")
    assert cost((await office.one_queued("a")).budget) == pytest.approx(0.4)


async def test_a_beth_who_dies_before_she_settles_is_made_up_for(office: Office) -> None:
    await office.submit("a", "b: a", request_id="r1", budget={"cost_usd": 0.5})
    await beth_within(office, 0.5).attend("r1")
    task = await office.one_queued("a")
    await office.beth().attend("r1", inputs(result_of(task, usage={"cost_usd": 0.1})))
    await office.submit("c", request_id="r2", budget={"cost_usd": 0.5})
    beth = beth_within(office, 0.5)
    await beth.attend("r1", reconcile=True)
    await beth.attend("r2")
    assert cost((await office.one_queued("c")).budget) > 0


async def test_a_withheld_request_can_be_cancelled(office: Office) -> None:
    beth = beth_within(office, 0.0)
    await office.submit("a", budget={"cost_usd": 0.5})
    await beth.attend("r")
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r")
    assert (await office.state()).status == "cancelled"


def short(task: Task, spent: float, wanted: float) -> Result:
    """The result of a task whose slice did not reach."""
    details = {"limit": "budget", "dimension": "cost_usd", "spent": spent, "wanted": wanted}
    error = {"code": "cost_limit", "message": "over", "details": details}
    return result_of(task, "failed", usage={"cost_usd": spent}, error=error)


async def test_a_task_that_wants_more_than_the_day_has_does_not_come_back_again_and_again(office: Office) -> None:
    beth = beth_within(office, 0.5)
    await office.submit("a", budget={"cost_usd": 5.0})
    await beth.attend("r")
    first = await office.one_queued("a")
    await beth.attend("r", inputs(short(first, spent=0.4, wanted=0.2)))
    assert await office.queued("a") == []
    assert beth.to_attend("r")
    office.clock.advance(DAY)
    await beth.attend("r")
    again = await office.one_queued("a")
    assert again.continuation == 1
    assert cost(again.budget) == pytest.approx(0.9)


async def test_a_task_of_a_request_without_a_budget_goes_on_with_more_of_the_day(office: Office) -> None:
    beth = beth_within(office, 8.0)
    await office.submit("a")
    await beth.attend("r")
    first = await office.one_queued("a")
    assert cost(first.budget) == pytest.approx(5.0)
    await beth.attend("r", inputs(short(first, spent=4.9, wanted=0.2)))
    again = await office.one_queued("a")
    assert again.continuation == 1
    assert cost(again.budget) == pytest.approx(8.0)
