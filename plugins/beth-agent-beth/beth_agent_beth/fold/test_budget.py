"""What a request may use up: sums that no crash can break, slices that add up to no more than there is."""

from __future__ import annotations

import random
from typing import Any

import pytest

from beth_agent_beth.fold.budget import Amounts, Budget, Shortage, covering, lowered
from beth_sdk import messages
from beth_sdk.errors import InvalidMessage
from beth_sdk.messages import Result


def result(status: str = "complete", usage: dict[str, Any] | None = None, **further: Any) -> Result:
    told = {} if usage is None else {"usage": usage}
    return Result.model_validate({"task_id": "a", "status": status, **told, **further})


def short_of(code: str = "cost_limit", *, usage: dict[str, Any] | None = None, **details: Any) -> Result:
    told = {"limit": "budget", **details}
    return result("failed", usage or {}, error={"code": code, "message": "over", "details": told})


def give(budget: Budget, task_id: str, weight: float = 1, left: float = 1, wanted: Shortage | None = None) -> float:
    """A slice that is published at once; returns its US dollars."""
    given = budget.slice_of(task_id, weight, left, wanted)
    budget.published(task_id, given)
    assert given is not None
    assert given.cost_usd is not None
    return given.cost_usd


# -- what a request may use up ----------------------------------------------------------------


@pytest.mark.parametrize("document", [None, {}, {"cost_usd": None, "tokens": None}])
def test_a_request_without_a_budget_has_no_limit_at_all(document: dict[str, Any] | None) -> None:
    budget = Budget.of(document)
    assert not budget.limited
    assert budget.left == Amounts()
    assert budget.slice_of("a", 1, 1) is None


def test_a_dimension_that_is_not_said_is_not_limited() -> None:
    given = Budget.of({"cost_usd": 2.0}).slice_of("a", 1, 1)
    assert given is not None
    assert given.to_json() == {"more": True, "cost_usd": 2.0}


@pytest.mark.parametrize("wrong", [{"cost_usd": -1}, {"tokens": 1.5}, {"seconds": "1h"}, {"cost_usd": float("nan")}])
def test_what_is_no_budget_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        Budget.of(wrong)


def test_a_new_total_counts_from_then_on_and_the_others_stay() -> None:
    budget = Budget.of({"cost_usd": 1.0, "tokens": 100})
    give(budget, "a")
    budget.raised(Amounts(cost_usd=1.5))
    assert budget.total == Amounts(1.5, 100)
    assert budget.left == Amounts(0.5, 0)


def test_a_total_below_what_is_spent_leaves_nothing_and_never_less() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a")
    budget.raised(Amounts(cost_usd=0.2))
    assert budget.left == Amounts(0.0)
    assert give(budget, "b") == 0.0


# -- slices -----------------------------------------------------------------------------------


def test_a_task_gets_its_weight_in_what_is_left() -> None:
    budget = Budget.of({"cost_usd": 1.0, "tokens": 1000, "seconds": 100.0})
    given = budget.slice_of("a", 2, 8)
    assert given is not None
    assert (given.cost_usd, given.tokens, given.seconds, given.more) == (0.25, 250, 25.0, True)


def test_the_last_task_gets_all_that_is_left() -> None:
    budget = Budget.of({"cost_usd": 0.1})
    assert [give(budget, "a", 1, 3), give(budget, "b", 1, 2), give(budget, "c", 1, 1)] == [
        pytest.approx(0.1 / 3),
        pytest.approx(0.1 / 3),
        pytest.approx(0.1 / 3),
    ]
    assert budget.left == Amounts(0.0)


def test_tasks_that_are_published_together_get_equal_shares() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    slices = budget.slices(4)
    given = [slices.of(name, 1) for name in "abc"]
    assert [one.cost_usd for one in given if one is not None] == [0.25, 0.25, 0.25]


