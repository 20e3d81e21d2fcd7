"""What becomes of a task: attempts and their number, results that cannot be, dead letters."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import history as facts
from beth_sdk.agent import Context
from beth_sdk.dead_letters import redrive
from beth_sdk.errors import Fatal, Rejected, Retryable
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result, Task
from beth_sdk.retry import MAX_EPOCH
from beth_sdk.worker.conftest import (
    Acting,
    Bench,
    Gate,
    a_manifest,
    a_task,
    complete,
    one_step,
    raising,
    soon,
)

STEP = {"name": "work", "n": 0, "digest": "d"}


# -- attempts -----------------------------------------------------------------------------


async def test_a_failed_attempt_is_tried_again_after_a_while(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(ValueError("odd")), random=0.5)
    assert await bench.kinds() == ["started", "attempt_failed"]
    failed = (await bench.entries())[-1].fact.data
    assert (failed["error"]["message"], failed["again_in"]) == ("odd", 7.5)
    assert bench.watch.verbs[-2:] == ["drop", "release 7.5"]
    assert bench.hooks.last("after_task").outcome == "retry"
    assert await bench.results() == []


async def test_a_retryable_error_may_ask_for_a_longer_delay(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(Retryable("busy", after=90.0)))
    assert bench.watch.verbs[-1] == "release 90"


async def test_a_task_that_keeps_failing_is_dead_with_the_history_of_its_attempts(bench: Bench) -> None:
    await bench.publish()
    for number in range(3):
        await bench.run(raising(ValueError(f"odd {number}")))
        bench.clock.advance(1000)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.message, result.attempt) == ("failed", "odd 2", 3)
    (letter,) = await bench.dead()
    assert letter.reason == "3 of 3 attempts failed"
    assert [one["outcome"] for one in letter.history] == ["attempt_failed", "attempt_failed", "failed"]
    assert letter.error is not None
    assert letter.error["message"] == "odd 2"


async def test_a_task_may_have_its_own_number_of_attempts(bench: Bench) -> None:
    await bench.publish(a_task(max_attempts=1))
    await bench.run(raising(ValueError("odd")))
    assert (await bench.result()).status == "failed"


async def test_what_cannot_get_better_is_dead_at_once(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(Fatal("no", details={"why": "because"})))
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code, result.error.details) == ("failed", "fatal", {"why": "because"})
    assert len(await bench.dead()) == 1


async def test_an_agent_may_say_itself_that_a_task_failed_and_it_is_no_dead_letter(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        return Result.failed("no_tests", "there are no tests", result={"files": 3})

    await bench.publish()
    await bench.run(execute)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code, result.result) == ("failed", "no_tests", {"files": 3})
    assert await bench.dead() == []


async def test_an_agent_may_reject_a_task_and_it_is_no_dead_letter(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(Rejected("not mine", code="unsupported")))
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code) == ("rejected", "unsupported")
    assert await bench.dead() == []


async def test_a_task_whose_workers_die_without_a_word_is_dead_too(bench: Bench) -> None:
    await bench.publish()
    for _ in range(3):
        await bench.die()
    agent = Acting(complete)
    await bench.run(agent)
    result = await bench.result()
    assert result.error is not None
    assert (result.error.code, agent.begun) == ("worker_died", [])
    (letter,) = await bench.dead()
    assert [one["outcome"] for one in letter.history] == ["died", "died", "died", "failed"]


async def test_a_death_that_left_no_trace_counts_and_the_next_attempt_runs_at_once(bench: Bench) -> None:
    await bench.die()
    await bench.publish()
    await bench.run(complete)
    assert (await bench.result()).attempt == 2


async def test_attempts_that_made_progress_do_not_count(bench: Bench) -> None:
    for number in range(10):
        step = {**STEP, "name": f"s{number}", "outcome": 1}
        await bench.die(Fact(facts.STARTED, {"continuation": 0}), Fact(facts.STEP_DONE, step))
    await bench.publish()
    await bench.run(complete)
    assert (await bench.result()).attempt == 1


async def test_an_attempt_that_made_progress_and_then_failed_does_not_count_either(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        await one_step(task, ctx)
        raise ValueError("odd")

    await bench.publish(a_task(max_attempts=1))
    await bench.run(execute)
    assert await bench.results() == []
    bench.clock.advance(1000)
    await bench.run(execute)  # no new outcome this time
    assert (await bench.result()).status == "failed"


async def test_hand_overs_do_not_count(bench: Bench) -> None:
    for _ in range(10):
        await bench.die(Fact(facts.STARTED, {"continuation": 0}), Fact(facts.HANDED_OVER, {"continuation": 0}))
    await bench.publish()
    await bench.run(complete)
    assert (await bench.result()).attempt == 1


async def test_a_task_that_was_taken_more_than_a_thousand_times_is_dead_whatever_progress_it_made(bench: Bench) -> None:
    await bench.publish()
    started, step = Fact(facts.STARTED, {"continuation": 0}), Fact(facts.STEP_DONE, {**STEP, "outcome": 1})
    for _ in range(MAX_EPOCH):
        await bench.die(started, step)
    agent = Acting(complete)
    await bench.run(agent)
    result = await bench.result()
    assert result.error is not None
    assert (result.error.code, result.epoch, agent.begun) == ("taken_too_often", MAX_EPOCH + 1, [])
    assert len(await bench.dead()) == 1


async def test_a_redriven_task_has_all_its_attempts_again_and_keeps_its_outcomes(bench: Bench) -> None:
    runs: list[str] = []

    async def execute(task: Task, ctx: Context) -> Result:
        async def work() -> None:
            runs.append("work")

        await ctx.step("work", work)
        if task.continuation == 0:
            raise Fatal("no")
        return Result.complete(1)

    await bench.publish()
    await bench.run(execute)
    (letter,) = await bench.dead()
    await redrive(bench.bus, bench.journal, letter, bench.clock)
    await bench.run(execute)
    last = (await bench.results())[-1]
    assert (last.status, last.continuation, last.attempt) == ("complete", 1, 1)
    assert runs == ["work"]


# -- odd agents ---------------------------------------------------------------------------


@pytest.mark.parametrize("returned", [None, {"status": "complete"}, "done"])
async def test_an_agent_that_returns_something_else_than_a_result_has_failed_for_good(
    bench: Bench, returned: object
) -> None:
    async def execute(task: Task, ctx: Context) -> object:
        return returned

    await bench.publish()
    await bench.run(execute)
    result = await bench.result()
    assert result.error is not None
    assert "not a Result: return Result.complete" in result.error.message


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_an_agent_that_wants_to_exit_has_failed_an_attempt(bench: Bench, error: BaseException) -> None:
    await bench.publish()
    await bench.run(raising(error))
    assert (await bench.entries())[-1].fact.data["error"]["code"] == type(error).__name__


async def test_an_agent_that_cancels_itself_has_failed_an_attempt_and_does_not_go_round_at_once(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(asyncio.CancelledError()))
    assert await bench.kinds() == ["started", "attempt_failed"]
    assert await bench.stats() == (0, 1, 0)


async def test_an_error_that_python_cannot_print_fails_the_attempt_like_another(bench: Bench) -> None:
    await bench.publish()
    await bench.run(raising(ValueError("\udcff")))
    assert (await bench.entries())[-1].fact.data["error"]["message"] == "\\udcff"


async def test_a_result_that_is_too_large_is_a_failure_that_says_so(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        return Result.complete({"text": "x" * 300_000})

    await bench.publish()
    await bench.run(execute)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code) == ("failed", "too_large")
    (letter,) = await bench.dead()
    assert "262,144" in letter.reason


async def test_a_result_that_became_no_json_after_it_was_made_is_a_failure_that_says_so(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        result = Result.complete({"files": []})
        assert isinstance(result.result, dict)
        files: Any = result.result["files"]
        files.append(object())
        return result

    await bench.publish()
    await bench.run(execute)
    result = await bench.result()
    assert result.error is not None
    assert "the result is not JSON" in result.error.message


@pytest.mark.parametrize(("output", "status"), [({"files": []}, "complete"), ({"files": 7}, "failed")])
async def test_a_result_is_held_against_the_output_schema_of_its_type(
    bench: Bench, tmp_path: Path, output: Any, status: str
) -> None:
    (tmp_path / "out.json").write_text('{"properties": {"files": {"type": "array"}}}')
    manifest = a_manifest('[task_types.implement]\noutput = "out.json"\n', directory=tmp_path)

    async def execute(task: Task, ctx: Context) -> Result:
        return Result.complete(output)

    await bench.publish()
    await bench.run(execute, manifest=manifest)
    result = await bench.result()
    assert result.status == status
    if result.error is not None:
        assert "$.result.files" in result.error.message


async def test_an_output_schema_that_is_none_fails_the_attempt(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text('{"type": "nonsense"}')
    manifest = a_manifest('[task_types.implement]\noutput = "out.json"\n', directory=tmp_path)
    await bench.publish()
    await bench.run(complete, manifest=manifest)
    assert await bench.kinds() == ["started", "attempt_failed"]


async def test_a_task_that_runs_for_longer_than_its_manifest_allows_has_failed_for_good(bench: Bench) -> None:
    gate = Gate()

    async def execute(task: Task, ctx: Context) -> Result:
        return Result.complete(await ctx.step("gate", gate, repeat="safe"))

    await bench.publish()
    _, processing = await bench.begin(execute, manifest=a_manifest('limits = {wall = "10m"}'))
    await gate.is_reached()
    bench.clock.advance(600)
    await soon(processing)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code, result.error.details) == (
        "failed",
        "time_limit",
        {"limit": "manifest", "dimension": "seconds", "spent": 600.0, "wanted": 60.0, "of": 600.0},
    )
    assert result.usage is not None
    assert result.usage.seconds == 600
