"""What a running task may do: ask people, delegate, be stopped, be watched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beth_sdk import history as facts
from beth_sdk.agent import Fenced, HandedOver, Signal, Suspended, TaskCancelled, TaskPaused
from beth_sdk.errors import (
    JournalMismatch,
    LoopRefused,
    StepRaised,
)
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result, WantedTask
from beth_sdk.worker.conftest import Logged
from beth_sdk.worker.test_context_steps import Counter, Diary, an_answer


@pytest.fixture
def diary() -> Diary:
    return Diary()


# -- questions ----------------------------------------------------------------------------


async def test_two_questions_get_their_answers_in_order(diary: Diary) -> None:
    async def conversation(**task: Any) -> tuple[str, str]:
        ctx = diary.delivered(**task)
        return await ctx.ask("Which colour?", ["red", "blue"]), await ctx.ask("Which shape?")

    with pytest.raises(Suspended) as first:
        await conversation()
    assert first.value.question is not None
    assert first.value.question.to_json() == {"id": "ask:0", "text": "Which colour?", "options": ["red", "blue"]}
    with pytest.raises(Suspended) as second:
        await conversation(**an_answer("red", "ask:0"))
    assert second.value.question is not None
    assert second.value.question.to_json() == {"id": "ask:1", "text": "Which shape?"}
    answers = await conversation(continuation=2, answer={"question": "ask:1", "text": "round"})
    assert answers == ("red", "round")


async def test_an_answer_survives_a_death_after_it_was_used(diary: Diary) -> None:
    assert await diary.delivered(**an_answer("red", "ask:0")).ask("Which colour?") == "red"
    assert await diary.delivered(continuation=1).ask("Which colour?") == "red"


async def test_another_question_in_the_same_place_is_a_mismatch(diary: Diary) -> None:
    await diary.delivered(**an_answer("red", "ask:0")).ask("Which colour?")
    with pytest.raises(JournalMismatch):
        await diary.delivered(continuation=1).ask("Which shape?")


# -- other tasks --------------------------------------------------------------------------


def wanted(name: str) -> WantedTask:
    fields = {"name": name, "agent": "tester", "type": "test", "payload": {"description": "x"}}
    return WantedTask.model_validate(fields)


async def test_delegated_tasks_come_back_as_results_in_order_and_in_a_replay_too(diary: Diary) -> None:
    tasks = [wanted("one"), wanted("two")]
    with pytest.raises(Suspended) as suspended:
        await diary.delivered().delegate(tasks)
    assert suspended.value.tasks == tuple(tasks)
    assert suspended.value.data == {"question": "delegate:0"}
    results = [{"task_id": "a", "status": "complete"}, {"task_id": "b", "status": "failed"}]
    answer = {"continuation": 1, "answer": {"question": "delegate:0", "results": results}}
    for task in (answer, {"continuation": 1}):
        came = await diary.delivered(**task).delegate(tasks)
        assert [(type(one), one.task_id, one.status) for one in came] == [
            (Result, "a", "complete"),
            (Result, "b", "failed"),
        ]


async def test_a_delegation_too_many_hops_away_is_refused_with_its_chain(diary: Diary) -> None:
    with pytest.raises(LoopRefused, match="more than 2 hops") as refused:
        await diary.delivered(ancestors=["a", "b"], max_hops=2).delegate([wanted("one")])
    assert refused.value.chain == ("a", "b", "task-1")


# -- boundaries ---------------------------------------------------------------------------

SIGNALS = [TaskCancelled("enough"), TaskPaused(), HandedOver(), Fenced()]


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_task_that_must_stop_stops_before_a_step(diary: Diary, signal: Signal) -> None:
    diary.signal = signal
    work = Counter()
    ctx = diary.delivered()
    with pytest.raises(type(signal)):
        await ctx.step("work", work)
    assert (work.runs, diary.written()) == (0, [])


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_task_that_must_stop_stops_after_a_step_whose_outcome_is_kept(diary: Diary, signal: Signal) -> None:
    diary.signal_at[facts.STEP_DONE] = signal
    work = Counter()
    with pytest.raises(type(signal)):
        await diary.delivered().step("work", work)
    diary.signal = None
    assert await diary.delivered().step("work", work) == "outcome"
    assert work.runs == 1


@pytest.mark.parametrize("signal", SIGNALS)
async def test_questions_and_delegations_are_boundaries_too(diary: Diary, signal: Signal) -> None:
    diary.signal = signal
    with pytest.raises(type(signal)):
        await diary.delivered().ask("?")
    with pytest.raises(type(signal)):
        await diary.delivered().delegate([wanted("one")])


async def test_a_cancel_that_comes_to_light_with_an_intent_spares_the_step(diary: Diary) -> None:
    diary.signal_at[facts.STEP_STARTED] = TaskCancelled("too dear")
    work = Counter()
    with pytest.raises(TaskCancelled):
        await diary.delivered().step("pay", work)
    assert work.runs == 0


async def test_what_only_waits_does_not_leave_an_intent_behind(diary: Diary) -> None:
    diary.signal_at[facts.STEP_STARTED] = TaskPaused()
    work = Counter()
    with pytest.raises(TaskPaused):
        await diary.delivered().step("pay", work)
    assert (work.runs, diary.written()) == (1, [facts.STEP_STARTED, facts.STEP_DONE])


@pytest.mark.parametrize(
    ("signal", "cancelled"),
    [
        (None, False),
        (TaskPaused(), False),
        (HandedOver(), False),
        (HandedOver(at_once=True), True),
        (TaskCancelled(), True),
        (Fenced(), True),
    ],
)
async def test_a_loop_without_steps_sees_that_it_must_stop_now(
    diary: Diary, signal: Signal | None, cancelled: bool
) -> None:
    diary.signal = signal
    assert diary.delivered().cancelled is cancelled


# -- watching -----------------------------------------------------------------------------


async def test_progress_and_steps_are_events(diary: Diary) -> None:
    ctx = diary.delivered()
    await ctx.progress("half", percent=50)
    await ctx.step("work", Counter())
    assert diary.events == [("progress", "half", {"percent": 50}), ("step", "work", {"name": "work", "n": 0})]


async def test_what_an_agent_logs_is_in_the_workers_log(diary: Diary, logged: Logged) -> None:
    diary.delivered().log("compiling", files=3)
    assert logged("compiling") == [{"files": 3}]


async def test_notes_are_seen_as_they_come(diary: Diary) -> None:
    ctx = diary.delivered()
    assert not ctx.notes
    await diary.append([Fact(facts.TELL, {"text": "hurry"})], key="x")
    assert list(ctx.notes) == ["hurry"]


async def test_hooks_see_a_step_that_runs_and_none_that_is_replayed(diary: Diary) -> None:
    async def slow() -> None:
        diary.clock.advance(2.0)

    await diary.delivered().step("work", slow)
    await diary.delivered().step("work", slow)
    assert diary.records.names == ["before_step", "after_step"]
    after = diary.records.last("after_step")
    assert (after.name, after.occurrence, after.outcome, after.seconds) == ("work", 0, "done", 2.0)


async def test_hooks_see_that_a_step_raised(diary: Diary) -> None:
    with pytest.raises(StepRaised):
        await diary.delivered().step("work", Counter(raises=ValueError()))
    assert diary.records.last("after_step").outcome == "raised"


async def test_steps_side_by_side_are_replayed_side_by_side(diary: Diary) -> None:
    work = [Counter(number) for number in range(3)]
    for _ in range(2):
        ctx = diary.delivered()
        outcomes = await asyncio.gather(*(ctx.step("work", one, n) for n, one in enumerate(work)))
        assert outcomes == [0, 1, 2]
    assert [one.runs for one in work] == [1, 1, 1]
