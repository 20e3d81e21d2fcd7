"""Steps: run once, replayed afterwards, and decided about when the worker died in the middle."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from beth_sdk import history as facts
from beth_sdk import testing
from beth_sdk.agent import Signal, Suspended
from beth_sdk.errors import (
    Fatal,
    JournalMismatch,
    OutcomeTooLarge,
    Rejected,
    Retryable,
    StepRaised,
)
from beth_sdk.journal.base import Fact
from beth_sdk.testing import ManualClock
from beth_sdk.worker.conftest import HookRecorder, a_manifest, a_task
from beth_sdk.worker.context import FAIL, RUN_AGAIN, TAKE_AS_DONE, TaskContext


class Diary(testing.Diary):
    """A task's journal; a fact may bring a signal with it, as when somebody cancels meanwhile."""

    clock: ManualClock

    def __init__(self) -> None:
        super().__init__(a_task(), a_manifest())
        self.keys: list[str] = []
        self.records = HookRecorder()
        self.signal_at: dict[str, Signal] = {}
        """Signals that come with the append of a fact of this kind."""

    def delivered(self, version: str = "pkg 1.0", **changes: Any) -> TaskContext:
        return super().delivered(version, **changes)

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        self.keys.append(key)
        await super().append(new, key=key)
        for fact in new:
            self.signal = self.signal_at.get(fact.kind, self.signal)

    def hook(self, name: str, record: object) -> None:
        self.records.emit(name, record)

    def written(self) -> list[str]:
        """The kinds of what was written, the beginnings of deliveries left out."""
        return [entry.fact.kind for entry in self.entries if entry.fact.kind != facts.STARTED]


@pytest.fixture
def diary() -> Diary:
    return Diary()


class Counter:
    """A step's function that counts how often it runs, and may raise instead of returning."""

    def __init__(self, returns: Any = "outcome", raises: BaseException | None = None) -> None:
        self.runs = 0
        self.returns = returns
        self.raises = raises

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.runs += 1
        if self.raises is not None:
            raise self.raises
        return self.returns


class Pair(BaseModel):
    left: int
    right: int


class Killed(BaseException):
    """Stands for the end of the process: nothing is journaled of it."""


async def die_in(diary: Diary, name: str = "pay", **task: Any) -> None:
    """Be a worker that dies while this step runs."""
    with pytest.raises(Killed):
        await diary.delivered(**task).step(name, Counter(raises=Killed()))


def an_answer(text: str, question: str = "step:pay:0:0", **more: Any) -> dict[str, Any]:
    return {"continuation": 1, "answer": {"question": question, "text": text}, **more}


# -- outcomes -----------------------------------------------------------------------------


async def test_a_steps_outcome_is_returned_in_a_replay_without_running_it(diary: Diary) -> None:
    work = Counter({"n": 1})
    assert await diary.delivered().step("work", work, 1, key="x") == {"n": 1}
    assert await diary.delivered().step("work", work, 1, key="x") == {"n": 1}
    assert work.runs == 1


async def test_the_first_result_is_what_a_replay_gives(diary: Diary) -> None:
    work = Counter({"corners": (1, 2), 3: "three"})
    first = await diary.delivered().step("work", work, repeat="safe")
    assert first == {"corners": [1, 2], "3": "three"}
    assert await diary.delivered().step("work", work, repeat="safe") == first


async def test_with_returns_both_are_a_model(diary: Diary) -> None:
    work = Counter(Pair(left=1, right=2))
    for _ in range(2):
        assert await diary.delivered().step("work", work, returns=Pair) == Pair(left=1, right=2)
    assert work.runs == 1


async def test_steps_of_one_name_are_told_apart(diary: Diary) -> None:
    work = Counter()
    for _ in range(2):
        ctx = diary.delivered()
        await ctx.step("work", work, 1)
        await ctx.step("work", work, 2)
    assert work.runs == 2


async def test_a_replay_goes_on_from_the_first_step_without_an_outcome(diary: Diary) -> None:
    first, second = Counter(1), Counter(2)
    await diary.delivered().step("first", first)
    ctx = diary.delivered()
    assert [await ctx.step("first", first), await ctx.step("second", second)] == [1, 2]
    assert (first.runs, second.runs) == (1, 1)


async def test_a_plain_function_runs_in_a_thread(diary: Diary) -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await diary.delivered().step("where", where) is False


async def test_a_plain_function_that_returns_an_awaitable_is_awaited(diary: Diary) -> None:
    assert await diary.delivered().step("work", Counter("late")) == "late"


async def test_other_arguments_are_a_mismatch_that_names_both_versions(diary: Diary) -> None:
    await diary.delivered("pkg 1.0").step("work", Counter(), "old")
    with pytest.raises(JournalMismatch, match=r"written by pkg 1\.0.*running pkg 2\.0"):
        await diary.delivered("pkg 2.0").step("work", Counter(), "new")


