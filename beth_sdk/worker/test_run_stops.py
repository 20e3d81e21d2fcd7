"""A run that stops before its end: for people, for other tasks, for its worker, for another holder."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.agent import Context, HandedOver
from beth_sdk.errors import BethError
from beth_sdk.history import stream_of
from beth_sdk.messages import Result, Task
from beth_sdk.worker.conftest import (
    LEASE,
    Acting,
    Bench,
    Gate,
    Logged,
    a_task,
    complete,
    one_step,
    settled,
    soon,
)

# -- waiting for people and for others ----------------------------------------------------


async def test_a_question_ends_the_delivery_and_its_answer_continues_the_task(bench: Bench) -> None:
    async def execute(task: Task, ctx: Context) -> Result:
        await one_step(task, ctx)
        return Result.complete(await ctx.ask("Which colour?", ["red", "blue"]))

    await bench.publish()
    await bench.run(execute)
    asked = await bench.result()
    assert asked.question is not None
    assert (asked.status, asked.question.options) == ("needs_input", ["red", "blue"])
    assert await bench.stats() == (0, 0, 0)
    await bench.publish(a_task(continuation=1, answer={"question": "ask:0", "text": "red"}))
    await bench.run(execute)
    assert (await bench.results())[-1].result == "red"
    assert bench.hooks.names.count("before_step") == 1


# -- stops --------------------------------------------------------------------------------


class Stepping:
    """An agent of two steps, the first of which waits."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.second = 0
        self.notes: list[str] = []

    async def __call__(self, task: Task, ctx: Context) -> Result:
        await ctx.step("first", self.gate, repeat="safe")
        self.notes = list(ctx.notes)
        await ctx.step("second", self._second, repeat="safe")
        return Result.complete("both")

    async def _second(self) -> None:
        self.second += 1


async def test_a_cancel_is_seen_at_the_next_step_boundary_without_a_message(bench: Bench) -> None:
    agent = Stepping()
    await bench.publish()
    _, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    await bench.told("cancel", "enough")
    agent.gate.open()
    await soon(processing)
    assert ((await bench.result()).status, agent.second) == ("cancelled", 0)


async def test_a_pause_parks_the_task_at_the_next_step_boundary(bench: Bench) -> None:
    agent = Stepping()
    await bench.publish()
    _, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    await bench.told("pause")
    agent.gate.open()
    await soon(processing)
    assert ((await bench.result()).status, agent.second) == ("needs_input", 0)
    assert await bench.kinds() == ["pause", "started", "step_done", "ended"]


async def test_a_note_is_seen_after_the_step(bench: Bench) -> None:
    agent = Stepping()
    await bench.publish()
    _, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    await bench.told("tell", "mind the gap")
    agent.gate.open()
    await soon(processing)
    assert agent.notes == ["mind the gap"]


async def test_a_worker_that_is_stopping_hands_over_at_the_next_step_boundary(bench: Bench) -> None:
    agent = Stepping()
    await bench.publish()
    _, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    bench.draining.set()
    agent.gate.open()
    await soon(processing)
    assert await bench.kinds() == ["started", "step_done", "handed_over"]
    assert await bench.stats() == (1, 0, 0)
    assert [event.kind for event in await bench.events()][-1] == "handed_over"
    bench.draining.clear()
    again = Stepping()
    await bench.run(again)
    assert ((await bench.result()).attempt, again.gate.reached.is_set(), again.second) == (1, False, 1)


async def test_looking_again_cancels_a_running_task_in_the_middle_of_its_step(bench: Bench) -> None:
    agent = Stepping()
    await bench.publish()
    run, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    await run.look_again()
    assert not processing.done()
    await bench.told("cancel", "now")
    await run.look_again()
    await soon(processing)
    assert (await bench.result()).status == "cancelled"
    await run.look_again()  # over: nothing to see


