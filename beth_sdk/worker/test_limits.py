"""Limits that end a continuation: what the result tells, and how the task goes on with a larger budget."""

from __future__ import annotations

from typing import Any

import pytest

from beth_sdk import history as facts
from beth_sdk.agent import Context
from beth_sdk.dead_letters import redrive
from beth_sdk.errors import BudgetExceeded, Fatal
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result, Task, Usage
from beth_sdk.worker.conftest import Acting, Bench, Gate, a_manifest, a_task, complete, raising, soon
from beth_sdk.worker.limits import out_of_time, to_be_continued, wall_of

MORE: dict[str, Any] = {"cost_usd": 0.6, "more": True}


class Paying:
    """An agent of three steps that cost half a dollar at the most and a quarter in truth. `calls` are those made."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def __call__(self, task: Task, ctx: Context) -> Result:
        for number in range(3):

            async def call(number: int = number) -> dict[str, float]:
                self.calls.append(number)
                return {"cost_usd": 0.25}

            await ctx.step("model", call, input=number, repeat="safe", reserve=0.5, usage=lambda outcome: outcome)
        return Result.complete("paid")


async def died_in_a_call(bench: Bench, reserve: float) -> None:
    step = {"name": "model", "n": 0, "digest": "d", "reserve": reserve}
    await bench.die(Fact(facts.STARTED, {"continuation": 0}), Fact(facts.STEP_STARTED, step))


# -- what a result says was used up -----------------------------------------------------------


async def test_what_died_in_a_paid_step_is_part_of_what_the_result_says_was_used(bench: Bench) -> None:
    await died_in_a_call(bench, 0.5)
    await bench.publish()
    await bench.run(complete)
    result = await bench.result()
    assert result.usage is not None
    assert result.usage.cost_usd == 0.5


async def test_so_it_is_where_the_task_is_given_up_or_cancelled(bench: Bench) -> None:
    await died_in_a_call(bench, 0.5)
    await bench.told("cancel")
    await bench.publish()
    await bench.run(complete)
    result = await bench.result()
    assert result.usage is not None
    assert (result.status, result.usage.cost_usd) == ("cancelled", 0.5)


@pytest.mark.parametrize(("told", "counted"), [(0.1, 0.25), (0.4, 0.4)])
async def test_an_agent_can_say_that_it_used_more_than_was_journaled_and_never_less(
    bench: Bench, told: float, counted: float
) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        async def call() -> dict[str, float]:
            return {"cost_usd": 0.25}

        await ctx.step("model", call, reserve=0.5, usage=lambda outcome: outcome)
        return Result.complete(1, usage=Usage(cost_usd=told, model="own"))

    await bench.publish()
    await bench.run(execute)
    result = await bench.result()
    assert result.usage is not None
    assert (result.usage.cost_usd, result.usage.model) == (counted, "own")


# -- money ------------------------------------------------------------------------------------


async def test_a_task_whose_slice_is_used_up_says_so_and_is_no_dead_letter(bench: Bench) -> None:
    await bench.publish(a_task(budget=MORE))
    await bench.run(Paying())
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code) == ("failed", "cost_limit")
    expected = {"limit": "budget", "dimension": "cost_usd", "spent": 0.25, "wanted": 0.5, "step": "model", "of": 0.6}
    assert result.error.details == expected
    assert await bench.dead() == []


async def test_it_goes_on_with_a_larger_budget_and_pays_for_no_step_twice(bench: Bench) -> None:
    agent = Paying()
    for continuation, limit in enumerate((0.6, 0.8, 1.0)):
        await bench.publish(a_task(budget={**MORE, "cost_usd": limit}, continuation=continuation))
        await bench.run(agent)
    found = await bench.results()
    assert [(one.status, one.usage and one.usage.cost_usd) for one in found] == [
        ("failed", 0.25),
        ("failed", 0.5),
        ("complete", 0.75),
    ]
    assert [one.attempt for one in found] == [1, 1, 1]
    assert agent.calls == [0, 1, 2]


async def test_it_does_not_matter_how_often_it_comes_back(bench: Bench) -> None:
    agent = Acting(raising(BudgetExceeded("model", 0.5, 0.2, 0.6, by="budget")))
    for continuation in range(5):  # more than the attempts it has
        await bench.publish(a_task(budget=MORE, continuation=continuation))
        await bench.run(agent)
    assert len(agent.begun) == 5
    assert {one.error and one.error.code for one in await bench.results()} == {"cost_limit"}


async def test_at_the_limit_of_the_manifest_the_task_is_dead_as_ever(bench: Bench) -> None:
    await bench.publish(a_task(budget={"cost_usd": 0.7, "more": True}))
    await bench.run(Paying(), manifest=a_manifest("limits = {cost_usd = 0.65}"))
    result = await bench.result()
    assert result.error is not None
    assert result.error.details is not None
    assert (result.error.code, result.error.details["limit"]) == ("cost_limit", "manifest")
    assert len(await bench.dead()) == 1


async def test_where_the_manifest_does_not_reach_either_more_of_the_budget_is_of_no_use(bench: Bench) -> None:
    await bench.publish(a_task(budget=MORE))
    await bench.run(Paying(), manifest=a_manifest("limits = {cost_usd = 0.65}"))
    result = await bench.result()
    assert result.error is not None
    assert result.error.details is not None
    assert result.error.details["limit"] == "manifest"


async def test_a_task_that_is_tried_again_by_a_person_first_has_to_be_given_more(bench: Bench) -> None:
    agent = Paying()

    async def failing(task: Task, ctx: Context) -> Result:
        if task.continuation == 0:
            await ctx.step("model", lambda: {"cost_usd": 0.25}, input=0, reserve=0.5, usage=lambda outcome: outcome)
            raise Fatal("no")
        return await agent(task, ctx)

    await bench.publish(a_task(budget={**MORE, "cost_usd": 5.0}))
    await bench.run(failing)
    (letter,) = await bench.dead()
    again = await redrive(bench.bus, bench.journal, letter, bench.clock)
    assert again.budget is not None
    assert again.budget.to_json() == {"cost_usd": 0.25, "more": True}
    await bench.run(failing)
    last = (await bench.results())[-1]
    assert last.error is not None
    assert (last.error.code, agent.calls) == ("cost_limit", [])


async def test_without_more_it_has_the_budget_that_it_had(bench: Bench) -> None:
    await bench.publish(a_task(budget={"cost_usd": 5.0}))
    await bench.run(raising(Fatal("no")))
    (letter,) = await bench.dead()
    again = await redrive(bench.bus, bench.journal, letter, bench.clock)
    assert again.budget is not None
    assert again.budget.cost_usd == 5.0


# -- time -------------------------------------------------------------------------------------


async def test_a_budget_of_time_cuts_a_task_off(bench: Bench) -> None:
    gate = Gate()

    async def execute(task: Task, ctx: Context) -> Result:
        return Result.complete(await ctx.step("gate", gate, repeat="safe"))

    await bench.publish(a_task(budget={"seconds": 90.0}))
    _, processing = await bench.begin(execute, manifest=a_manifest('limits = {wall = "10m"}'))
    await gate.is_reached()
    bench.clock.advance(90)
    await soon(processing)
    result = await bench.result()
    assert result.error is not None
    assert result.error.details is not None
    assert (result.error.code, result.error.details["limit"]) == ("time_limit", "budget")
    assert "budget.seconds" in result.error.message


async def test_a_budget_of_which_more_may_be_had_cuts_nothing_off_and_lets_nothing_begin(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        bench.clock.advance(100)
        return Result.complete(await ctx.ask("How?"))

    agent = Acting(execute)
    budget = {"seconds": 90.0, "more": True}
    await bench.publish(a_task(budget=budget))
    await bench.run(agent)
    answer = {"question": "ask:0", "text": "So"}
    await bench.publish(a_task(budget=budget, continuation=1, answer=answer))
    await bench.run(agent)
    await bench.publish(a_task(budget={**budget, "seconds": 900.0}, continuation=2, answer=answer))
    await bench.run(agent)
    found = await bench.results()
    assert [one.status for one in found] == ["needs_input", "failed", "complete"]
    assert found[1].error is not None
    expected = {"limit": "budget", "dimension": "seconds", "spent": 100.0, "wanted": 60.0, "of": 90.0}
    assert (found[1].error.code, found[1].error.details) == ("time_limit", expected)
    assert agent.begun == ["task-1:0", "task-1:2"]
    assert await bench.dead() == []


@pytest.mark.parametrize(
    ("budget", "wall", "expected"),
    [
        (None, None, (None, "manifest")),
        (None, "1m", (60.0, "manifest")),
        ({"cost_usd": 1.0}, "1m", (60.0, "manifest")),
        ({"seconds": 30.0}, "1m", (30.0, "budget")),
        ({"seconds": 90.0}, "1m", (60.0, "manifest")),
        ({"seconds": 30.0}, None, (30.0, "budget")),
        ({"seconds": 30.0, "more": True}, "1m", (60.0, "manifest")),
    ],
)
def test_the_shorter_time_counts(budget: Any, wall: str | None, expected: tuple[float | None, str]) -> None:
    manifest = a_manifest(f'limits = {{wall = "{wall}"}}' if wall else "")
    assert wall_of(a_task(**({"budget": budget} if budget else {})), manifest) == expected


def test_a_task_that_has_time_left_is_not_out_of_time() -> None:
    assert out_of_time(a_task(), 1e9) is None
    assert out_of_time(a_task(budget={"seconds": 1.0}), 2.0) is None
    assert out_of_time(a_task(budget={"seconds": 3.0, "more": True}), 2.9) is None


def test_only_a_budget_of_which_more_may_be_had_has_a_task_go_on() -> None:
    over = BudgetExceeded("model", 1, 1, 1, by="budget")
    assert to_be_continued(a_task(budget=MORE), over)
    assert not to_be_continued(a_task(budget=MORE), BudgetExceeded("model", 1, 1, 1))
    assert not to_be_continued(a_task(budget={"cost_usd": 1.0}), over)
    assert not to_be_continued(a_task(), over)
    assert not to_be_continued(a_task(budget=MORE), Fatal("no"))
