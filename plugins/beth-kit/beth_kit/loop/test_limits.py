"""Where a task's limits come from, when they end it, and what the model is told before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beth_kit.loop.limits import LimitName, Limits
from beth_sdk.agent import Spending
from beth_sdk.manifest import Manifest, parse_manifest
from beth_sdk.messages import Budget, Task
from beth_sdk.settings import Settings

SETTINGS = Settings(bus_url="memory://", journal_url="memory://", home=Path("home"))


def manifest(limits: str = "") -> Manifest:
    return parse_manifest(
        f'manifest_version = 1\nrole = "developer"\ndescription = "Develops"\nclass = "a.b:C"\nlimits = {{{limits}}}\n'
    )


def task(**budget: Any) -> Task:
    document: dict[str, Any] = {
        "id": "t1",
        "type": "implement",
        "agent": "developer",
        "payload": {"description": "Do it"},
        "timestamp": "2026-01-30T10:00:00Z",
    }
    return Task.model_validate({**document, **({"budget": budget} if budget else {})})


def spent(cost_usd: float = 0.0, tokens: int = 0, reserved: float = 0.0) -> Spending:
    return Spending(
        {"cost_usd": cost_usd, "input_tokens": tokens - tokens // 3, "output_tokens": tokens // 3}, reserved
    )


def test_the_manifest_says_the_limits() -> None:
    found = Limits.of(manifest('steps = 40, cost_usd = 3.0, wall = "4h"'), SETTINGS, task())
    assert found == Limits(40, 3.0, 4 * 3600.0, None)


def test_a_budget_counts_where_it_is_less() -> None:
    own = manifest('cost_usd = 3.0, wall = "1h"')
    less: frozenset[LimitName] = frozenset({"cost_usd", "tokens"})
    assert Limits.of(own, SETTINGS, task(cost_usd=1.0, seconds=7200.0, tokens=9)) == Limits(250, 1.0, 3600.0, 9, less)
    assert Limits.of(manifest(), SETTINGS, task(cost_usd=1.0)) == Limits(250, 1.0, budget=frozenset({"cost_usd"}))


def test_a_budget_of_which_more_may_be_had_is_a_limit_of_its_own() -> None:
    found = Limits.of(manifest("cost_usd = 3.0"), SETTINGS, task(cost_usd=1.0, more=True))
    assert found == Limits(250, 3.0, slice=Budget(cost_usd=1.0, more=True))


@pytest.mark.parametrize(
    ("limits", "used", "code"),
    [
        (Limits(5), {"steps": 5}, "step_limit"),
        (Limits(5, cost_usd=1.0), {"spending": spent(cost_usd=1.0)}, "cost_limit"),
        (Limits(5, cost_usd=1.0), {"spending": spent(cost_usd=0.6, reserved=0.5)}, "cost_limit"),
        (Limits(5, seconds=60), {"seconds": 60.0}, "time_limit"),
        (Limits(5, tokens=1000), {"spending": spent(tokens=1000)}, "token_limit"),
    ],
)
def test_a_limit_that_is_used_up_is_reached(limits: Limits, used: dict[str, Any], code: str) -> None:
    over = limits.reached(**{"steps": 0, "seconds": 0.0, "spending": spent(), **used})
    assert over is not None
    assert over.code == code


def test_what_is_not_used_up_ends_nothing() -> None:
    limits = Limits(5, 1.0, 60.0, 1000)
    assert limits.reached(steps=4, seconds=59.9, spending=spent(0.99, 999)) is None


def test_no_money_at_all_is_enough_for_a_model_that_costs_nothing() -> None:
    limits = Limits(5, cost_usd=0.0)
    assert limits.reached(steps=4, seconds=0, spending=spent()) is None
    assert list(limits.warnings(steps=0, seconds=0, spending=spent())) == []
    over = limits.reached(steps=4, seconds=0, spending=spent(cost_usd=0.001))
    assert over is not None


def test_the_message_says_what_was_used_of_what() -> None:
    limits = Limits(500, seconds=4 * 3600)
    over = limits.reached(steps=12, seconds=4 * 3600 + 70, spending=spent())
    assert over is not None
    assert "4 h 1 min of 4 h 0 min" in over.message


def test_the_model_is_told_when_nine_tenths_are_used() -> None:
    limits = Limits(100, 1.0, 1000.0, 1000)
    assert list(limits.warnings(steps=89, seconds=899, spending=spent(0.89, 899))) == []
    told = dict(limits.warnings(steps=90, seconds=900, spending=spent(0.9, 900)))
    assert list(told) == ["steps", "cost_usd", "seconds", "tokens"]
    assert "90 of 100 steps" in told["steps"]
    assert "0.90 of 1.00 US dollars" in told["cost_usd"]
    assert "15 min of 16 min" in told["seconds"]
    assert all("`finish`" in words for words in told.values())


def test_with_few_steps_the_model_is_told_while_there_are_enough_to_finish() -> None:
    assert list(Limits(10).warnings(steps=4, seconds=0, spending=spent())) == []
    assert [name for name, _ in Limits(10).warnings(steps=5, seconds=0, spending=spent())] == ["steps"]


def test_the_model_is_told_while_there_is_money_for_a_call_that_tells_it_and_for_no_other() -> None:
    assert list(Limits(100, 1.0).warnings(steps=0, seconds=0, spending=spent(0.59), price=0.2)) == []
    told = dict(Limits(100, 1.0).warnings(steps=0, seconds=0, spending=spent(0.61), price=0.2))
    assert list(told) == ["cost_usd"]
    assert "0.61 of 1.00 US dollars" in told["cost_usd"]


# -- whose limit it is ------------------------------------------------------------------------


def details(limits: Limits, **used: Any) -> dict[str, object]:
    over = limits.reached(**{"steps": 0, "seconds": 0.0, "spending": spent(), **used})
    assert over is not None
    return dict(over.details)


def test_what_was_reached_says_whose_limit_it_is_and_what_the_next_step_wants() -> None:
    own = Limits.of(manifest("cost_usd = 0.5"), SETTINGS, task(cost_usd=1.0, more=True))
    assert details(own, spending=spent(0.5), price=0.2) == {
        "limit": "manifest",
        "dimension": "cost_usd",
        "spent": 0.5,
        "wanted": 0.2,
        "of": 0.5,
    }
    given = Limits.of(manifest("cost_usd = 5"), SETTINGS, task(cost_usd=1.0, more=True))
    found = details(given, spending=spent(1.0), price=0.2)
    assert (found["limit"], found["wanted"], found["of"]) == ("budget", 0.2, 1.0)


def test_a_budget_that_ends_the_task_for_good_says_so_too() -> None:
    assert details(Limits.of(manifest(), SETTINGS, task(tokens=10)), spending=spent(tokens=10))["limit"] == "budget"


def test_of_both_reached_at_once_the_manifests_counts_because_more_would_be_of_no_use() -> None:
    both = Limits.of(manifest("cost_usd = 1.0"), SETTINGS, task(cost_usd=1.0, more=True))
    assert details(both, spending=spent(1.0))["limit"] == "manifest"


@pytest.mark.parametrize(
    ("budget", "used", "dimension", "wanted"),
    [
        ({"tokens": 1000}, {"spending": spent(tokens=1000), "tokens": 9000}, "tokens", 9000),
        ({"tokens": 1000}, {"spending": spent(tokens=1000)}, "tokens", 4000),
        ({"seconds": 9.0}, {"seconds": 9.0}, "seconds", 60.0),
    ],
)
def test_a_task_wants_enough_not_to_come_back_after_each_step(
    budget: dict[str, Any], used: dict[str, Any], dimension: str, wanted: float
) -> None:
    found = details(Limits.of(manifest(), SETTINGS, task(**budget, more=True)), **used)
    assert (found["dimension"], found["wanted"]) == (dimension, wanted)


def test_nobody_is_told_to_hurry_because_of_a_slice() -> None:
    limits = Limits.of(manifest("cost_usd = 10.0"), SETTINGS, task(cost_usd=1.0, tokens=10, seconds=9.0, more=True))
    assert list(limits.warnings(steps=0, seconds=8.9, spending=spent(0.99, 9), price=0.5)) == []


def test_what_a_reply_asked_for_is_done_although_the_slice_is_used_up() -> None:
    limits = Limits.of(manifest(), SETTINGS, task(seconds=9.0, more=True))
    assert limits.final(steps=0, seconds=10.0, spending=spent()) is None
    assert limits.reached(steps=0, seconds=10.0, spending=spent()) is not None
