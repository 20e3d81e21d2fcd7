"""Models that misbehave: each task ends as documented, within its limits, and what it cost is charged."""

from __future__ import annotations

import itertools
import resource

import pytest

from beth_kit.loop.conftest import FINISH, Answer, Plays, Puppet, bash, call, error_of, puppet_of, reply
from beth_kit.model.base import ContextOverflow, ModelRequest, Usage
from beth_kit.testing import Stage
from beth_sdk.messages import Result
from beth_sdk.testing import Killed, ManualClock

PRICE = 0.01


def charged(stage: Stage) -> tuple[int, float]:
    """How many calls were paid, and with how many US dollars."""
    spending = stage.spending
    return int(spending.used.get("llm_calls", 0)), round(spending.cost_usd, 6)


async def ended(stage: Stage, code: str, calls: int) -> str:
    """The message of a task that failed with this code after so many calls, each of them paid."""
    result = await stage.deliver()
    assert error_of(result)[0] == code
    assert len(puppet_of(stage).requests) == calls
    assert charged(stage) == (calls, round(calls * puppet_of(stage).price, 6))
    return error_of(result)[1]


# -- going in circles -------------------------------------------------------------------------


async def test_a_model_that_repeats_itself_is_told_and_then_the_task_ends(plays: Plays) -> None:
    stage = plays(reply(bash("echo same")), price=PRICE)
    message = await ended(stage, "stuck", 5)
    assert "`bash` 4 times in a row" in message
    assert "`bash` 4 times in a row" in puppet_of(stage).read()


async def test_whoever_reads_of_it_is_told_what_the_model_would_not_hear(plays: Plays) -> None:
    stage = plays(reply(call("finish", '{"result": "no object"}')), price=PRICE)
    message = await ended(stage, "stuck", 4)
    assert "What it was told last: finish: " in message


async def test_a_model_that_does_something_else_when_it_is_told_goes_on(plays: Plays) -> None:
    same, other = [reply(bash("echo same"))] * 4, reply(bash("echo other"))
    stage = plays(*same, other, *same, reply(FINISH), price=PRICE)
    assert (await stage.deliver()).status == "complete"
    assert charged(stage) == (10, 0.1)


async def test_a_person_who_says_something_gives_it_another_chance(plays: Plays) -> None:
    def answers(request: ModelRequest) -> Answer:
        if request.key.endswith(":4"):
            stage.diary.tell("The name is other.py")
        return reply(bash("echo same")) if "other.py" not in str(request.messages[-1]) else reply(FINISH)

    stage = plays(model=Puppet(answers))
    assert (await stage.deliver()).status == "complete"


async def test_a_model_that_alternates_is_told_and_then_the_task_ends(plays: Plays) -> None:
    model = Puppet(lambda request: reply(bash(f"echo {int(request.key[-1]) % 2}")), PRICE)
    assert "`bash`" in await ended(plays(model=model), "stuck", 7)


async def test_a_model_that_only_talks_is_told_and_then_the_task_ends(plays: Plays) -> None:
    stage = plays(reply(say="I am thinking"), price=PRICE)
    assert "called no tool" in await ended(stage, "stuck", 4)


async def test_a_model_whose_calls_are_all_malformed_is_told_and_then_the_task_ends(plays: Plays) -> None:
    model = Puppet(lambda request: reply(call("bash", "{" * (1 + int(request.key[-1])))), PRICE)
    assert "failed 3 times in a row" in await ended(plays(model=model), "stuck", 4)


async def test_a_model_that_edits_without_a_unique_match_is_told_where_and_then_the_task_ends(plays: Plays) -> None:
    create = call("edit", {"action": "create", "path": "a.py", "file_text": "x = 1\nx = 1\n"})
    replace = call("edit", {"action": "str_replace", "path": "a.py", "old_str": "x = 1", "new_str": "x = 2"})
    stage = plays(reply(create), reply(replace), price=PRICE)
    await ended(stage, "stuck", 5)
    assert "lines 1, 2" in str(puppet_of(stage).seen(2)[-1]["content"])
    assert "`edit` failed 3 times in a row with the same error" in puppet_of(stage).read()
    assert (stage.home / "work/request-1/task-1/a.py").read_text() == "x = 1\nx = 1\n"


