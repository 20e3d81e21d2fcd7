"""The fold of a task's stream: steps, attempts, and what people said of it."""

from __future__ import annotations

from typing import Any

from beth_sdk import history as facts
from beth_sdk.history import TaskHistory, read_history, stream_of
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.journal.memory import open_journal
from beth_sdk.testing import ManualClock

COMPLETE = {"task_id": "t", "status": "complete"}


def folded(*entries: tuple[int, str, dict[str, Any]]) -> TaskHistory:
    """The history of facts given as epoch, kind and data."""
    history = TaskHistory()
    for number, (epoch, kind, data) in enumerate(entries, start=1):
        history.take_in(Entry(Version(number), Fact(kind, data), epoch, 1000.0 + number))
    return history


def started(epoch: int, continuation: int = 0) -> tuple[int, str, dict[str, Any]]:
    return epoch, facts.STARTED, {"continuation": continuation, "instance": f"w{epoch}", "version": f"pkg {epoch}.0"}


def step(epoch: int, kind: str, name: str = "s", **data: Any) -> tuple[int, str, dict[str, Any]]:
    return epoch, kind, {"name": name, "n": 0, "digest": "d", **data}


def failed(epoch: int, continuation: int = 0) -> tuple[int, str, dict[str, Any]]:
    return epoch, facts.FAILED, {"continuation": continuation, "error": {"code": "x"}, "seconds": 2.0}


def ended(epoch: int, continuation: int = 0, status: str = "complete") -> tuple[int, str, dict[str, Any]]:
    return epoch, facts.ENDED, {"continuation": continuation, "result": {**COMPLETE, "status": status}, "seconds": 1.0}


# -- steps --------------------------------------------------------------------------------


def test_of_a_step_the_last_fact_counts_with_the_version_that_wrote_it() -> None:
    history = folded(
        started(1), step(1, facts.STEP_STARTED), started(2), step(2, facts.STEP_DONE, outcome=7), started(3)
    )
    known = history.steps["s", 0]
    assert (known.state, known.data["outcome"], known.version, known.continuation) == ("done", 7, "pkg 2.0", 0)


def test_a_step_belongs_to_the_continuation_it_ran_in() -> None:
    history = folded(started(1), ended(1), started(2, continuation=1), step(2, facts.STEP_RAISED))
    assert history.steps["s", 0].continuation == 1


# -- attempts -----------------------------------------------------------------------------


def test_a_worker_that_died_without_a_trace_is_a_failed_attempt() -> None:
    assert folded().failed_attempts(0, before_epoch=3) == 2


def test_an_attempt_that_raised_is_a_failed_attempt_and_a_death_too() -> None:
    assert folded(started(1), failed(1), started(2), step(2, facts.STEP_STARTED)).failed_attempts(0, 3) == 2


def test_an_attempt_that_journaled_an_outcome_does_not_count() -> None:
    history = folded(started(1), step(1, facts.STEP_DONE, outcome=1), failed(1), started(2), failed(2))
    assert history.failed_attempts(0, 3) == 1


def test_an_attempt_whose_only_step_raised_counts() -> None:
    assert folded(started(1), step(1, facts.STEP_RAISED), failed(1)).failed_attempts(0, 2) == 1


def test_a_hand_over_does_not_count() -> None:
    assert folded(started(1), (1, facts.HANDED_OVER, {"continuation": 0, "seconds": 9.0})).failed_attempts(0, 2) == 0


def test_what_was_only_taken_and_let_go_does_not_count() -> None:
    assert folded((1, facts.LET_GO, {"continuation": 0, "instance": "w"})).failed_attempts(0, 2) == 0


def test_a_continuation_has_all_its_attempts_again() -> None:
    history = folded(started(1), failed(1), started(2), ended(2, status="needs_input"), started(3, 1), failed(3, 1))
    assert history.failed_attempts(1, 4) == 1
    assert history.failed_attempts(1, 5) == 2  # epoch 4 left no trace


def test_a_copy_of_an_older_continuation_takes_no_attempt_from_the_newer_one() -> None:
    let_go = (3, facts.LET_GO, {"continuation": 1, "instance": "w"})
    assert folded(started(1), ended(1), started(2, 1), failed(2, 1), let_go).failed_attempts(1, 4) == 1


def test_attempts_lists_every_epoch_of_a_continuation_and_those_without_a_trace() -> None:
    history = folded(started(1), ended(1), started(3, 1), failed(3, 1), started(4, 1), ended(4, 1, "failed"))
    listed = [one.to_json() for one in history.attempts(1, up_to_epoch=5)]
    assert [(one["epoch"], one["outcome"], one["instance"]) for one in listed] == [
        (2, "died", None),
        (3, "attempt_failed", "w3"),
        (4, "failed", "w4"),
        (5, "died", None),
    ]
    assert listed[1] == {
        "epoch": 3,
        "continuation": 1,
        "outcome": "attempt_failed",
        "instance": "w3",
        "at": 1003.0,
        "seconds": 2.0,
        "error": {"code": "x"},
    }


def test_running_time_adds_up_over_closed_epochs() -> None:
    assert folded(started(1), failed(1), started(2), failed(2), started(3), ended(3)).seconds == 5.0


# -- ends and continuations ---------------------------------------------------------------


def test_each_continuation_has_its_own_end() -> None:
    history = folded(started(1), ended(1, 0, "needs_input"), started(2, 1), ended(2, 1))
    assert {number: end["result"]["status"] for number, end in history.ended.items()} == {
        0: "needs_input",
        1: "complete",
    }
    assert history.newest_continuation == 1


# -- what people say ----------------------------------------------------------------------


def test_cancel_pause_resume_and_notes_are_seen_in_their_order() -> None:
    history = folded(
        (0, facts.TELL, {"text": "one"}), (0, facts.PAUSE, {}), (0, facts.TELL, {"text": "two"}), (0, facts.RESUME, {})
    )
    assert (history.paused, history.cancel_reason, history.notes) == (False, None, ["one", "two"])
    assert folded((0, facts.PAUSE, {})).paused
    assert folded((0, facts.CANCEL, {})).cancel_reason == ""


def test_a_redrive_takes_back_what_stopped_the_task_before() -> None:
    task = {"id": "t", "continuation": 1}
    history = folded(
        (0, facts.CANCEL, {"reason": "x"}), (0, facts.PAUSE, {}), (0, facts.REDRIVEN, {"continuation": 1, "task": task})
    )
    assert (history.cancel_reason, history.paused) == (None, False)
    assert (history.newest_continuation, history.redriven) == (1, task)


def test_a_fact_of_a_later_version_is_passed_over() -> None:
    assert folded((1, "unheard_of", {}), (0, facts.TELL, {"text": "x"})).notes == ["x"]


async def test_saying_the_same_thing_twice_is_one_fact() -> None:
    journal = await open_journal("memory://", clock=ManualClock())
    for _ in range(2):
        await facts.cancel(journal, "t", 0, "enough")
        await facts.pause(journal, "t", token="1")
        await facts.resume(journal, "t", token="1")
        await facts.tell(journal, "t", "hurry", token="1")
    assert [entry.fact.kind async for entry in journal.read(stream_of("t"))] == ["cancel", "pause", "resume", "tell"]


async def test_reading_on_folds_only_what_is_new() -> None:
    journal = await open_journal("memory://", clock=ManualClock())
    await facts.tell(journal, "t", "one", token="1")
    history = await read_history(journal, "t")
    await facts.tell(journal, "t", "two", token="2")
    assert await read_history(journal, "t", history) is history
    assert history.notes == ["one", "two"]
