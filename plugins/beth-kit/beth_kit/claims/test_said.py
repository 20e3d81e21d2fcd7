"""Whether all was said."""

from __future__ import annotations

from beth_kit.claims.said import criteria_of, failed_runs, findings_of, listed, unsaid
from beth_sdk.messages import Payload, Task


def task_of(**payload: object) -> Task:
    return Task(
        id="t",
        type="fix",
        agent="developer",
        payload=Payload.model_validate({"description": "Do it", **payload}),
        timestamp="2026-01-30T10:00:00Z",
    )


def test_what_is_said_in_the_same_words_is_said() -> None:
    assert unsaid(["Refresh token  rotation."], ["- refresh token rotation"]) == []


def test_what_is_left_out_or_said_once_of_twice_is_not() -> None:
    assert unsaid(["A", "B"], ["A"]) == ["B"]
    assert unsaid(["A", "A"], ["A"]) == ["A"]


def test_criteria_that_are_the_same_count_once() -> None:
    assert criteria_of(task_of(acceptance_criteria=["One", "Two", "one."])) == ["one.", "Two"]


def test_findings_are_those_of_the_task_whatever_else_stands_there() -> None:
    assert findings_of(task_of(findings=[{"title": "A"}, "B"])) == [{"title": "A"}]
    assert findings_of(task_of(findings="none")) == []
    assert findings_of(task_of()) == []


def test_of_a_command_that_ran_twice_the_last_run_counts() -> None:
    runs = [{"command": "pytest", "exit_code": 1}, {"command": "pytest ", "exit_code": 0}]
    assert failed_runs(runs) == []
    assert failed_runs(runs[::-1]) == [{"command": "pytest", "exit_code": 1}]


def test_a_long_list_is_counted() -> None:
    assert listed(["a", "b", "c"], most=2) == "- a\n- b\n- and 1 more"
