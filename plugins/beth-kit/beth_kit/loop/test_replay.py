"""A replay goes by the journal alone: neither the present nor another version of the agent changes what was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from beth_kit.context import KitContext
from beth_kit.loop import answering, condense, deciding
from beth_kit.loop.agent import LLMAgent
from beth_kit.loop.conftest import (
    FINISH,
    Answer,
    Plays,
    Puppet,
    bash,
    call,
    error_of,
    manifest,
    puppet_of,
    reply,
    to_the_end,
)
from beth_kit.model.base import ContextOverflow, Message, ModelRequest, Usage
from beth_kit.testing import Stage
from beth_kit.tools.base import tool
from beth_sdk.agent import Suspended
from beth_sdk.journal.base import Fact
from beth_sdk.testing import Killed, ManualClock

ASK = call("ask", {"question": "Go on?"})


def after(name: str, number: int) -> Callable[[Fact], bool]:
    """The fact that says that step `name` number `number` is done."""
    return lambda fact: fact.kind == "step_done" and (fact.data["name"], fact.data["n"]) == (name, number)


async def dies(stage: Stage, at: Callable[[Fact], bool]) -> None:
    stage.diary.kill_after = at
    with pytest.raises(Killed):
        await stage.deliver()
    stage.diary.kill_after = lambda _: False


async def last_request(stage: Stage, *, dying: bool) -> list[Message]:
    """What the model saw at last; with a worker for each step, where it dies after each."""
    stage.diary.kill_after = lambda fact: dying and fact.kind == "step_done"
    await to_the_end(stage)
    return puppet_of(stage).seen()


# -- what the loop says -----------------------------------------------------------------------


async def test_a_warning_of_a_limit_stays_where_it_was_said(plays: Plays) -> None:
    def stage() -> Stage:
        return plays(*[reply(bash(f"echo {n}")) for n in range(4)], reply(FINISH), steps=12, price=0.2, cost_usd=1.0)

    whole = await last_request(stage(), dying=False)
    warned = [(place, str(one["content"])[:25]) for place, one in enumerate(whole) if one["role"] == "user"]
    assert warned == [(8, "You have used 8 of 12 ste"), (9, "You have used 0.80 of 1.0")]
    assert await last_request(stage(), dying=True) == whole


async def test_a_warning_of_time_stays_where_it_was_said(plays: Plays) -> None:
    clock = ManualClock()

    def answers(request: ModelRequest) -> Answer:
        clock.advance(100)
        return reply(FINISH) if request.key.endswith(":3") else reply(bash(f"echo {request.key[-1]}"))

    stage = plays(model=Puppet(answers), clock=clock, wall="300s")
    await dies(stage, after("bash", 2))
    clock.advance(3600)  # the night between two workers is nobody's running time
    assert error_of(await stage.deliver())[0] == "time_limit"
    assert len(puppet_of(stage).requests) == 3
    assert [one["role"] for one in puppet_of(stage).seen()] == ["assistant", "tool"] * 2


async def test_the_time_of_earlier_deliveries_counts(plays: Plays) -> None:
    clock = ManualClock()

    def answers(request: ModelRequest) -> Answer:
        clock.advance(100)
        return reply(ASK)

    stage = plays(model=Puppet(answers), clock=clock, wall="250s")
    with pytest.raises(Suspended):
        await stage.deliver()
    clock.advance(1_000_000)
    with pytest.raises(Suspended):
        await stage.continued("Yes")
    assert "You have used" not in str(puppet_of(stage).seen())
    with pytest.raises(Suspended):
        await stage.continued("Yes", "ask:1")
    assert error_of(await stage.continued("Yes", "ask:2"))[0] == "time_limit"


async def test_what_was_said_of_going_in_circles_stays_whatever_a_later_version_takes_for_one(
    plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [*[reply(bash("echo same"))] * 4, reply(ASK), reply(FINISH)]
    stage = plays(*answers)
    with pytest.raises(Suspended):
        await stage.deliver()
    before = puppet_of(stage).seen()
    monkeypatch.setattr(deciding, "stuck", lambda _: None)
    monkeypatch.setattr(deciding, "CALL_SOMETHING", "Another text")
    assert (await stage.continued("Yes")).status == "complete"
    assert "4 times in a row" in str(before[-1]["content"])
    assert puppet_of(stage).seen()[: len(before)] == before


async def test_answers_of_the_loops_own_stay_whatever_a_later_version_says(
    plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = plays(reply(bash("echo"), stop="length"), reply(ASK), reply(FINISH))
    with pytest.raises(Suspended):
        await stage.deliver()
    monkeypatch.setattr(answering, "NOT_RUN", "Another text")
    assert (await stage.continued("Yes")).status == "complete"
    assert "Another text" not in str(puppet_of(stage).seen())


async def test_a_history_that_was_condensed_is_condensed_the_same_again(
    plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "CONDENSE_AT", 1000)

    def stage() -> Stage:
        replies = [reply(bash(f"seq {n} 3000"), usage=Usage(n * 500, 10)) for n in range(12)]
        return plays(*replies, reply(FINISH))

    whole = await last_request(stage(), dying=False)
    assert "left out" in str(whole)
    assert await last_request(stage(), dying=True) == whole

    other = stage()
    await dies(other, after("bash", 11))
    monkeypatch.setattr(deciding, "CONDENSE_AT", 10**9)
    monkeypatch.setattr(condense, "decide", lambda _: None)
    await to_the_end(other)
    assert puppet_of(other).seen() == whole


# -- limits -----------------------------------------------------------------------------------


async def test_a_limit_ends_no_replay(plays: Plays) -> None:
    stage = plays(reply(bash("echo a > a.txt"), call("commit", {"message": "A"}), FINISH), price=0.5, cost_usd=0.5)
    await dies(stage, after("bash", 0))
    result = await stage.deliver()
    assert result.status == "complete"
    assert await stage.files() == {"a.txt": "a\n"}


async def test_a_task_that_ended_at_a_limit_ends_there_again(plays: Plays) -> None:
    stage = plays(reply(bash("echo")), steps=4)
    first = await stage.deliver()
    assert error_of(first)[0] == "step_limit"
    assert (await stage.deliver()).error == first.error
    assert len(puppet_of(stage).requests) == 2


async def test_a_task_that_is_tried_again_with_more_steps_goes_on(plays: Plays) -> None:
    stage = plays(reply(bash("echo 1")), reply(bash("echo 2")), reply(FINISH), steps=4)
    await stage.deliver()
    stage.agent.manifest = manifest(steps=40)
    assert (await stage.deliver(continuation=1)).status == "complete"
    assert len(puppet_of(stage).requests) == 3


# -- the model's window -----------------------------------------------------------------------


async def test_an_overflow_is_replayed_in_a_continuation_and_not_tried_again(plays: Plays) -> None:
    overflowed: list[str] = []

    def answers(request: ModelRequest) -> Answer:
        number = int(request.key.rpartition(":")[2])
        if number == 12:
            overflowed.append(request.key)
            return ContextOverflow("too long")
        return reply(FINISH) if number == 14 else reply(ASK if number == 13 else bash(f"seq {number} 2000"))

    stage = plays(model=Puppet(answers))
    with pytest.raises(Suspended):
        await stage.deliver()
    assert (await stage.continued("Yes")).status == "complete"
    assert len(overflowed) == 1
    assert "left out" in str(puppet_of(stage).seen())


async def test_who_has_a_task_tried_again_that_overflowed_may_have_a_larger_model(plays: Plays) -> None:
    stage = plays(ContextOverflow("too long"))
    for _ in range(2):
        assert error_of(await stage.deliver())[0] == "context_overflow"
    assert len(puppet_of(stage).requests) == 1
    stage.model = Puppet([reply(FINISH)])
    assert (await stage.deliver(continuation=1)).status == "complete"


# -- another version --------------------------------------------------------------------------


class Old(LLMAgent):
    """Has a tool that the next version does not have."""

    def __init__(self) -> None:
        @tool
        async def mark(ctx: KitContext, text: str) -> str:
            """Write it down."""
            clone = await ctx.workspace.clone()
            (clone.directory / "mark.txt").write_text(text)
            return "marked"

        self.tools = (mark,)  # type: ignore[misc]


async def test_an_upgrade_in_the_middle_mismatches_nothing(plays: Plays) -> None:
    mark = call("mark", {"text": "old"})
    stage = plays(reply(mark), reply(ASK), reply(mark), reply(call("commit", {"message": "M"})), reply(FINISH))
    stage.agent.tools = Old().tools  # type: ignore[misc]
    with pytest.raises(Suspended):
        await stage.deliver(version="developer 1.0")
    old = puppet_of(stage).requests[0]

    stage.agent = upgraded(LLMAgent(), stage, description="Another one", network="open")
    result = await stage.deliver(version="developer 2.0", continuation=1, answer={"question": "ask:0", "text": "Yes"})

    assert result.status == "complete"
    new = puppet_of(stage).requests[-1]
    assert (new.messages[:2], new.tools) == (old.messages[:2], old.tools)
    answers = [one["content"] for one in new.messages if one["role"] == "tool"]
    assert answers[0] == "marked"
    assert answers[2] == "there is no tool 'mark' any more: the agent was updated meanwhile"
    assert await stage.files() == {"mark.txt": "old"}


async def test_a_call_that_was_cut_off_is_told_so_though_its_tool_is_gone_or_safe_by_now(plays: Plays) -> None:
    ran: list[str] = []

    def agent(repeat: Any) -> LLMAgent:
        @tool(repeat=repeat)
        async def post(ctx: KitContext) -> str:
            """Post."""
            ran.append(repeat)
            return "posted"

        class Developer(LLMAgent):
            tools = (post,)

        return Developer()

    for later in (agent("safe"), LLMAgent()):
        ran.clear()
        stage = plays(reply(call("post")), reply(FINISH), agent=agent("told"))
        stage.diary.kill_before = after("post", 0)
        with pytest.raises(Killed):
            await stage.deliver()
        stage.diary.kill_before = lambda _: False
        stage.agent = upgraded(later, stage)
        assert (await stage.deliver()).status == "complete"
        assert ran == ["told"]
        assert await stage.told("post") == [answering.MAY_HAVE_RUN]


def upgraded(agent: LLMAgent, stage: Stage, **changes: Any) -> LLMAgent:
    agent.manifest = stage.agent.manifest.model_copy(update=changes)
    agent.settings = stage.agent.settings
    return agent


async def test_dates_of_commits_are_the_first_runs(plays: Plays) -> None:
    clock = ManualClock()
    replies = [reply(bash("echo a > a.txt")), reply(call("commit", {"message": "A"})), reply(FINISH)]
    stage = plays(model=Puppet(lambda request: dataclasses.replace(replies[int(request.key[-1])])), clock=clock)
    stage.diary.kill_before = after("commit", 0)
    with pytest.raises(Killed):
        await stage.deliver()
    stage.diary.kill_before = lambda _: False
    clock.advance(3600)
    (artifact,) = (await stage.deliver()).artifacts
    assert artifact.commit == stage.diary.outcomes("commit")[0]["reply"]["data"]["commit"]
