"""Tasks with a slice of a budget of which more may be had: they come back, and go on where they were."""

from __future__ import annotations

from typing import Any

import pytest

from beth_kit.loop.conftest import FINISH, Plays, Puppet, bash, call, error_of, puppet_of, reply
from beth_kit.testing import Stage
from beth_sdk.messages import Result
from beth_sdk.testing import Killed

PRICE = 0.1
WORK = (
    reply(bash("echo a > a.txt")),
    reply(bash("echo b > b.txt")),
    reply(call("commit", {"message": "Both"})),
    reply(FINISH),
)


def sliced(cost_usd: float, **further: Any) -> dict[str, Any]:
    return {"budget": {"cost_usd": cost_usd, "more": True, **further}}


def short(result: Result) -> dict[str, Any]:
    """What a result says of the limit that ended it."""
    error_of(result)
    assert result.error is not None
    return dict(result.error.details or {})


def said(stage: Stage) -> str:
    """Everything that the model was told by the loop, in any call."""
    return str(
        [one for request in puppet_of(stage).requests for one in list(request.messages)[2:] if one["role"] == "user"]
    )


async def test_a_slice_that_does_not_reach_for_a_call_ends_the_delivery_before_it(plays: Plays) -> None:
    stage = plays(*WORK, price=PRICE)
    result = await stage.deliver(**sliced(0.25))
    assert error_of(result)[0] == "cost_limit"
    found = short(result)
    assert (found["limit"], found["dimension"], found["wanted"]) == ("budget", "cost_usd", PRICE)
    assert found["spent"] == pytest.approx(0.2)
    assert len(puppet_of(stage).requests) == 2


async def test_with_more_it_goes_on_and_no_call_is_paid_twice(plays: Plays) -> None:
    stage = plays(*WORK, price=PRICE)
    for continuation, upto in enumerate((0.05, 0.15, 0.25, 0.4)):
        result = await stage.deliver(continuation=continuation, **sliced(upto))
    assert result.status == "complete"
    assert [request.key for request in puppet_of(stage).requests] == [f"task-1:{turn}" for turn in range(4)]
    assert stage.spending.cost_usd == pytest.approx(0.4)
    assert await stage.files() == {"a.txt": "a\n", "b.txt": "b\n"}


async def test_the_model_reads_the_same_as_with_all_of_the_money_at_once(plays: Plays) -> None:
    whole, cut = plays(*WORK, price=PRICE), plays(*WORK, price=PRICE)
    await whole.deliver(**sliced(5.0))
    for continuation, upto in enumerate((0.1, 0.2, 0.3, 0.4)):
        await cut.deliver(continuation=continuation, **sliced(upto))
    assert puppet_of(cut).seen() == puppet_of(whole).seen()
    assert said(cut) == "[]"


async def test_without_more_the_model_is_told_to_come_to_an_end(plays: Plays) -> None:
    stage = plays(*WORK, price=PRICE)
    result = await stage.deliver(budget={"cost_usd": 0.25})
    assert short(result)["limit"] == "budget"
    assert "Come to an end now" in said(stage)


async def test_the_limit_of_the_manifest_ends_it_for_good_and_the_model_is_told(plays: Plays) -> None:
    stage = plays(*WORK, price=PRICE, cost_usd=0.25)
    result = await stage.deliver(**sliced(5.0))
    assert short(result)["limit"] == "manifest"
    assert "Come to an end now" in said(stage)


async def test_a_call_that_was_cut_off_by_a_death_is_paid_from_the_slice(plays: Plays) -> None:
    stage = plays(*WORK, price=PRICE)
    stage.diary.kill_before = lambda fact: fact.kind == "step_done" and fact.data["name"] == "model"
    with pytest.raises(Killed):
        await stage.deliver(**sliced(0.15))
    stage.diary.kill_before = lambda fact: False
    result = await stage.deliver(**sliced(0.15))
    assert short(result)["spent"] == pytest.approx(PRICE)
    assert len(puppet_of(stage).requests) == 1


async def test_a_slice_of_no_money_is_enough_for_a_model_that_is_free(plays: Plays) -> None:
    stage = plays(*WORK, price=0.0)
    assert (await stage.deliver(**sliced(0.0))).status == "complete"


async def test_a_slice_of_tokens_ends_the_delivery_and_more_of_them_go_on(plays: Plays) -> None:
    stage = plays(*WORK)
    result = await stage.deliver(**sliced(1.0, tokens=200))
    assert (error_of(result)[0], short(result)["dimension"], short(result)["limit"]) == (
        "token_limit",
        "tokens",
        "budget",
    )
    assert (await stage.deliver(continuation=1, **sliced(1.0, tokens=10_000))).status == "complete"
    assert len(puppet_of(stage).requests) == 4


async def test_what_was_committed_is_named_by_a_result_that_is_short(plays: Plays) -> None:
    stage = plays(WORK[0], WORK[2], reply(FINISH), price=PRICE)
    result = await stage.deliver(**sliced(0.2))
    assert error_of(result)[0] == "cost_limit"
    assert [one.kind for one in result.artifacts] == ["git"]


async def test_a_task_that_is_short_before_its_first_call_has_not_begun_anything(plays: Plays) -> None:
    stage = plays(model=Puppet(WORK, PRICE))
    result = await stage.deliver(**sliced(0.0))
    assert short(result)["spent"] == 0
    assert puppet_of(stage).requests == []
