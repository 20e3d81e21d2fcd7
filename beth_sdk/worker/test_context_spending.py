"""Steps that cost money: reserved before, accounted for after, and never more than the task may spend."""

from __future__ import annotations

from typing import Any

import pytest

from beth_sdk import history as facts
from beth_sdk.agent import TaskCancelled
from beth_sdk.errors import BudgetExceeded, Fatal, StepRaised
from beth_sdk.worker.test_context_steps import Counter, Diary, Killed


@pytest.fixture
def diary() -> Diary:
    return Diary()


CALL: dict[str, Any] = {"repeat": "safe", "usage": lambda outcome: outcome["usage"]}
PAID = {"usage": {"cost_usd": 0.25, "input_tokens": 10, "llm_calls": 1}}


async def die_in_a_call(diary: Diary, reserve: float, **task: Any) -> None:
    with pytest.raises(Killed):
        await diary.delivered(**task).step("model", Counter(raises=Killed()), reserve=reserve, **CALL)


async def test_the_intent_of_a_step_that_costs_money_is_journaled_before_it_runs(diary: Diary) -> None:
    await diary.delivered().step("model", Counter(PAID), reserve=0.5, **CALL)
    assert diary.written() == [facts.STEP_STARTED, facts.STEP_DONE]


async def test_a_safe_step_without_a_price_has_no_intent(diary: Diary) -> None:
    await diary.delivered().step("look", Counter(PAID), **CALL)
    assert diary.written() == [facts.STEP_DONE]


async def test_what_an_outcome_used_up_takes_the_place_of_its_reservation(diary: Diary) -> None:
    ctx = diary.delivered()
    await ctx.step("model", Counter(PAID), reserve=0.5, **CALL)
    assert ctx.spending.used == {"cost_usd": 0.25, "input_tokens": 10, "llm_calls": 1}
    assert (ctx.spending.reserved, ctx.spending.cost_usd) == (0.0, 0.25)


async def test_usage_adds_up_over_steps_and_deliveries(diary: Diary) -> None:
    await diary.delivered().step("model", Counter(PAID), reserve=0.5, **CALL)
    ctx = diary.delivered()
    for _ in range(2):
        await ctx.step("model", Counter(PAID), reserve=0.5, **CALL)
    assert ctx.spending.cost_usd == 0.5
    assert ctx.spending.used["llm_calls"] == 2


async def test_an_intent_without_an_outcome_costs_its_whole_reservation(diary: Diary) -> None:
    await die_in_a_call(diary, 0.5)
    assert diary.delivered().spending.cost_usd == 0.5


async def test_a_step_that_died_twice_and_then_ran_costs_both_reservations_and_its_usage(diary: Diary) -> None:
    await die_in_a_call(diary, 0.5)
    await die_in_a_call(diary, 0.5)
    ctx = diary.delivered()
    await ctx.step("model", Counter(PAID), reserve=0.5, **CALL)
    assert ctx.spending.cost_usd == 1.25


async def test_a_step_that_raised_costs_nothing(diary: Diary) -> None:
    ctx = diary.delivered()
    with pytest.raises(StepRaised):
        await ctx.step("model", Counter(raises=Fatal("no such model")), reserve=0.5, **CALL)
    assert ctx.spending.cost_usd == 0


async def test_a_step_that_costs_more_than_is_left_does_not_run_and_leaves_no_intent(diary: Diary) -> None:
    call = Counter(PAID)
    ctx = diary.delivered(budget={"cost_usd": 0.6})
    await ctx.step("model", call, reserve=0.5, **CALL)
    with pytest.raises(BudgetExceeded) as refused:
        await ctx.step("model", call, reserve=0.5, **CALL)
    assert (refused.value.wanted, refused.value.spent, refused.value.limit) == (0.5, 0.25, 0.6)
    assert call.runs == 1
    assert diary.written() == [facts.STEP_STARTED, facts.STEP_DONE]


async def test_exactly_what_is_left_may_be_spent(diary: Diary) -> None:
    ctx = diary.delivered(budget={"cost_usd": 0.3})
    for _ in range(3):
        await ctx.step("model", Counter({"usage": {"cost_usd": 0.1}}), reserve=0.1, **CALL)
    assert ctx.spending.left == pytest.approx(0)


async def test_a_death_in_a_call_leaves_less_for_the_next(diary: Diary) -> None:
    await die_in_a_call(diary, 0.5, budget={"cost_usd": 0.6})
    with pytest.raises(BudgetExceeded):
        await diary.delivered(budget={"cost_usd": 0.6}).step("model", Counter(PAID), reserve=0.5, **CALL)


async def test_a_replayed_step_needs_no_money(diary: Diary) -> None:
    call = Counter(PAID)
    await diary.delivered(budget={"cost_usd": 0.5}).step("model", call, reserve=0.5, **CALL)
    assert await diary.delivered(budget={"cost_usd": 0.5}).step("model", call, reserve=0.5, **CALL) == PAID
    assert call.runs == 1


async def test_a_cancellation_that_comes_with_the_intent_is_in_time(diary: Diary) -> None:
    call = Counter(PAID)
    diary.signal_at = {facts.STEP_STARTED: TaskCancelled("enough")}
    with pytest.raises(TaskCancelled):
        await diary.delivered().step("model", call, reserve=0.5, **CALL)
    assert call.runs == 0


async def test_without_a_limit_nothing_is_refused(diary: Diary) -> None:
    ctx = diary.delivered()
    await ctx.step("model", Counter(PAID), reserve=1000.0, **CALL)
    assert ctx.spending.left is None