def test_tasks_that_are_published_together_never_get_more_than_there_is() -> None:
    budget = Budget.of({"cost_usd": 0.1})
    slices = budget.slices(10)
    wanted = Shortage("cost_usd", 0.04)
    given = [slices.of(name, 1, wanted) for name in "abcd"]
    assert [one.cost_usd for one in given if one is not None] == [0.04, 0.04, 0.02, 0.0]


def test_slices_know_whether_there_is_something_of_everything() -> None:
    assert Budget.of({}).slices(1).some
    slices = Budget.of({"cost_usd": 1.0, "tokens": 10}).slices(1)
    assert slices.some
    slices.of("a", 1)
    assert not slices.some


@pytest.mark.parametrize(("weight", "left"), [(3, 0), (3, 1), (3, -5)])
def test_weights_that_do_not_add_up_give_what_is_left_and_no_more(weight: float, left: float) -> None:
    assert give(Budget.of({"cost_usd": 1.0}), "a", weight, left) == 1.0


def test_a_task_without_weight_gets_nothing() -> None:
    assert give(Budget.of({"cost_usd": 1.0}), "a", 0, 0) == 0.0


def test_without_any_money_a_task_can_still_use_a_model_that_is_free() -> None:
    budget = Budget.of({"cost_usd": 0})
    assert give(budget, "a") == 0.0
    budget.taken("a", result(usage={"seconds": 3.0}))
    assert give(budget, "b") == 0.0
    assert budget.committed.cost_usd == 0.0


# -- what results tell ------------------------------------------------------------------------


def test_a_slice_counts_as_spent_until_a_result_tells_otherwise() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    assert (budget.spent.cost_usd, budget.committed.cost_usd, budget.left.cost_usd) == (0.0, 0.5, 0.5)
    assert budget.given
    budget.taken("a", result(usage={"cost_usd": 0.2}))
    assert (budget.spent.cost_usd, budget.committed.cost_usd, budget.left.cost_usd) == (0.2, 0.2, 0.8)
    assert not budget.given


def test_tokens_of_input_and_output_count_together() -> None:
    budget = Budget.of({"tokens": 100})
    budget.published("a", budget.slice_of("a", 1, 1))
    budget.taken("a", result(usage={"input_tokens": 30, "output_tokens": 12}))
    assert budget.left.tokens == 58


@pytest.mark.parametrize("status", ["failed", "cancelled", "needs_input", "complete"])
def test_a_result_that_does_not_say_what_was_used_frees_nothing(status: str) -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    budget.taken("a", result(status))
    assert budget.left.cost_usd == 0.5


def test_a_task_that_nobody_began_frees_its_slice() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    budget.taken("a", result("rejected"))
    assert budget.left.cost_usd == 1.0


def test_a_task_that_used_more_than_its_slice_takes_it_from_the_others() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    budget.taken("a", result(usage={"cost_usd": 0.7}))
    assert budget.left.cost_usd == pytest.approx(0.3)


def test_a_later_result_that_tells_less_gives_nothing_back() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    budget.taken("a", result("needs_input", {"cost_usd": 0.4}))
    give(budget, "a", 1, 2)
    budget.taken("a", result(usage={"cost_usd": 0.1}))
    assert budget.spent.cost_usd == 0.4


def test_what_a_task_used_counts_once_over_its_continuations() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 2)
    budget.taken("a", result("needs_input", {"cost_usd": 0.4}))
    assert give(budget, "a", 1, 2) == pytest.approx(0.7)
    assert budget.committed.cost_usd == pytest.approx(0.7)
    assert budget.used_by("a") == Amounts(0.4, 0, 0.0)
    budget.taken("a", result(usage={"cost_usd": 0.5}))
    assert budget.spent.cost_usd == 0.5
    assert budget.used_by("a", newest=True).cost_usd == pytest.approx(0.1)


def test_a_task_that_is_published_once_more_holds_one_slice() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    given = budget.slice_of("a", 1, 2)
    for _ in range(3):
        budget.published("a", given)
    assert budget.committed.cost_usd == 0.5


