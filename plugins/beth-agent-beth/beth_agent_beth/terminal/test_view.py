"""A request as plain lines."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth.conftest import Facts, asking, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.terminal import view, words
from beth_agent_beth.terminal.live import Live
from beth_agent_beth.terminal.marks import Signs
from beth_agent_beth.terminal.view import closing


def running(**fields: Any) -> tuple[Facts, Live]:
    story = Facts()
    story.publish("r.1")
    return story, Live(started=100.0, **fields)


def test_a_running_task_shows_its_time_its_step_and_its_progress() -> None:
    story, live = running(step="bash", message="pytest -q")
    line = view.plain(story.state.tasks["r.1"], live, 102.5)
    assert line.split() == ["●", "a", "a", "running", "2.5s", "bash:", "pytest", "-q"]


def test_a_second_attempt_is_named() -> None:
    story, live = running(attempt=2)
    assert "attempt 2" in view.plain(story.state.tasks["r.1"], live, 100.0)


def test_where_there_is_only_ascii_the_mark_is_too() -> None:
    story, live = running()
    assert view.plain(story.state.tasks["r.1"], live, 100.0, Signs(ascii=True)).isascii()


def test_what_agents_say_cannot_steer_the_terminal_or_take_another_line() -> None:
    evil = "\x1b[2J\nforged\r\x07"
    story = Facts("a", "b", "c")
    story.state.request = {"description": f"Build it {evil}"}
    error = {"code": "x", "message": evil, "retryable": False}
    artifact = {"kind": "file", "uri": evil}
    verdict = {"decision": "changes_requested", "findings": [{"title": evil}]}
    story.take(result_of(story.publish("r.2"), "failed", error=error, artifacts=[artifact], verdict=verdict))
    story.take(asking(story.publish("r.3"), evil, options=[evil]))
    story.add(facts.ENDED, status="failed", reason=evil)
    shown = [*view.closing(story.state, 1.0), *view.questions(story.state), view.first_line(story.state, 60)]
    shown += [view.plain(one, None, 0.0) for one in story.state.tasks.values()]
    assert not any(mark in line for line in shown for mark in "\x1b\r\n\x07")
    assert not any(line.strip() == "forged" for line in shown if "  " not in line)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (59, "59s"), (60, "1m00s"), (185, "3m05s"), (7620, "2h07m")],
)
def test_a_duration_for_people(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("usd", "text"), [(0, "$0.00"), (0.0021, "$0.0021"), (0.01, "$0.01"), (1234.5, "$1234.50")])
def test_money_for_people(usd: float, text: str) -> None:
    assert words.money(usd) == text


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"result": {"summary": "two files\nand more"}}, "a: two files"),
        ({"result": "just words"}, "a: just words"),
        ({"result": {"other": 1}}, 'a: {"other": 1}'),
        ({"result": ""}, "a: "),
        ({}, "a: "),
        ({"status": "failed", "error": {"code": "x", "message": "", "retryable": False}}, "a: "),
        ({"status": "failed", "error": {"code": "x", "message": "\n\n why", "retryable": False}}, "a: why"),
    ],
)
def test_in_the_end_each_result_is_told_in_a_line(fields: dict[str, Any], line: str) -> None:
    story = Facts()
    story.take(result_of(story.publish("r.1"), **fields))
    assert view.closing(story.state, 0.0)[0] == line


def test_in_the_end_artifacts_verdict_and_cost_are_told() -> None:
    story = Facts()
    verdict = {"decision": "changes_requested", "findings": [{"title": "no tests"}]}
    artifact = {"kind": "file", "uri": "file:///tmp/x"}
    usage = {"cost_usd": 0.5}
    story.take(result_of(story.publish("r.1"), result="done", artifacts=[artifact], verdict=verdict, usage=usage))
    story.add(facts.ENDED, status="failed", reason="a: changes requested")
    assert view.closing(story.state, 65) == [
        "a: done",
        "    file:///tmp/x",
        "    verdict: changes_requested",
        "    - no tests",
        "cost: a $0.50",
        "r failed: a: changes requested  (1m05s, $0.50)",
    ]


def test_a_question_is_told_with_its_options_and_how_to_answer() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1"), "Which colour?\nThink of the wall.", options=["red", "blue"]))
    assert view.questions(story.state) == [
        "a asks: Which colour?",
        "    Think of the wall.",
        "    red",
        "    blue",
        "  beth answer r.1 'YOUR ANSWER'",
    ]


@pytest.mark.parametrize("fields", [{}, {"question": {"text": ""}}])
def test_a_question_without_words_is_told_too(fields: dict[str, Any]) -> None:
    story = Facts()
    story.take(result_of(story.publish("r.1"), "needs_input", **fields))
    assert view.questions(story.state) == ["a asks: (it does not say what)", "  beth answer r.1 'YOUR ANSWER'"]


@pytest.mark.parametrize(("kind", "hint"), [("plan", "approve"), ("budget", "AMOUNT"), ("gate", "'YOUR ANSWER'")])
def test_what_beth_asks_is_told_with_an_answer_that_she_takes(kind: str, hint: str) -> None:
    story = Facts()
    story.state.asked["1"] = Asked("1", "r", kind, "Is this right?", ("yes",))
    assert view.questions(story.state) == ["Beth asks: Is this right?", "    yes", f"  beth answer r {hint}"]


def test_rows_of_a_table_are_aligned() -> None:
    rows = [("beth-aaaaaaaa", "complete", "3m05s", "x"), ("mine", "waiting", "1.0s", "y")]
    lines = view.table(rows)
    assert len({line.index(text) for line, text in zip(lines, "xy", strict=True)}) == 1


def test_a_reason_of_several_lines_is_told_whole() -> None:
    state = RequestState("r1")
    state.status, state.reason = "failed", "not recorded. It differs:\n-was\n+is"
    assert closing(state, 1.0) == ["    -was", "    +is", "r1 failed: not recorded. It differs:  (1.0s)"]
