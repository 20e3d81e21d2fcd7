"""One delivery of one task: what is done about it, in which order, and what becomes of the task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beth_sdk import history as facts
from beth_sdk import schema, trace
from beth_sdk.agent import Context
from beth_sdk.bus.base import BEGINNING, Outgoing
from beth_sdk.errors import Fatal, Retryable
from beth_sdk.history import stream_of
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result, Task
from beth_sdk.worker.conftest import (
    LEASE,
    QUEUE,
    Acting,
    Bench,
    Gate,
    Logged,
    a_manifest,
    a_task,
    complete,
    one_step,
    raising,
    soon,
)

# -- the order of things ------------------------------------------------------------------


async def test_a_task_is_taken_executed_ended_published_and_acknowledged_in_this_order(bench: Bench) -> None:
    await bench.publish()
    await bench.run(one_step)
    verbs = [verb for verb in bench.watch.verbs if verb not in {"append events", "drop"}]
    assert verbs == ["take", "write started+step_done", "write ended", "append results.beth", "ack"]
    assert "drop" in bench.watch.verbs
    assert await bench.stats() == (0, 0, 0)


async def test_a_task_without_steps_costs_one_append(bench: Bench) -> None:
    await bench.publish()
    await bench.run(complete)
    assert [verb for verb in bench.watch.verbs if verb.startswith("write")] == ["write started+ended"]


async def test_the_published_result_is_the_journaled_one_and_says_whose_it_is(bench: Bench) -> None:
    await bench.publish(a_task(continuation=0))
    await bench.run(complete)
    result = await bench.result()
    assert result.to_json() == (await bench.entries())[-1].fact.data["result"]
    assert result.to_json() == {
        "task_id": "task-1",
        "request_id": "req-1",
        "status": "complete",
        "result": "done",
        "agent": "developer",
        "instance": "developer-1",
        "epoch": 1,
        "attempt": 1,
        "continuation": 0,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "schema_version": "1.0",
        "usage": {"seconds": 0.0},
    }


async def test_a_result_goes_to_the_workers_own_topic_where_the_task_names_none(bench: Bench) -> None:
    await bench.publish(a_task().with_(reply_to=None, request_id=None))
    await bench.run(complete)
    result = await bench.result("results.default")
    assert (result.status, result.request_id) == ("complete", None)


async def test_the_trace_runs_on_into_the_result_and_the_hooks(bench: Bench) -> None:
    await bench.publish()
    run = await bench.run(complete)
    trace_id = trace.trace_id(run.delivery.headers[trace.HEADER])
    ((_, message),) = await bench.bus.read("results.beth", BEGINNING)
    assert trace.trace_id(message.headers[trace.HEADER]) == trace_id
    assert bench.hooks.last("after_result").trace_id == trace_id


async def test_hooks_come_in_pairs_with_the_outcome_and_what_it_used_up(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        bench.clock.advance(2.5)
        await one_step(task, ctx)
        return Result.complete(1, usage=schema.parse(Result, USED).usage)

    await bench.publish()
    await bench.run(execute)
    names = ["before_task", "before_step", "after_step", "before_result", "after_result", "after_task"]
    assert bench.hooks.names == names
    after = bench.hooks.last("after_task")
    assert (after.outcome, after.seconds, after.attempt, after.epoch) == ("complete", 2.5, 1, 1)
    assert after.usage == {"llm_calls": 3, "seconds": 2.5}
    assert bench.hooks.last("after_result").topic == "results.beth"


USED = {"task_id": "t", "status": "complete", "usage": {"llm_calls": 3}}


async def test_an_accepted_event_goes_out_and_the_agents_progress(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        await ctx.progress("half", percent=50)
        return Result.complete(1)

    await bench.publish()
    await bench.run(execute)
    events = await bench.events()
    assert [(event.kind, event.message, event.data) for event in events] == [
        ("accepted", None, {"epoch": 1, "attempt": 1}),
        ("progress", "half", {"percent": 50}),
    ]


# -- copies -------------------------------------------------------------------------------


async def test_a_copy_of_an_ended_task_publishes_the_same_result_again_and_executes_nothing(bench: Bench) -> None:
    await bench.publish()
    bench.watch.fail("ack", RuntimeError("killed here"))
    with pytest.raises(RuntimeError):
        await bench.run(complete)
    bench.clock.advance(LEASE + 1)
    agent = Acting(complete)
    await bench.run(agent)
    first, second = await bench.results()
    assert first == second
    assert agent.begun == []
    assert await bench.kinds() == ["started", "ended", "let_go"]
    assert await bench.stats() == (0, 0, 0)


async def test_a_copy_of_a_dead_task_is_buried_again_as_the_same_dead_letter(bench: Bench) -> None:
    await bench.publish()
    bench.watch.fail("append tasks.developer.dead", RuntimeError("killed here"))
    with pytest.raises(RuntimeError):
        await bench.run(raising(Fatal("no")))
    assert await bench.dead() == []
    bench.clock.advance(LEASE + 1)
    await bench.run(complete)
    (letter,) = await bench.dead()
    assert letter.reason == "Fatal cannot be retried"
    assert [result.status for result in await bench.results()] == ["failed"]


async def test_a_copy_of_an_older_continuation_is_acknowledged_without_effect(bench: Bench) -> None:
    await bench.publish(a_task(continuation=1))
    await bench.run(raising(Retryable("busy")))
    await bench.publish(a_task())
    agent = Acting(complete)
    await bench.run(agent)
    assert agent.begun == []
    assert await bench.results() == []
    assert await bench.stats() == (0, 1, 0)  # the newer one waits for its next attempt


async def test_a_copy_of_an_older_continuation_takes_no_attempt_from_the_newer_one(bench: Bench) -> None:
    await bench.publish(a_task(continuation=1))
    await bench.run(raising(Retryable("busy")))
    await bench.publish(a_task())
    await bench.run(complete)
    bench.clock.advance(1000)
    await bench.run(complete)
    assert (await bench.result()).attempt == 2


async def test_a_copy_that_finds_a_live_hold_goes_back_until_it_would_expire_and_disturbs_nobody(
    bench: Bench, logged: Logged
) -> None:
    hold = await bench.journal.take(stream_of("task-1"), "another", LEASE)
    bench.clock.advance(20)
    await bench.publish()
    agent = Acting(complete)
    await bench.run(agent)
    assert [verb for verb in bench.watch.verbs if verb != "append events"] == ["take", "release 40"]
    assert agent.begun == []
    assert await bench.kinds() == []
    assert [event.message for event in await bench.events()] == ["held by another for another 40 s unless it lets go"]
    assert logged("held elsewhere")[0]["holder"] == "another"
    await bench.journal.renew(hold)
    assert bench.hooks.names == []


async def test_a_copy_that_went_back_is_no_attempt(bench: Bench) -> None:
    await bench.publish()
    hold = await bench.journal.take(stream_of("task-1"), "another", LEASE)
    await bench.run(complete)
    await bench.journal.append(stream_of("task-1"), [Fact(facts.HANDED_OVER, {})], key="x", hold=hold)
    bench.clock.advance(LEASE + 1)
    await bench.run(complete)
    assert (await bench.result()).attempt == 1


async def test_two_continuations_at_once_do_not_disturb_each_other(bench: Bench) -> None:
    async def ask(task: Task, ctx: Context) -> Result:
        return Result.complete(await ctx.ask("Which colour?"))

    await bench.publish()
    await bench.run(ask)
    gate = Gate()

    async def slowly(task: Task, ctx: Context) -> Result:
        colour = await ctx.ask("Which colour?")
        await ctx.step("gate", gate, repeat="safe")
        return Result.complete(colour)

    await bench.publish(a_task(continuation=1, answer={"question": "ask:0", "text": "red"}))
    running, processing = await bench.begin(slowly)
    await gate.is_reached()
    await bench.bus.publish(QUEUE, Outgoing("copy", schema.encode(a_task())))
    agent = Acting(complete)
    await bench.run(agent)  # finds the newer one's hold
    gate.open()
    await soon(processing)
    bench.clock.advance(LEASE + 1)
    await bench.run(agent)  # finds that it ended long ago
    assert agent.begun == []
    assert [(one.status, one.continuation) for one in await bench.results()] == [
        ("needs_input", 0),
        ("complete", 1),
        ("needs_input", 0),
    ]
    assert running.hold is None


async def test_a_task_whose_journal_is_archived_is_acknowledged(bench: Bench) -> None:
    await bench.journal.archive(stream_of("task-1"))
    await bench.publish()
    await bench.run(complete)
    assert await bench.stats() == (0, 0, 0)
    assert await bench.results() == []


# -- what is not taken at all -------------------------------------------------------------


async def test_a_task_of_another_journal_is_left_alone(bench: Bench, logged: Logged) -> None:
    headers = {"beth-journal": "another"}
    await bench.bus.publish(QUEUE, Outgoing("task-1:0", schema.encode(a_task()), 2, headers))
    await bench.run(complete)
    assert bench.watch.verbs == ["release 60"]
    (line,) = logged(
        "the task is held in another journal; BETH_JOURNAL_URL differs between its publisher and this worker"
    )
    assert (line["theirs"], line["ours"]) == ("another", bench.journal.id)


async def test_a_task_whose_time_has_not_come_goes_back_until_it_has(bench: Bench) -> None:
    await bench.publish(a_task(not_before="2023-11-14T22:15:00Z"))  # the clock shows 22:13:20
    await bench.run(complete)
    assert bench.watch.verbs == ["release 100"]
    bench.clock.advance(100)
    await bench.run(complete)
    assert (await bench.result()).attempt == 1


async def test_bytes_that_are_no_task_are_kept_answered_and_acknowledged(bench: Bench) -> None:
    body = json.dumps({"id": "task-1", "reply_to": "results.beth"}).encode()
    await bench.bus.publish(QUEUE, Outgoing("x", body, headers={"traceparent": trace.start()}))
    await bench.run(complete)
    assert bench.watch.verbs == ["append tasks.developer.dead", "append results.beth", "ack"]
    (letter,) = await bench.dead()
    assert letter.body == body
    assert (await bench.result()).status == "rejected"


async def test_an_answer_to_bytes_never_goes_where_no_topic_can_be(bench: Bench) -> None:
    await bench.bus.publish(QUEUE, Outgoing("x", b'{"id": "task-1", "reply_to": "../etc"}'))
    await bench.run(complete)
    assert (await bench.result("results.default")).status == "rejected"


async def test_bytes_that_say_nothing_are_kept_without_an_answer(bench: Bench) -> None:
    await bench.bus.publish(QUEUE, Outgoing("x", b"\xff\xfe"))
    await bench.run(complete)
    assert bench.watch.verbs == ["append tasks.developer.dead", "ack"]


# -- what is taken and not executed -------------------------------------------------------


async def test_a_task_that_is_not_this_agents_is_rejected_without_a_dead_letter(bench: Bench) -> None:
    await bench.bus.publish(QUEUE, Outgoing("task-1:0", schema.encode(a_task(agent="tester"))))
    agent = Acting(complete)
    await bench.run(agent)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code, agent.begun) == ("rejected", "wrong_role", [])
    assert await bench.dead() == []
    assert bench.hooks.names == ["before_result", "after_result"]


async def test_a_schema_file_that_is_none_fails_the_task_and_does_not_go_round_forever(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "in.json").write_text("{")
    manifest = a_manifest('[task_types.implement]\ninput = "in.json"\n', directory=tmp_path)
    await bench.publish()
    for _ in range(3):
        await bench.run(complete, manifest=manifest)
        bench.clock.advance(1000)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.code, result.attempt) == ("failed", "JSONDecodeError", 3)


@pytest.mark.parametrize("died", [False, True])
async def test_a_task_that_was_cancelled_before_it_was_taken_is_not_executed(bench: Bench, died: bool) -> None:
    if died:
        await bench.die()
    await bench.told("cancel", "not wanted")
    await bench.publish()
    agent = Acting(complete)
    await bench.run(agent)
    result = await bench.result()
    assert result.error is not None
    assert (result.status, result.error.message, agent.begun) == ("cancelled", "not wanted", [])


async def test_a_task_that_was_paused_before_it_was_taken_parks(bench: Bench) -> None:
    await bench.told("pause")
    await bench.publish()
    agent = Acting(complete)
    await bench.run(agent)
    result = await bench.result()
    assert result.question is not None
    assert (result.status, result.question.id, agent.begun) == ("needs_input", "pause", [])


async def test_a_worker_that_is_stopping_gives_a_task_back_that_it_just_got(bench: Bench) -> None:
    bench.draining.set()
    await bench.publish()
    agent = Acting(complete)
    await bench.run(agent)
    assert agent.begun == []
    assert await bench.kinds() == ["started", "handed_over"]
    assert await bench.stats() == (1, 0, 0)
