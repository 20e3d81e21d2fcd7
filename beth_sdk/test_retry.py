"""What becomes of a task whose attempt failed."""

from __future__ import annotations

from typing import Any

import pytest

from beth_sdk.errors import (
    AgentError,
    BusUnavailable,
    CommandFailed,
    Fatal,
    InvalidMessage,
    JournalMismatch,
    OutcomeTooLarge,
    Rejected,
    Retryable,
    StepRaised,
)
from beth_sdk.retry import MAX_EPOCH, Backoff, GiveUp, TryAgain, decide, is_retryable


def decided(error: BaseException | None, **changes: Any) -> TryAgain | GiveUp:
    terms: dict[str, Any] = {"attempt": 1, "max_attempts": 3, "epoch": 1, "backoff": Backoff(), "random": lambda: 0.0}
    return decide(error, **{**terms, **changes})


def test_a_task_is_tried_again_until_its_attempts_are_used_up() -> None:
    assert isinstance(decided(ValueError(), attempt=2), TryAgain)
    assert decided(ValueError(), attempt=3) == GiveUp("3 of 3 attempts failed")


def test_a_worker_that_died_without_a_word_is_an_attempt_like_another() -> None:
    assert isinstance(decided(None, attempt=2), TryAgain)
    assert isinstance(decided(None, attempt=3), GiveUp)


def test_attempts_that_all_made_progress_are_none() -> None:
    assert isinstance(decided(None, attempt=0, max_attempts=1), TryAgain)


def test_a_task_that_was_taken_a_thousand_times_is_dead_whatever_progress_it_made() -> None:
    assert isinstance(decided(None, attempt=0, epoch=MAX_EPOCH - 1), TryAgain)
    assert decided(None, attempt=0, epoch=MAX_EPOCH) == GiveUp("taken 1000 times; the limit is 1000")


@pytest.mark.parametrize(
    "error",
    [
        Fatal("no"),
        Rejected("no"),
        AgentError("no"),
        CommandFailed("no"),
        InvalidMessage("$", 1, "2"),
        JournalMismatch("s", "a", "b", "1", "2"),
        OutcomeTooLarge("s", 2, 1),
        StepRaised("s", "ValueError", "no", retryable=False),
    ],
)
def test_what_cannot_get_better_is_not_tried_again(error: Exception) -> None:
    assert not is_retryable(error)
    assert decided(error) == GiveUp(f"{type(error).__name__} cannot be retried")


@pytest.mark.parametrize(
    "error",
    [
        Retryable("later"),
        StepRaised("s", "ValueError", "later", retryable=True),
        BusUnavailable("down"),
        ValueError("unclassified"),
        SystemExit(1),
    ],
)
def test_everything_else_is(error: BaseException) -> None:
    assert is_retryable(error)
    assert isinstance(decided(error), TryAgain)


@pytest.mark.parametrize(
    ("attempt", "random", "delay"), [(1, 0.0, 0.5), (1, 1.0, 1.0), (2, 0.0, 1.0), (3, 0.5, 3.0), (100, 1.0, 300.0)]
)
def test_the_delay_doubles_with_each_attempt_up_to_a_cap_and_half_of_it_is_random(
    attempt: int, random: float, delay: float
) -> None:
    assert decided(ValueError(), attempt=attempt, max_attempts=1000, random=lambda: random) == TryAgain(delay)


def test_a_retryable_error_may_ask_for_a_longer_delay_and_never_gets_a_shorter_one() -> None:
    assert decided(Retryable("busy", after=60.0)) == TryAgain(60.0)
    assert decided(Retryable("busy", after=0.1)) == TryAgain(0.5)


def test_a_retryable_error_that_was_raised_in_a_step_gets_the_delay_it_asks_for() -> None:
    inner = StepRaised("inner", "Retryable", "busy", retryable=True)
    inner.__cause__ = Retryable("busy", after=60.0)
    outer = StepRaised("outer", "Retryable", "busy", retryable=True)
    outer.__cause__ = inner
    assert decided(outer) == TryAgain(60.0)
    assert decided(StepRaised("replayed", "Retryable", "busy", retryable=True)) == TryAgain(0.5)
