"""What the checker finds in histories made by hand: each kind of violation, and nothing where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace

from tests.chaos.checker import (
    LOST,
    OVERLAP,
    REPEATED,
    TWICE,
    UNEXPECTED,
    VACUOUS,
    Ended,
    Execution,
    History,
    Kept,
    Outcome,
    StepRun,
    check,
)

KEY = ("t", 0)

TAKEN_OVER = History(
    acknowledged=frozenset({KEY}),
    ended=[Ended("t", 0, 2, "complete")],
    taken=[KEY],
    published={KEY: frozenset({"digest"})},
    outcomes=[Outcome("t", "first", 1, "a"), Outcome("t", "second", 2, "c")],
    step_runs=[
        StepRun("t", "first", 1, "a", began=1, done=2),
        StepRun("t", "second", 1, "b", began=3, done=None),
        StepRun("t", "second", 2, "c", began=4, done=5),
    ],
    executions=[Execution("t", 0, "one", 1, began=10.0), Execution("t", 0, "two", 2, began=12.0)],
    kept=[Kept("t", "one", 1, asked=10.5), Kept("t", "two", 2, asked=12.5)],
    fenced={"renewal": 1},
)
"""One task: its first worker died or froze in the second step, and another went on."""


def kinds(history: History, **least: int) -> list[str]:
    return [violation.kind for violation in check(history, **least)]


def test_a_task_that_was_taken_over_is_in_order() -> None:
    assert check(TAKEN_OVER, least_takeovers=1, least_fenced=1) == []


def test_a_task_that_was_acknowledged_and_never_ended_is_lost() -> None:
    history = replace(TAKEN_OVER, acknowledged=frozenset({KEY, ("gone", 0)}))
    assert kinds(history) == [LOST]


def test_a_task_that_ended_and_whose_result_nobody_got_is_lost() -> None:
    assert kinds(replace(TAKEN_OVER, published={}, taken=[])) == [LOST]


def test_a_result_that_beth_looked_up_in_the_journal_is_not_lost() -> None:
    assert kinds(replace(TAKEN_OVER, published={})) == []


def test_a_task_that_nobody_published_is_unexpected() -> None:
    assert kinds(replace(TAKEN_OVER, acknowledged=frozenset())) == [UNEXPECTED]


def test_a_task_that_failed_is_unexpected() -> None:
    assert kinds(replace(TAKEN_OVER, ended=[Ended("t", 0, 2, "failed")])) == [UNEXPECTED]


def test_a_task_that_was_continued_need_not_be_complete_before() -> None:
    history = replace(
        TAKEN_OVER,
        acknowledged=frozenset({KEY, ("t", 1)}),
        ended=[Ended("t", 0, 2, "needs_tasks"), Ended("t", 1, 3, "complete")],
        published={KEY: frozenset({"digest"}), ("t", 1): frozenset({"another"})},
    )
    assert kinds(history) == []


def test_a_result_without_an_end_in_the_journal_is_unexpected() -> None:
    history = replace(TAKEN_OVER, published={**TAKEN_OVER.published, ("ghost", 0): frozenset({"digest"})})
    assert kinds(history) == [UNEXPECTED]


def test_an_error_in_a_log_is_unexpected() -> None:
    assert kinds(replace(TAKEN_OVER, errors=["a delivery failed"])) == [UNEXPECTED]


def test_two_ends_of_one_key_are_one_too_many() -> None:
    assert kinds(replace(TAKEN_OVER, ended=[*TAKEN_OVER.ended, Ended("t", 0, 3, "complete")])) == [TWICE]


def test_two_results_that_beth_accepted_are_one_too_many() -> None:
    assert kinds(replace(TAKEN_OVER, taken=[KEY, KEY])) == [TWICE]


def test_two_different_results_of_one_key_are_one_too_many() -> None:
    assert kinds(replace(TAKEN_OVER, published={KEY: frozenset({"digest", "another"})})) == [TWICE]


def test_a_step_that_runs_again_under_a_newer_epoch_after_its_outcome_is_repeated() -> None:
    again = StepRun("t", "first", 2, "d", began=6, done=7)
    assert kinds(replace(TAKEN_OVER, step_runs=[*TAKEN_OVER.step_runs, again])) == [REPEATED]


def test_a_step_that_runs_again_under_the_same_epoch_after_its_outcome_is_repeated() -> None:
    again = StepRun("t", "second", 2, "d", began=6, done=7)
    assert kinds(replace(TAKEN_OVER, step_runs=[*TAKEN_OVER.step_runs, again])) == [REPEATED]


def test_a_step_with_two_outcomes_is_repeated() -> None:
    history = replace(TAKEN_OVER, outcomes=[*TAKEN_OVER.outcomes, Outcome("t", "first", 2, "a")])
    assert kinds(history) == [REPEATED]


def test_an_outcome_of_a_run_that_never_came_to_its_end_is_not_believed() -> None:
    history = replace(TAKEN_OVER, outcomes=[Outcome("t", "second", 2, "b")])
    assert kinds(history) == [REPEATED]


def test_a_step_that_a_worker_without_its_hold_runs_once_more_is_not_repeated() -> None:
    late = StepRun("t", "second", 1, "d", began=6, done=7)
    assert kinds(replace(TAKEN_OVER, step_runs=[*TAKEN_OVER.step_runs, late])) == []


def test_two_at_work_while_the_first_still_keeps_its_hold_overlap() -> None:
    history = replace(TAKEN_OVER, kept=[Kept("t", "one", 1, asked=12.1)])
    assert kinds(history) == [OVERLAP]


def test_two_at_work_under_one_epoch_overlap() -> None:
    history = replace(TAKEN_OVER, executions=[Execution("t", 0, name, 1, began=10.0) for name in ("one", "two")])
    assert kinds(history) == [OVERLAP]


def test_a_worker_that_stood_still_before_it_began_overlaps_with_nobody() -> None:
    history = replace(
        TAKEN_OVER,
        executions=[Execution("t", 0, "one", 1, began=13.0), Execution("t", 0, "two", 2, began=12.0)],
        kept=[Kept("t", "two", 2, asked=14.0)],
    )
    assert kinds(history) == []


def test_a_run_without_enough_takeovers_is_vacuous() -> None:
    assert kinds(TAKEN_OVER, least_takeovers=2) == [VACUOUS]


def test_a_run_in_which_too_little_was_refused_is_vacuous() -> None:
    assert kinds(TAKEN_OVER, least_fenced=2) == [VACUOUS]