# -- never finishing --------------------------------------------------------------------------


async def never_finishing(plays: Plays, **given: object) -> tuple[Stage, Result]:
    model = Puppet(lambda request: reply(bash(f"echo {request.key}")), PRICE)
    stage = plays(model=model, **given)
    return stage, await stage.deliver()


async def test_a_model_that_never_finishes_ends_at_the_limit_of_steps(plays: Plays) -> None:
    stage, result = await never_finishing(plays, steps=11)
    assert error_of(result) == ("step_limit", "the task's limit is reached: 11 of 11 steps")
    assert charged(stage) == (6, 0.06)
    assert stage.spending.used["tool_calls"] == 5
    assert (await stage.told("bash"))[5].startswith("not run: the task's limit is reached")


async def test_each_limit_is_announced_once(plays: Plays) -> None:
    stage, _ = await never_finishing(plays, steps=21)
    assert str(puppet_of(stage).seen()).count("You have used") == 1


async def test_finish_is_still_run_when_no_steps_are_left(plays: Plays) -> None:
    stage = plays(reply(bash("true"), bash("true"), bash("true"), FINISH), steps=3)
    assert (await stage.deliver()).status == "complete"
    assert [text[:7] for text in await stage.told("bash")] == ["[exit c", "[exit c", "not run"]


async def test_many_calls_in_one_message_do_not_get_past_the_limit_of_steps(plays: Plays) -> None:
    stage = plays(reply(*[bash(f"echo {number} >> log") for number in range(20)]), price=PRICE, steps=6)
    assert error_of(await stage.deliver())[0] == "step_limit"
    told = await stage.told("bash")
    assert [text.startswith("not run: the task's limit is reached") for text in told] == [False] * 5 + [True] * 15
    assert (stage.home / "work/request-1/task-1/log").read_text() == "0\n1\n2\n3\n4\n"


async def test_a_model_that_never_finishes_ends_at_the_limit_of_money(plays: Plays) -> None:
    stage, result = await never_finishing(plays, cost_usd=0.045)
    assert error_of(result)[0] == "cost_limit"
    assert charged(stage) == (4, 0.04)  # a fifth would have been over it, and was not made
    assert "US dollars" in puppet_of(stage).read()


async def test_money_that_is_used_up_to_the_cent_ends_the_task_with_the_same_code(plays: Plays) -> None:
    stage, result = await never_finishing(plays, cost_usd=0.05)
    assert error_of(result)[0] == "cost_limit"
    assert charged(stage) == (5, 0.05)


async def test_the_budget_of_the_task_counts_where_it_is_less(plays: Plays) -> None:
    model = Puppet(lambda request: reply(bash(f"echo {request.key}")), PRICE)
    stage = plays(model=model, cost_usd=5.0)
    result = await stage.deliver(budget={"cost_usd": 0.02})
    assert error_of(result)[0] == "cost_limit"
    assert charged(stage) == (2, 0.02)


async def test_a_model_that_never_finishes_ends_at_the_limit_of_tokens(plays: Plays) -> None:
    model = Puppet(lambda request: reply(bash(f"echo {request.key}"), usage=Usage(900, 100)), PRICE)
    stage = plays(model=model)
    result = await stage.deliver(budget={"tokens": 3000})
    assert error_of(result)[0] == "token_limit"
    assert charged(stage) == (3, 0.03)


async def test_a_model_that_never_finishes_ends_at_the_limit_of_time(plays: Plays) -> None:
    clock = ManualClock()

    def answers(request: ModelRequest) -> Answer:
        assert request.deadline <= 1000 - 300 * int(request.key[-1])
        clock.advance(300)
        return reply(bash(f"echo {request.key}"))

    stage = plays(model=Puppet(answers, PRICE), clock=clock, wall="1000s")
    result = await stage.deliver()
    assert error_of(result)[0] == "time_limit"
    assert charged(stage) == (4, 0.04)
    assert (await stage.told("bash"))[3].startswith("not run: the task's limit is reached: 20 min of 16 min")
    assert "15 min of 16 min" in puppet_of(stage).read()


