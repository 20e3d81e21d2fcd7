"""What identifies a step, and what a replay finds of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from beth_sdk import history as facts
from beth_sdk.errors import JournalMismatch, OutcomeTooLarge, StepRaised
from beth_sdk.history import TaskHistory
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.worker.steps import (
    MAX_OUTCOME_BYTES,
    Replay,
    description_of,
    digest_of,
    outcome_of,
    raised_again,
    shaped,
)


@dataclass
class Point:
    x: int
    tags: Any = field(default_factory=list)


class Place(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    day: date
    corners: tuple[int, ...]


class Bag(BaseModel):
    things: Any


# -- digests ------------------------------------------------------------------------------


def test_equal_arguments_have_equal_digests_whatever_the_order_of_their_keys() -> None:
    assert digest_of([(1, "a"), {"b": 1, "a": [None, 2.5]}]) == digest_of([(1, "a"), {"a": [None, 2.5], "b": 1}])
    assert digest_of([(1,), {}]) != digest_of([(2,), {}])
    assert len(digest_of([])) == 16


def test_dataclasses_and_models_are_identified_by_what_they_hold() -> None:
    assert digest_of(Point(1)) == digest_of(Point(1)) != digest_of(Point(2))
    assert digest_of(Place(day=date(2026, 1, 30), corners=(1,))) != digest_of(
        Place(day=date(2026, 1, 31), corners=(1,))
    )


def test_a_digest_is_the_same_in_every_process() -> None:
    program = "from beth_sdk.worker.steps import digest_of; print(digest_of([('é', 1), {'k': None}]))"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert ran.stdout.strip() == digest_of([("é", 1), {"k": None}])


@pytest.mark.parametrize("argument", [object(), lambda: None, open, b"\xff"])
def test_what_is_no_json_needs_input_to_say_what_identifies_it(argument: object) -> None:
    with pytest.raises(TypeError, match="input="):
        digest_of([(argument,), {}])


@pytest.mark.parametrize("argument", [{1, 2}, frozenset("ab"), [{"deep": {"x"}}], Point(1, {1}), Bag(things={"x"})])
def test_a_set_is_refused_because_every_process_has_its_own_order_of_it(argument: object) -> None:
    with pytest.raises(TypeError, match="no order"):
        digest_of([(argument,), {}])


def test_an_iterator_is_refused_and_not_used_up() -> None:
    numbers: Iterator[int] = iter([1, 2, 3])
    with pytest.raises(TypeError, match="only once"):
        digest_of([(numbers,), {}])
    assert list(numbers) == [1, 2, 3]


# -- outcomes -----------------------------------------------------------------------------


def test_an_outcome_is_what_json_gives_back() -> None:
    assert outcome_of("s", {"a": (1, 2), "p": Point(1)}) == {"a": [1, 2], "p": {"x": 1, "tags": []}}
    assert outcome_of("s", {1: "a"}) == {"1": "a"}
    assert outcome_of("s", None) is None


@pytest.mark.parametrize("returned", [object(), float("nan"), [float("inf")], "\udcff", b"\xff\xfe"])
def test_an_outcome_that_is_no_json_is_refused_with_the_steps_name(returned: object) -> None:
    with pytest.raises(TypeError, match="step draw: what it returned is not JSON"):
        outcome_of("draw", returned)


def test_an_outcome_may_have_256_kib_and_not_a_byte_more() -> None:
    largest = "é" * ((MAX_OUTCOME_BYTES - 2) // 2)
    assert outcome_of("s", largest) == largest
    with pytest.raises(OutcomeTooLarge) as refused:
        outcome_of("s", largest + "x")
    assert (refused.value.size, refused.value.limit) == (MAX_OUTCOME_BYTES + 1, 256 * 1024)


def test_an_outcome_takes_the_shape_that_was_asked_for_strict_models_too() -> None:
    place = Place(day=date(2026, 1, 30), corners=(1, 2))
    assert shaped(outcome_of("s", place), Place) == place
    assert shaped(outcome_of("s", Point(3)), Point) == Point(3)
    assert shaped([1], None) == [1]


# -- replays ------------------------------------------------------------------------------


def replay_of(*entries: tuple[int, str, dict[str, Any]], continuation: int = 0) -> Replay:
    history = TaskHistory()
    for number, (epoch, kind, data) in enumerate(entries, start=1):
        history.take_in(Entry(Version(number), Fact(kind, data), epoch, 0.0))
    return Replay(history, continuation, "pkg 2.0")


STARTED = (1, facts.STARTED, {"continuation": 0, "version": "pkg 1.0"})


def test_steps_of_one_name_are_told_apart_by_how_often_it_was_met() -> None:
    replay = replay_of()
    assert [replay.next_occurrence("a"), replay.next_occurrence("b"), replay.next_occurrence("a")] == [0, 0, 1]


def test_a_step_the_journal_does_not_have_is_unknown() -> None:
    assert replay_of(STARTED).recorded("s", 0, "d") is None


def test_a_step_with_other_input_is_a_mismatch_that_names_both_versions() -> None:
    replay = replay_of(STARTED, (1, facts.STEP_DONE, {"name": "s", "n": 0, "digest": "old", "outcome": 1}))
    with pytest.raises(JournalMismatch) as mismatch:
        replay.recorded("s", 0, "new")
    assert (mismatch.value.recorded_version, mismatch.value.found_version) == ("pkg 1.0", "pkg 2.0")
    assert str(mismatch.value) == (
        "step s[0]: the journal has input old (written by pkg 1.0), the code asks for input new (running pkg 2.0)"
    )


def test_what_raised_before_a_redrive_may_be_tried_again_and_what_was_done_is_not() -> None:
    raised = (1, facts.STEP_RAISED, {"name": "s", "n": 0, "digest": "d", "error": {}})
    done = (1, facts.STEP_DONE, {"name": "t", "n": 0, "digest": "d", "outcome": 1})
    assert replay_of(STARTED, raised).recorded("s", 0, "d") is not None
    assert replay_of(STARTED, raised, continuation=1).recorded("s", 0, "d") is None
    assert replay_of(STARTED, done, continuation=1).recorded("t", 0, "d") is not None


def test_how_often_a_person_decided_about_a_step_outlives_what_came_of_it() -> None:
    raised = (1, facts.STEP_RAISED, {"name": "s", "n": 0, "digest": "d", "error": {}, "asked": 2})
    assert replay_of(STARTED, raised, continuation=1).asked("s", 0) == 2
    assert replay_of(STARTED).asked("s", 0) == 0


@pytest.mark.parametrize(
    "error", [StepRaised("s", "ValueError", "no", retryable=False), OutcomeTooLarge("s", 300_000, 262_144)]
)
def test_an_error_that_was_journaled_is_raised_again_as_it_was(error: StepRaised | OutcomeTooLarge) -> None:
    again = raised_again("s", {"error": description_of(error)})
    assert type(again) is type(error)
    assert vars(again) == vars(error)
