"""How a task of an agent with a model runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from beth_kit.context import KitContext
from beth_kit.loop.agent import Finished, LLMAgent
from beth_kit.loop.conftest import FINISH, Plays, Puppet, bash, call, error_of, puppet_of, reply, to_the_end
from beth_kit.model.base import ContextOverflow, ModelRefused, ModelUnavailable, Usage
from beth_kit.tools.base import Tool, ToolReply, tool
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.agent import Suspended
from beth_sdk.errors import ConfigurationError, Fatal, Retryable, StepRaised

COMMIT = call("commit", {"message": "Say hello"})

# -- from the first message to the result -----------------------------------------------------


async def test_a_task_ends_with_what_the_model_finishes_with(plays: Plays) -> None:
    result = await plays(reply(FINISH)).deliver()
    assert (result.status, result.result, result.artifacts) == ("complete", {"summary": "done"}, [])


async def test_a_result_names_the_last_commit(plays: Plays) -> None:
    stage = plays(reply(bash("echo hello > a.txt")), reply(COMMIT), reply(FINISH))
    (artifact,) = (await stage.deliver()).artifacts
    assert artifact.ref == f"refs/beth/tasks/{stage.task.id}"
    assert artifact.commit == stage.diary.outcomes("commit")[0]["reply"]["data"]["commit"]
    assert await stage.files() == {"a.txt": "hello\n"}


async def test_a_commit_has_the_date_of_the_reply_that_asked_for_it(plays: Plays) -> None:
    stage = plays(reply(bash("echo hello > a.txt")), reply(COMMIT, at=1_234_567_890.0), reply(FINISH))
    (artifact,) = (await stage.deliver()).artifacts
    repository = await RequestRepository.open(stage.home, "request-1", clock=stage.diary.clock)
    assert await repository.git.line("log", "-1", "--format=%at %ct", str(artifact.commit)) == "1234567890 1234567890"


async def test_the_frame_is_the_first_step_and_every_call_is_one(plays: Plays) -> None:
    stage = plays(reply(bash("true"), bash("false")), reply(FINISH))
    await stage.deliver()
    assert [kind for kind in stage.diary.kinds if kind.startswith("step_done")] == [
        "step_done frame",
        "step_done model",
        "step_done bash",
        "step_done bash",
        "step_done model",
        "step_done finish",
    ]


async def test_the_model_gets_its_own_message_back_unchanged_with_the_answers_in_order(plays: Plays) -> None:
    said = reply(call("bash", {"command": "echo one"}, "a"), call("bash", {"command": "echo two"}, "b"), say="I look")
    message = {**said.message, "signature": "xyz"}
    stage = plays(reply(FINISH), model=Puppet([type(said)(message, "tool_calls"), reply(FINISH)]))
    await stage.deliver()
    assert puppet_of(stage).seen() == [
        message,
        {"role": "tool", "tool_call_id": "a", "content": "one\n[exit code 0]"},
        {"role": "tool", "tool_call_id": "b", "content": "two\n[exit code 0]"},
    ]


async def test_what_comes_after_finish_is_not_run(plays: Plays) -> None:
    stage = plays(reply(FINISH, bash("echo late")))
    assert (await stage.deliver()).status == "complete"
    assert stage.diary.outcomes("bash") == []


async def test_what_the_calls_used_is_added_up(plays: Plays) -> None:
    stage = plays(reply(bash("true"), usage=Usage(900, 40)), reply(FINISH, usage=Usage(1000, 60)), price=0.25)
    await stage.deliver()
    assert stage.spending.used == {
        "input_tokens": 1900,
        "output_tokens": 100,
        "cost_usd": 0.5,
        "llm_calls": 2,
        "tool_calls": 2,
    }
    assert stage.spending.reserved == 0


async def test_a_verdict_in_the_result_is_the_tasks(plays: Plays) -> None:
    wanted = {"summary": "no tests", "verdict": {"decision": "changes_requested", "findings": []}}
    result = await plays(reply(call("finish", {"result": wanted}))).deliver()
    assert result.verdict is not None
    assert result.verdict.decision == "changes_requested"


async def test_only_finish_ends_a_task_whatever_a_tool_replies(plays: Plays) -> None:
    @tool
    async def measure(ctx: KitContext) -> ToolReply:
        """Measure."""
        return ToolReply("7", data={"result": 7})

    class Developer(LLMAgent):
        tools = (measure,)

    result = await plays(reply(call("measure")), reply(FINISH), agent=Developer()).deliver()
    assert result.result == {"summary": "done"}


# -- what the author of a role adds -----------------------------------------------------------


async def test_what_check_says_goes_back_to_the_model(plays: Plays) -> None:
    class Developer(LLMAgent):
        async def check(self, finished: Finished, ctx: KitContext) -> str | None:
            assert finished.result == {"summary": "done"}
            return None if "a.txt" in await ctx.workspace.diff() else "a.txt is missing"

    stage = plays(reply(FINISH), reply(bash("echo hello > a.txt"), COMMIT), reply(FINISH), agent=Developer())
    assert (await stage.deliver()).status == "complete"
    assert puppet_of(stage).read(1) == "a.txt is missing"


async def test_a_check_that_raises_fails_the_attempt(plays: Plays) -> None:
    class Developer(LLMAgent):
        async def check(self, finished: Finished, ctx: KitContext) -> str | None:
            raise LookupError("no linter")

    with pytest.raises(StepRaised, match="step finish: LookupError: no linter") as raised:
        await plays(reply(FINISH), agent=Developer()).deliver()
    assert raised.value.retryable


class Raising(LLMAgent):
    """Has a tool that raises what a test says."""

    def __init__(self, error: BaseException) -> None:
        async def fails(ctx: KitContext, arguments: Mapping[str, Any], /) -> ToolReply:
            raise error

        self.tools = (Tool("fails", "Fails", {"type": "object", "properties": {}}, fails, lambda _: None),)  # type: ignore[misc]


async def test_the_model_is_told_what_a_tool_raised(plays: Plays) -> None:
    stage = plays(reply(call("fails")), reply(FINISH), agent=Raising(ValueError("no such month: \ud800")))
    assert (await stage.deliver()).status == "complete"
    assert puppet_of(stage).read() == "fails raised ValueError: no such month: ?"
    assert stage.diary.outcomes("fails")[0]["reply"]["error"]


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), ConnectionError("refused"), SystemExit(3)])
async def test_the_model_is_told_of_errors_that_the_tool_met_outside(plays: Plays, error: BaseException) -> None:
    stage = plays(reply(call("fails")), reply(FINISH), agent=Raising(error))
    assert (await stage.deliver()).status == "complete"
    assert f"fails raised {type(error).__name__}" in puppet_of(stage).read()


@pytest.mark.parametrize(
    ("error", "again"),
    [(Retryable("later"), True), (Fatal("never"), False), (OSError(28, "No space left"), True), (MemoryError(), True)],
)
async def test_what_is_not_the_tools_own_fault_fails_the_attempt(
    plays: Plays, error: BaseException, again: bool
) -> None:
    with pytest.raises(StepRaised) as raised:
        await plays(reply(call("fails")), agent=Raising(error)).deliver()
    assert raised.value.retryable is again


async def test_a_tool_that_is_a_step_can_neither_ask_nor_take_steps(plays: Plays) -> None:
    @tool
    async def consult(ctx: KitContext) -> str:
        """Consult somebody."""
        return await ctx.ask("What now?")

    class Developer(LLMAgent):
        tools = (consult,)

    with pytest.raises(StepRaised, match="suspends=True") as raised:
        await plays(reply(call("consult")), agent=Developer()).deliver()
    assert not raised.value.retryable


async def test_a_tool_that_journals_itself_can_ask_and_take_steps(plays: Plays) -> None:
    counted: list[int] = []

    async def count() -> int:
        counted.append(1)
        return len(counted)

    @tool(suspends=True)
    async def consult(ctx: KitContext) -> str:
        """Consult somebody."""
        number = await ctx.step("count", count, repeat="safe")
        return f"{number}: {await ctx.ask('What now?')}"

    class Developer(LLMAgent):
        tools = (consult,)

    stage = plays(reply(call("consult"), bash("echo next")), reply(FINISH), agent=Developer())
    assert (await to_the_end(stage, ["Go on"])).status == "complete"
    assert [one["content"] for one in puppet_of(stage).seen()[1:]] == ["1: Go on", "next\n[exit code 0]"]


async def test_a_tool_cannot_have_the_name_of_one_of_the_loops_own_steps(plays: Plays) -> None:
    @tool(name="model")
    async def other(ctx: KitContext) -> str:
        """Model something."""
        return ""

    class Developer(LLMAgent):
        tools = (other,)

    stage = plays(reply(FINISH), agent=Developer())
    with pytest.raises(ConfigurationError, match="no tool can be named model"):
        await stage.deliver()


# -- people -----------------------------------------------------------------------------------


async def test_the_calls_after_a_question_are_answered_in_the_continuation(plays: Plays) -> None:
    ask = call("ask", {"question": "Tabs or spaces?"}, "q")
    stage = plays(
        reply(bash("echo before >> log"), ask, bash("echo after >> log; cat log")),
        reply(bash("rm log")),
        reply(FINISH),
    )
    with pytest.raises(Suspended) as asked:
        await stage.deliver()
    assert asked.value.question is not None
    assert asked.value.question.text == "Tabs or spaces?"
    assert (await stage.continued("Tabs")).status == "complete"
    assert [one["content"] for one in puppet_of(stage).seen(1)[1:]] == [
        "[exit code 0]",
        "Tabs",
        "before\nafter\n[exit code 0]",
    ]
    assert len(puppet_of(stage).requests) == 3


async def test_the_model_is_told_what_people_say_once_and_in_a_replay_at_the_same_place(plays: Plays) -> None:
    ask = call("ask", {"question": "Which?"})
    stage = plays(reply(bash("true")), reply(ask), reply(bash("echo")), reply(FINISH))
    stage.diary.tell("Use tabs")
    with pytest.raises(Suspended):
        await stage.deliver()
    stage.diary.tell("No, spaces")
    await stage.continued("The first")
    seen = puppet_of(stage).seen()
    notes = [(place, one["content"]) for place, one in enumerate(seen) if one["role"] == "user"]
    assert notes == [
        (0, "A note from a person, while you work:\nUse tabs"),
        (5, "A note from a person, while you work:\nNo, spaces"),
    ]


# -- what a provider says for good, and what may pass -----------------------------------------


async def test_a_provider_that_refuses_fails_the_task_with_its_own_words(plays: Plays) -> None:
    stage = plays(ModelRefused("set OPENAI_API_KEY"))
    for _ in range(2):  # the first time as in a replay
        with pytest.raises(ModelRefused, match=r"^set OPENAI_API_KEY$"):
            await stage.deliver()
    assert len(puppet_of(stage).requests) == 1


async def test_a_provider_that_is_away_fails_the_attempt_and_is_asked_again_in_the_next(plays: Plays) -> None:
    stage = plays(ModelUnavailable("overloaded", after=30.0))
    with pytest.raises(StepRaised) as raised:
        await stage.deliver()
    assert raised.value.retryable
    stage.model = Puppet([reply(FINISH)])
    assert (await stage.deliver()).status == "complete"


async def test_a_model_that_refuses_the_task_ends_it(plays: Plays) -> None:
    result = await plays(reply(say="I will not do that", stop="refusal")).deliver()
    assert error_of(result) == ("model_refused", "the model refuses the task: I will not do that")


async def test_a_reply_with_half_of_a_surrogate_pair_is_kept_with_a_question_mark(plays: Plays) -> None:
    stage = plays(reply(bash("true"), say="odd: \ud83d"), reply(FINISH))
    assert (await stage.deliver()).status == "complete"
    assert puppet_of(stage).seen()[0]["content"] == "odd: ?"


async def test_a_reply_of_more_than_an_outcome_holds_is_kept_beside_the_journal(plays: Plays) -> None:
    content = "x" * 400_000
    wanted = call("edit", {"action": "create", "path": "big.txt", "file_text": content})
    stage = plays(reply(wanted, call("ask", {"question": "Good?"})), reply(COMMIT), reply(FINISH))
    with pytest.raises(Suspended):
        await stage.deliver()
    assert len(json.dumps(stage.diary.outcomes("model")[0])) < 2000
    assert (await stage.continued("Yes")).status == "complete"
    assert puppet_of(stage).seen(1)[0]["tool_calls"][0]["function"]["arguments"] == wanted["function"]["arguments"]
    assert await stage.files() == {"big.txt": content}


async def test_an_answer_of_any_length_leaves_room_in_the_history(plays: Plays) -> None:
    @tool
    async def dump(ctx: KitContext) -> ToolReply:
        """Dump."""
        return ToolReply("x" * 5_000_000)

    class Developer(LLMAgent):
        tools = (dump,)

    stage = plays(reply(call("dump")), reply(FINISH), agent=Developer())
    assert (await stage.deliver()).status == "complete"
    assert len(puppet_of(stage).read()) < 101_000


async def test_an_overflow_that_nothing_can_be_done_about_ends_the_task(plays: Plays) -> None:
    result = await plays(ContextOverflow("too long by 7 tokens")).deliver()
    assert error_of(result) == ("context_overflow", "too long by 7 tokens")