async def test_arguments_that_are_no_json_need_input(diary: Diary) -> None:
    work = Counter()
    with pytest.raises(TypeError, match="input="):
        await diary.delivered().step("work", work, object())
    for _ in range(2):
        await diary.delivered().step("work", work, object(), input="this one")
    assert work.runs == 1
    with pytest.raises(JournalMismatch):
        await diary.delivered().step("work", work, object(), input="another")


async def test_an_outcome_that_is_too_large_is_refused_the_same_way_in_a_replay(diary: Diary) -> None:
    work = Counter("x" * 300_000)
    for _ in range(2):
        with pytest.raises(OutcomeTooLarge) as refused:
            await diary.delivered().step("work", work, repeat="safe")
        assert refused.value.size == 300_002
    assert work.runs == 1


async def test_an_outcome_that_is_no_json_is_an_error_of_the_step(diary: Diary) -> None:
    with pytest.raises(StepRaised, match="what it returned is not JSON"):
        await diary.delivered().step("work", Counter(object()))


# -- intents ------------------------------------------------------------------------------


async def test_only_a_step_that_must_not_be_repeated_journals_its_intent(diary: Diary) -> None:
    ctx = diary.delivered()
    await ctx.step("cheap", Counter(), repeat="safe")
    assert diary.written() == [facts.STEP_DONE]
    await ctx.step("dear", Counter())
    assert diary.written() == [facts.STEP_DONE, facts.STEP_STARTED, facts.STEP_DONE]


async def test_every_fact_of_a_delivery_has_a_key_of_its_own(diary: Diary) -> None:
    ctx = diary.delivered()
    for _ in range(2):
        await ctx.step("work", Counter())
    assert len(set(diary.keys)) == len(diary.keys) == 4


async def test_a_safe_step_in_which_the_worker_died_runs_again(diary: Diary) -> None:
    with pytest.raises(Killed):
        await diary.delivered().step("work", Counter(raises=Killed()), repeat="safe")
    assert await diary.delivered().step("work", Counter("again"), repeat="safe") == "again"


async def test_a_step_in_which_the_worker_died_asks_a_person(diary: Diary) -> None:
    await die_in(diary)
    work = Counter()
    with pytest.raises(Suspended) as asked:
        await diary.delivered().step("pay", work)
    question = asked.value.question
    assert question is not None
    assert (question.id, question.options) == ("step:pay:0:0", [RUN_AGAIN, TAKE_AS_DONE, FAIL])
    assert "'pay'" in question.text
    assert work.runs == 0


async def test_the_answer_may_be_to_run_it_again(diary: Diary) -> None:
    await die_in(diary)
    work = Counter("paid")
    assert await diary.delivered(**an_answer(RUN_AGAIN)).step("pay", work) == "paid"
    assert work.runs == 1


async def test_the_answer_may_be_to_take_it_as_done(diary: Diary) -> None:
    await die_in(diary)
    work = Counter()
    assert await diary.delivered(**an_answer(TAKE_AS_DONE)).step("pay", work) is None
    assert await diary.delivered(continuation=1).step("pay", work) is None
    assert work.runs == 0


async def test_the_answer_may_be_to_fail_the_task(diary: Diary) -> None:
    await die_in(diary)
    work = Counter()
    for _ in range(2):
        with pytest.raises(StepRaised, match="a person decided to fail the task") as failed:
            await diary.delivered(**an_answer(FAIL)).step("pay", work)
        assert not failed.value.retryable
    assert work.runs == 0


async def test_a_task_that_a_person_failed_and_then_redrove_runs_the_step_and_may_ask_again(diary: Diary) -> None:
    await die_in(diary)
    answer = an_answer(FAIL)
    with pytest.raises(StepRaised):
        await diary.delivered(**answer).step("pay", Counter())
    redriven = {**answer, "continuation": 2}  # with the old answer still in it
    await die_in(diary, **redriven)
    with pytest.raises(Suspended) as asked:
        await diary.delivered(**redriven).step("pay", Counter())
    assert asked.value.question is not None
    assert asked.value.question.id == "step:pay:0:1"


async def test_an_answer_to_something_else_is_none(diary: Diary) -> None:
    await die_in(diary)
    with pytest.raises(Suspended):
        await diary.delivered(**an_answer(RUN_AGAIN, question="step:other:0:0")).step("pay", Counter())


async def test_an_answer_is_used_up_so_another_death_asks_again(diary: Diary) -> None:
    await die_in(diary)
    await die_in(diary, **an_answer(RUN_AGAIN))
    with pytest.raises(Suspended) as asked:
        await diary.delivered(**an_answer(RUN_AGAIN)).step("pay", Counter())
    assert asked.value.question is not None
    assert asked.value.question.id == "step:pay:0:1"