async def test_being_told_twice_to_cancel_leaves_the_agent_time_to_clean_up(bench: Bench) -> None:
    gate, broom = Gate(), Gate()

    async def tidy(task: Task, ctx: Context) -> Result:
        try:
            await gate()
        finally:
            await broom()
            bench.hooks.emit("cleaned", None)
        return Result.complete(1)

    await bench.publish()
    run, processing = await bench.begin(tidy)
    await gate.is_reached()
    await bench.told("cancel")
    await run.look_again()
    await broom.is_reached()
    await run.look_again()
    await settled()
    broom.open()
    await soon(processing)
    assert "cleaned" in bench.hooks.names


async def test_an_agent_that_eats_the_cancel_and_returns_what_it_has_is_cancelled_all_the_same(bench: Bench) -> None:
    gate = Gate()

    async def deaf(task: Task, ctx: Context) -> Result:
        await asyncio.gather(ctx.step("gate", gate, repeat="safe"), return_exceptions=True)
        assert ctx.cancelled
        return Result.complete("half of it")

    await bench.publish()
    _, processing = await bench.begin(deaf)
    await gate.is_reached()
    await bench.told("cancel")
    gate.open()
    await soon(processing)
    assert (await bench.result()).status == "cancelled"


async def test_an_interrupted_run_is_handed_over_even_before_it_began(bench: Bench) -> None:
    agent = Acting(complete)
    await bench.publish()
    gate = bench.watch.hold_up("take")
    run, processing = await bench.begin(agent.execute)
    await bench.watch.until("take")
    run.interrupt(HandedOver(at_once=True))
    gate.set()
    await soon(processing)
    assert agent.begun == []
    assert await bench.kinds() == ["started", "handed_over"]


async def test_an_interrupted_agent_that_goes_on_gets_as_far_as_its_next_step(bench: Bench) -> None:
    gate = Gate()
    seen: list[BaseException] = []

    async def deaf(task: Task, ctx: Context) -> Result:
        try:
            await gate()
        except asyncio.CancelledError:
            pass
        try:
            await ctx.step("next", gate, repeat="safe")
        except HandedOver as signal:
            seen.append(signal)
            raise
        return Result.complete(1)

    await bench.publish()
    run, processing = await bench.begin(deaf)
    await gate.is_reached()
    why = HandedOver(at_once=True)
    run.interrupt(why)
    await soon(processing)
    assert seen == [why]
    assert await bench.kinds() == ["started", "handed_over"]


# -- fences -------------------------------------------------------------------------------


async def test_a_worker_whose_append_is_refused_says_so_in_one_line_and_leaves_everything_alone(
    bench: Bench, logged: Logged
) -> None:
    agent = Stepping()
    await bench.publish()
    _, processing = await bench.begin(agent)
    await agent.gate.is_reached()
    bench.clock.advance(LEASE + 1)
    await bench.journal.take(stream_of("task-1"), "another", LEASE)
    bench.watch.verbs.clear()
    agent.gate.open()
    await soon(processing)
    (line,) = logged("fenced")
    assert (line["epoch"], line["current_epoch"], line["refused"]) == (1, 2, "append")
    assert bench.watch.verbs == ["write started+step_done"]
    assert await bench.results() == []
    assert bench.hooks.last("after_task").outcome == "fenced"


async def test_an_agent_that_eats_the_refusal_gets_no_further(bench: Bench, logged: Logged) -> None:
    gate = Gate()

    async def greedy(task: Task, ctx: Context) -> Result:
        try:
            await ctx.step("gate", gate, repeat="safe")
        except BethError:
            return Result.complete("all the same")
        return Result.complete(1)

    await bench.publish()
    _, processing = await bench.begin(greedy)
    await gate.is_reached()
    bench.clock.advance(LEASE + 1)
    await bench.journal.take(stream_of("task-1"), "another", LEASE)
    gate.open()
    await soon(processing)
    assert await bench.results() == []
    assert await bench.kinds() == []
    assert len(logged("fenced")) == 1
    assert "ack" not in bench.watch.verbs


async def test_what_a_port_refuses_for_good_is_raised_with_the_hooks_told(bench: Bench) -> None:
    await bench.publish()
    bench.watch.fail("append results.beth", RuntimeError("no such topic"))
    with pytest.raises(RuntimeError, match="no such topic"):
        await bench.run(complete)
    assert bench.hooks.last("after_task").outcome == "broken"