def test_what_the_request_pays_for_besides_its_tasks_counts_too() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "plan", 1, 4)
    budget.settled("plan", Amounts(cost_usd=0.1))
    assert budget.left.cost_usd == 0.9
    assert budget.spent.cost_usd == 0.1


# -- a slice that did not reach ---------------------------------------------------------------


def test_a_result_says_which_dimension_was_short_and_what_the_next_step_wants() -> None:
    assert Shortage.of(short_of(dimension="cost_usd", spent=0.1, wanted=0.05)) == Shortage("cost_usd", 0.05)
    assert Shortage.of(short_of("token_limit", wanted=900)) == Shortage("tokens", 900.0)
    assert Shortage.of(short_of("time_limit")) == Shortage("seconds", 0.0)


@pytest.mark.parametrize("wanted", ["much", True, -1, None, [1]])
def test_what_is_no_amount_is_not_wanted(wanted: Any) -> None:
    assert Shortage.of(short_of(wanted=wanted)) == Shortage("cost_usd", 0.0)


@pytest.mark.parametrize(
    "other",
    [
        result("failed", error={"code": "cost_limit", "message": "over"}),
        result("failed", error={"code": "cost_limit", "message": "over", "details": {"limit": "manifest"}}),
        result("failed", error={"code": "stuck", "message": "circles", "details": {"limit": "budget"}}),
        result("complete"),
    ],
)
def test_every_other_end_of_a_task_is_no_shortage(other: Result) -> None:
    assert Shortage.of(other) is None


def test_a_task_that_comes_back_gets_what_its_next_step_wants() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 10)
    budget.taken("a", short_of(usage={"cost_usd": 0.08}))
    wanted = Shortage("cost_usd", 0.3)
    assert budget.reaches("a", wanted)
    assert give(budget, "a", 1, 10, wanted) == pytest.approx(0.38)


def test_a_task_that_comes_back_gets_its_share_where_that_is_more() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 10)
    budget.taken("a", short_of(usage={"cost_usd": 0.1}))
    assert give(budget, "a", 1, 3, Shortage("cost_usd", 0.01)) == pytest.approx(0.4)


def test_a_task_that_comes_back_gets_more_than_it_had_whatever_it_says() -> None:
    budget = Budget.of({"tokens": 1000})
    budget.published("a", budget.slice_of("a", 1, 2))
    budget.taken("a", short_of("token_limit", usage={"input_tokens": 400}))
    given = budget.slice_of("a", 1, 100, Shortage("tokens"))
    assert given is not None
    assert given.tokens == 501


def test_nothing_reaches_where_nobody_would_get_any_further() -> None:
    budget = Budget.of({"cost_usd": 0.1})
    give(budget, "a", 1, 2)
    give(budget, "b", 1, 1)
    budget.taken("a", short_of(usage={"cost_usd": 0.04}))
    wanted = Shortage("cost_usd", 0.02)
    assert not budget.reaches("a", wanted)
    budget.taken("b", result(usage={"cost_usd": 0.02}))
    assert budget.reaches("a", wanted)


def test_what_is_not_limited_always_reaches() -> None:
    assert Budget.of({"tokens": 0}).reaches("a", Shortage("cost_usd", 100.0))


def test_several_that_come_back_at_once_share_what_there_is() -> None:
    budget = Budget.of({"cost_usd": 0.1})
    wanted = Shortage("cost_usd", 0.06)
    slices = budget.slices(2)
    assert slices.reaches("a", wanted)
    slices.of("a", 1, wanted)
    assert not slices.reaches("b", wanted)


def test_a_new_total_is_said_in_the_dimension_that_was_short() -> None:
    assert covering(Amounts(1.0), Shortage("cost_usd"), 2.0) == Amounts(2.0)
    assert covering(Amounts(1.0, 10), Shortage("tokens"), 20.0) == Amounts(1.0, 20)


def test_a_slice_can_be_lowered_and_never_raised() -> None:
    given = messages.Budget(cost_usd=0.5, tokens=9, more=True)
    assert lowered(given, 0.2).to_json() == {"cost_usd": 0.2, "tokens": 9, "more": True}
    assert lowered(given, 0.9) == given
    assert lowered(None, 0.2).to_json() == {"cost_usd": 0.2, "more": True}