async def test_an_answer_stays_used_up_when_the_step_raised_in_between(diary: Diary) -> None:
    await die_in(diary)
    answer = an_answer(RUN_AGAIN)
    with pytest.raises(StepRaised):
        await diary.delivered(**answer).step("pay", Counter(raises=Retryable("busy")))
    await die_in(diary, **answer)
    work = Counter()
    with pytest.raises(Suspended):
        await diary.delivered(**answer).step("pay", work)
    assert work.runs == 0


async def test_a_check_looks_first_and_what_it_finds_is_the_outcome(diary: Diary) -> None:
    await die_in(diary)
    work, check = Counter(), Counter({"id": 7})
    assert await diary.delivered().step("pay", work, check=check) == {"id": 7}
    assert await diary.delivered().step("pay", work, check=check) == {"id": 7}
    assert (work.runs, check.runs) == (0, 1)


async def test_a_check_that_finds_nothing_has_the_step_run_again_without_a_question(diary: Diary) -> None:
    await die_in(diary)
    work = Counter("paid")
    assert await diary.delivered().step("pay", work, check=Counter(None)) == "paid"
    assert work.runs == 1


async def test_a_check_is_not_asked_where_nobody_died(diary: Diary) -> None:
    check = Counter(1)
    await diary.delivered().step("pay", Counter(), check=check)
    assert check.runs == 0


# -- steps that raise ---------------------------------------------------------------------


async def test_what_a_step_raises_names_the_step_and_has_the_error_as_its_cause(diary: Diary) -> None:
    error = ValueError("odd")
    with pytest.raises(StepRaised) as raised:
        await diary.delivered().step("work", Counter(raises=error))
    assert (raised.value.step, raised.value.error_type, raised.value.error_message) == ("work", "ValueError", "odd")
    assert raised.value.__cause__ is error


async def test_a_replay_raises_the_same_error_without_running_the_step(diary: Diary) -> None:
    work = Counter(raises=ValueError("odd"))
    seen = []
    for _ in range(2):
        with pytest.raises(StepRaised) as raised:
            await diary.delivered().step("work", work)
        seen.append(vars(raised.value))
    assert seen[0] == seen[1]
    assert work.runs == 1


@pytest.mark.parametrize(
    ("error", "repeat"), [(ValueError("odd"), "safe"), (Retryable("busy"), "never"), (SystemExit(2), "safe")]
)
async def test_a_step_that_is_safe_or_retryable_runs_again(diary: Diary, error: BaseException, repeat: Any) -> None:
    with pytest.raises(StepRaised) as raised:
        await diary.delivered().step("work", Counter(raises=error), repeat=repeat)
    assert raised.value.retryable
    assert await diary.delivered().step("work", Counter("fine"), repeat=repeat) == "fine"


@pytest.mark.parametrize("error", [Fatal("broken"), Rejected("not mine")])
async def test_what_is_final_is_final_in_a_safe_step_too(diary: Diary, error: Exception) -> None:
    with pytest.raises(StepRaised) as raised:
        await diary.delivered().step("work", Counter(raises=error), repeat="safe")
    assert not raised.value.retryable


async def test_a_step_that_exits_the_interpreter_has_raised_and_nobody_is_asked(diary: Diary) -> None:
    with pytest.raises(StepRaised, match="SystemExit"):
        await diary.delivered().step("work", Counter(raises=SystemExit(2)))
    assert diary.written() == [facts.STEP_STARTED, facts.STEP_RAISED]


async def test_a_step_within_a_step_raises_as_the_outer_one_the_first_time_as_later(diary: Diary) -> None:
    seen = []
    for _ in range(2):
        ctx = diary.delivered()

        async def outer(ctx: Any = ctx) -> None:
            await ctx.step("inner", Counter(raises=ValueError("odd")))

        with pytest.raises(StepRaised) as raised:
            await ctx.step("outer", outer)
        seen.append(vars(raised.value))
    assert seen[0] == seen[1]
    assert (seen[0]["step"], seen[0]["error_type"]) == ("outer", "ValueError")


async def test_an_errors_text_is_journaled_in_a_form_and_a_length_that_can_travel(diary: Diary) -> None:
    with pytest.raises(StepRaised) as raised:
        await diary.delivered().step("work", Counter(raises=ValueError("\udcff" + "x" * 10_000)))
    assert raised.value.error_message.startswith("\\udcffxxx")
    assert len(diary.entries[-1].fact.data["error"]["message"]) == 4000


async def test_a_step_that_raised_before_a_redrive_is_tried_again(diary: Diary) -> None:
    with pytest.raises(StepRaised):
        await diary.delivered().step("work", Counter(raises=ValueError("odd")))
    assert await diary.delivered(continuation=1).step("work", Counter("fine")) == "fine"
