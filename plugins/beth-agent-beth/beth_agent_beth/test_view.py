"""A request as lines on a screen."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from beth_agent_beth import facts, view
from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.state import RequestState
from beth_agent_beth.view import closing
from beth_sdk.messages import Event

WIDTH = 80
LONG = "a very long word of the agent " * 10


def event(kind: str, message: str | None = None, task_id: str | None = "r.1", **data: Any) -> Event:
    fields = {"id": "e", "kind": kind, "timestamp": "2026-01-30T10:00:00Z", "task_id": task_id, "message": message}
    found = {name: value for name, value in fields.items() if value is not None}
    return Event.model_validate({**found, **({"data": data} if data else {})})


def drawn(story: Facts, screen: view.Screen | None = None, *, now: float = 0.0, **console: Any) -> list[str]:
    """The tree as a terminal shows it."""
    out = io.StringIO()
    made = Console(file=out, width=WIDTH, **{"color_system": None, "legacy_windows": False, **console})
    made.print(view.tree(story.state, screen or view.Screen(), now))
    return out.getvalue().splitlines()


def status_words(story: Facts, screen: view.Screen | None = None) -> list[str]:
    return [line.split()[4] for line in drawn(story, screen)[1:]]


# -- the tree ---------------------------------------------------------------------------------


def test_the_tree_has_a_line_for_the_request_and_one_for_each_task() -> None:
    lines = drawn(Facts("a", "b: a"))
    assert lines[0] == "r  Build it"
    assert [line.split()[1:] for line in lines[1:]] == [["·", "a", "a", "waiting"], ["·", "b", "b", "waiting"]]


def test_subtasks_are_drawn_below_the_task_that_wanted_them() -> None:
    story = Facts("a", "b")
    story.take(delegating(story.publish("r.1"), "one"))
    story.publish("r.1.1", name="w0", parent="r.1")
    lines = drawn(story)
    assert [line.index("helper" if "helper" in line else "a" if " a " in line else "b") for line in lines[1:]] == [
        6,
        10,
        6,
    ]


def everything(story: Facts) -> view.Screen:
    """Every status there is, each with too much to say."""
    screen = view.Screen()
    for kind, number in (("accepted", 2), ("step", 2), ("progress", 2)):
        screen.see(event(kind, LONG, f"r.{number}", attempt=3), 0.0)
    usage = {"seconds": 12_345.6, "cost_usd": 123.45}
    story.publish("r.1")
    story.publish("r.2")
    story.take(asking(story.publish("r.3"), LONG, usage=usage))
    story.take(delegating(story.publish("r.4"), "one"))
    for number, status in ((5, "complete"), (6, "failed"), (7, "rejected"), (8, "cancelled")):
        error = {} if status == "complete" else {"error": {"code": "x", "message": LONG, "retryable": False}}
        story.take(result_of(story.publish(f"r.{number}"), status, result=LONG, usage=usage, **error))
    task = story.publish("r.9")
    story.add(facts.PAUSE, task_id="r.9")
    story.take(parked(task))
    return screen


def wide() -> Facts:
    names = [{"name": f"a-name-that-is-too-long-{n}", "agent": "security-reviewer", "type": "act"} for n in range(10)]
    return Facts(*names)


def test_no_line_is_wider_than_the_terminal_and_none_wraps() -> None:
    story = wide()
    story.state.request = {"description": LONG}
    lines = drawn(story, everything(story), now=3.0)
    assert len(lines) == 1 + 10
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[0].endswith("…")


def test_every_status_has_its_word() -> None:
    story = Facts(*(f"t{n}" for n in range(10)))
    assert status_words(story, everything(story)) == [
        "queued",
        "running",
        "asking",
        "delegating",
        "complete",
        "failed",
        "rejected",
        "cancelled",
        "paused",
        "waiting",
    ]


def test_every_status_has_its_mark() -> None:
    story = Facts(*(f"t{n}" for n in range(10)))
    screen = everything(story)
    words = {view.status_of(one, screen.live.get(one.id)) for one in story.state.tasks.values()}
    assert words == view.MARKS.keys()


def test_colours_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Facts(*(f"t{n}" for n in range(10)))
    screen = everything(story)
    coloured = "\n".join(drawn(story, screen, color_system="standard", force_terminal=True))
    assert "\x1b[36m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = "\n".join(drawn(story, screen, color_system="standard", force_terminal=True))
    assert not any(f"\x1b[{colour}m" in plain for colour in range(30, 38))


def test_what_agents_say_cannot_steer_the_terminal_or_take_another_line() -> None:
    evil = "\x1b[2J\nforged\r\x07"
    story = Facts("a", "b", "c")
    story.state.request = {"description": f"Build it {evil}"}
    story.publish("r.1")
    screen = view.Screen()
    screen.see(event("accepted"), 0.0)
    screen.see(event("step", evil), 0.0)
    screen.see(event("progress", evil), 0.0)
    error = {"code": "x", "message": evil, "retryable": False}
    artifact = {"kind": "file", "uri": evil}
    verdict = {"decision": "changes_requested", "findings": [{"title": evil}]}
    story.take(result_of(story.publish("r.2"), "failed", error=error, artifacts=[artifact], verdict=verdict))
    story.take(asking(story.publish("r.3"), evil, options=[evil]))
    story.add(facts.ENDED, status="failed", reason=evil)
    shown = [*drawn(story, screen), *view.closing(story.state, 1.0), *view.questions(story.state)]
    shown.append(view.first_line(story.state, 60))
    assert not any(mark in line for line in shown for mark in "\x1b\r\n\x07")
    assert not any(line.strip() == "forged" for line in shown if "  " not in line)


# -- what the events say ----------------------------------------------------------------------


def test_a_task_runs_once_somebody_has_accepted_it() -> None:
    story = Facts()
    story.publish("r.1")
    screen = view.Screen()
    one = story.state.tasks["r.1"]
    assert view.status_of(one, screen.live.get("r.1")) == "queued"
    screen.see(event("accepted"), 100.0)
    assert view.status_of(one, screen.live.get("r.1")) == "running"
    assert "2.5s" in view.plain(one, screen.live["r.1"], 102.5)


def test_a_running_task_shows_its_step_and_its_progress() -> None:
    story = Facts()
    story.publish("r.1")
    screen = view.Screen()
    for one in (event("accepted"), event("step", "compile"), event("progress", "half of it")):
        screen.see(one, 0.0)
    assert view.plain(story.state.tasks["r.1"], screen.live["r.1"], 0.0).endswith("compile · half of it")
    screen.see(event("step", "link"), 0.0)
    assert view.plain(story.state.tasks["r.1"], screen.live["r.1"], 0.0).endswith("  link")


def test_a_second_attempt_is_named() -> None:
    story = Facts()
    story.publish("r.1")
    screen = view.Screen()
    screen.see(event("accepted", attempt=2), 0.0)
    assert "attempt 2" in view.plain(story.state.tasks["r.1"], screen.live["r.1"], 0.0)


def test_a_task_that_was_handed_over_is_queued_again() -> None:
    story = Facts()
    story.publish("r.1")
    screen = view.Screen()
    screen.see(event("accepted"), 0.0)
    screen.see(event("handed_over"), 0.0)
    assert view.status_of(story.state.tasks["r.1"], screen.live.get("r.1")) == "queued"


def test_events_of_no_task_and_of_other_kinds_change_nothing() -> None:
    screen = view.Screen()
    screen.see(event("progress", "x", task_id=None), 0.0)
    screen.see(event("log", "x"), 0.0)
    assert [live.message for live in screen.live.values()] == [""]


# -- lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (59, "59s"), (60, "1m00s"), (185, "3m05s"), (7620, "2h07m")],
)
def test_a_duration_for_people(seconds: float, text: str) -> None:
    assert view.duration(seconds) == text


@pytest.mark.parametrize(("usd", "text"), [(0, "$0.00"), (0.0021, "$0.0021"), (0.01, "$0.01"), (1234.5, "$1234.50")])
def test_money_for_people(usd: float, text: str) -> None:
    assert view.money(usd) == text


def test_each_change_of_a_task_is_told_once() -> None:
    story = Facts("a", "b: a")
    before: dict[str, str] = {}
    assert list(view.changes(before, story.state)) == []
    task = story.publish("r.1")
    assert [one.id for one in view.changes(before, story.state)] == ["r.1"]
    assert list(view.changes(before, story.state)) == []
    story.take(asking(task))
    story.publish("r.1", 1)
    assert [one.id for one in view.changes(before, story.state)] == ["r.1"], "the next continuation"


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


def test_rows_of_a_table_are_aligned() -> None:
    rows = [("beth-aaaaaaaa", "complete", "3m05s", "x"), ("mine", "waiting", "1.0s", "y")]
    lines = view.table(rows)
    assert len({line.index(text) for line, text in zip(lines, "xy", strict=True)}) == 1


def test_a_reason_of_several_lines_is_told_whole() -> None:
    state = RequestState("r1")
    state.status, state.reason = "failed", "not recorded. It differs:\n-was\n+is"
    assert closing(state, 1.0) == ["    -was", "    +is", "r1 failed: not recorded. It differs:  (1.0s)"]