def test_a_task_that_had_what_it_wants_and_used_nothing_does_not_come_back_for_ever() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a", 1, 100)
    little = short_of(wanted=0.05)
    budget.taken("a", little)
    assert budget.shortage_of("a", little) == Shortage("cost_usd", 0.05)
    give(budget, "a", 1, 100, Shortage("cost_usd", 0.05))
    budget.taken("a", little)
    assert budget.shortage_of("a", little) is None


def test_a_task_that_used_what_it_was_given_comes_back_as_often_as_it_does() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    used = 0.0
    for _ in range(10):
        give(budget, "a", 1, 100, Shortage("cost_usd", 0.05))
        used += 0.01
        came = short_of(usage={"cost_usd": used}, wanted=0.05)
        budget.taken("a", came)
        assert budget.shortage_of("a", came) is not None


def test_a_task_that_ended_for_another_reason_is_not_short_of_anything() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    give(budget, "a")
    budget.taken("a", result("failed", {}))
    assert budget.shortage_of("a", result("failed", {})) is None


# -- the invariant ----------------------------------------------------------------------------


def test_ten_thousand_tiny_sums_do_not_drift() -> None:
    budget = Budget.of({"cost_usd": 1.0})
    for number in range(10_000):
        give(budget, f"t{number}", 1, 10_000 - number)
        budget.taken(f"t{number}", result(usage={"cost_usd": 0.0001}))
    assert budget.spent.cost_usd == 1.0
    assert budget.left.cost_usd == 0.0


@pytest.mark.parametrize("seed", range(30))
def test_what_is_spent_and_what_is_given_is_never_more_than_the_total(seed: int) -> None:
    """Tasks that run side by side, come back, ask, fail and are continued, each spending no more than its slice."""
    dice = random.Random(seed)
    total = {"cost_usd": dice.choice([0.0, 0.1, 3.0]), "tokens": dice.choice([0, 7, 10_000]), "seconds": 60.0}
    budget = Budget.of(total)
    running: dict[str, messages.Budget] = {}
    used: dict[str, dict[str, float]] = {}
    short: dict[str, Shortage] = {}
    for _ in range(300):
        slices = budget.slices(dice.choice([1, 4, 20]))
        for _ in range(dice.randrange(4)):  # a batch, of which the fold knows nothing before all of it is journaled
            name = f"t{dice.randrange(12)}"
            if name not in running:
                given = slices.of(name, dice.choice([1, 2, 8]), short.pop(name, None))
                assert given is not None
                running[name] = given
        for name, given in running.items():
            budget.published(name, given)
        for name in [one for one in running if dice.random() < 0.3]:
            given, before = running.pop(name), used.get(name, {})
            now = {
                dimension: before.get(dimension, 0) + dice.random() * max(0, upto - before.get(dimension, 0))
                for dimension, upto in (
                    ("cost_usd", given.cost_usd or 0),
                    ("tokens", given.tokens or 0),
                    ("seconds", given.seconds or 0),
                )
            }
            now["tokens"] = int(now["tokens"])
            used[name] = now
            usage = {"cost_usd": now["cost_usd"], "input_tokens": now["tokens"], "seconds": now["seconds"]}
            status = dice.choice(["complete", "failed", "needs_input", "cancelled"])
            budget.taken(name, result(status, usage))
            if dice.random() < 0.5:
                short[name] = Shortage(dice.choice(["cost_usd", "tokens", "seconds"]), dice.random() * 2)
        for dimension, limit in total.items():
            spent = sum(one.get(dimension, 0) for one in used.values())
            held = sum(getattr(one, dimension) - used.get(name, {}).get(dimension, 0) for name, one in running.items())
            assert spent + held <= limit + 1e-6
            assert getattr(budget.committed, dimension) <= limit
            assert getattr(budget.left, dimension) >= 0