async def test_who_comes_to_an_end_when_warned_completes_the_task(plays: Plays) -> None:
    def answers(request: ModelRequest) -> Answer:
        warned = "You have used" in str(request.messages[-1]["content"])
        if not warned:
            return reply(bash(f"echo {request.key} >> log"))
        return reply(call("commit", {"message": "What there is"}), FINISH)

    stage = plays(model=Puppet(answers, PRICE), steps=20)
    assert (await stage.deliver()).status == "complete"
    assert list(await stage.files()) == ["log"]


async def test_what_was_committed_before_the_limit_is_not_lost(plays: Plays) -> None:
    stage = plays(reply(bash("echo 1 > a.txt"), call("commit", {"message": "A"})), reply(bash("echo")), steps=4)
    result = await stage.deliver()
    assert error_of(result)[0] == "step_limit"
    assert [one.kind for one in result.artifacts] == ["git"]
    assert await stage.files() == {"a.txt": "1\n"}


# -- money that runs out in the middle --------------------------------------------------------


async def test_calls_that_nobody_has_the_outcome_of_count_as_spent(plays: Plays) -> None:
    stage = plays(*[reply(bash(f"echo {number}")) for number in range(9)], price=0.3, cost_usd=1.0)
    deaths = itertools.count()
    stage.diary.kill_before = lambda fact: (
        fact.kind == "step_done" and fact.data["name"] == "model" and next(deaths) < 2
    )
    for _ in range(2):
        with pytest.raises(Killed):
            await stage.deliver()
    assert (stage.spending.used.get("cost_usd"), stage.spending.reserved) == (None, 0.6)
    result = await stage.deliver()
    assert error_of(result)[0] == "cost_limit"
    assert "0.9000 of 1.0000 USD are spent" in error_of(result)[1]
    assert stage.spending.cost_usd == pytest.approx(0.9)
    assert len(puppet_of(stage).requests) == 3


# -- more than fits ---------------------------------------------------------------------------


def windowed(window: int, replies: int) -> Puppet:
    """A model that takes so many characters of messages."""

    def answers(request: ModelRequest) -> Answer:
        size = sum(len(str(message)) for message in request.messages)
        if size > window:
            return ContextOverflow(f"{size} of {window}")
        done = sum(message["role"] == "assistant" for message in request.messages)
        turns = len(puppet.requests)
        return reply(FINISH) if turns > replies else reply(bash(f"seq {turns} 2000"), say=f"{turns} {done}")

    puppet = Puppet(answers, PRICE)
    return puppet


async def test_a_model_that_overflows_once_goes_on_with_a_shorter_history(plays: Plays) -> None:
    stage = plays(model=windowed(60_000, 7))
    assert (await stage.deliver()).status == "complete"
    overflows = [one for one in stage.diary.outcomes("model") if "overflow" in one]
    assert len(overflows) == 1
    assert "output of bash left out" in str(puppet_of(stage).seen())


async def test_a_model_that_overflows_again_and_again_goes_on_each_time(plays: Plays) -> None:
    stage = plays(model=windowed(60_000, 40))
    assert (await stage.deliver()).status == "complete"
    outcomes = stage.diary.outcomes("model")
    overflows = sum("overflow" in one for one in outcomes)
    assert 3 <= overflows <= 15
    # Only what was answered is paid; refusing a call is free.
    assert stage.spending.cost_usd == pytest.approx(PRICE * (len(outcomes) - overflows))


async def test_a_window_that_not_even_the_last_turn_fits_ends_the_task(plays: Plays) -> None:
    stage = plays(model=windowed(len("x" * 14_000), 40), price=PRICE)
    result = await stage.deliver()
    assert error_of(result)[0] == "context_overflow"
    assert stage.spending.cost_usd < 0.1


# -- very much output -------------------------------------------------------------------------


async def test_a_command_that_prints_100_megabytes_is_cut_to_its_ends_and_takes_no_memory_here(plays: Plays) -> None:
    loud = "echo begin; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end"
    stage = plays(reply(bash(loud)), reply(FINISH), price=PRICE, sandbox=True)
    await plays(reply(bash("true")), reply(FINISH), sandbox=True).deliver()  # so that all modules are imported
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await stage.deliver()).status == "complete"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64_000  # kilobytes
    read = puppet_of(stage).read()
    assert read.startswith("begin\nxxx")
    assert "end\n" in read
    assert "100,000,0" in read
    assert len(read) < 11_000
    assert charged(stage) == (2, 0.02)
