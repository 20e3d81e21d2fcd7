"""Showing a request while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from beth_agent_beth import view
from beth_agent_beth.conftest import Facts, result_of
from beth_agent_beth.display import LivingTree, PlainLines, Silent, display_for
from beth_agent_beth.task_state import TaskState
from beth_agent_beth.test_view import event
from beth_sdk.testing import ManualClock


def plain() -> tuple[PlainLines, io.StringIO]:
    out = io.StringIO()
    return PlainLines(Console(file=out, width=80, color_system=None), ManualClock()), out


def test_in_a_pipe_each_change_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    display, out = plain()
    story = Facts()
    with display:
        display.state(story.state)
        task = story.publish("r.1")
        display.state(story.state)
        display.state(story.state)
        display.event(event("accepted"))
        display.event(event("step", "compile"))
        story.take(result_of(task, result="done"))
        display.state(story.state)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [
        ["○", "a", "a", "queued"],
        ["a", "a:", "accepted"],
        ["a", "a:", "step", "compile"],
        ["✓", "a", "a", "complete", "done"],
    ]


def test_in_a_pipe_a_long_line_stays_one_line() -> None:
    display, out = plain()
    display.say(["x" * 500, "[bold]as it is[/bold]"])
    assert out.getvalue().splitlines() == ["x" * 500, "[bold]as it is[/bold]"]


def test_in_a_pipe_events_of_unknown_tasks_are_passed_over() -> None:
    display, out = plain()
    display.event(event("step", "compile"))
    display.state(Facts().state)
    display.event(event("step", "compile", "other.1"))
    assert out.getvalue() == ""


def test_for_programs_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with display_for(json=True, clock=ManualClock()) as display:
        assert isinstance(display, Silent)
        display.say(["x"])
        display.event(event("step", "x"))
        display.state(Facts().state)
    assert capsys.readouterr() == ("", "")


def test_what_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(display_for(json=False, clock=ManualClock()), PlainLines)


def test_on_a_terminal_the_tree_is_drawn_in_place_and_stays_at_the_end() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    story = Facts()
    with LivingTree(console, ManualClock()) as display:
        display.state(story.state)
        display.say(["a line of its own"])
        story.take(result_of(story.publish("r.1"), result="done"))
        display.event(event("step", "x"))
    assert "a line of its own" in out.getvalue()
    assert "✓ a" in out.getvalue().splitlines()[-2]


def test_a_tree_may_be_drawn_while_somebody_adds_tasks_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Facts("a", "b")
    drawn = view._line

    def meanwhile(one: TaskState, live: view.Live | None, now: float) -> Text:
        story.state.tasks[f"{one.id}.1"] = TaskState(f"{one.id}.1", "w0", "helper", "act")
        return drawn(one, live, now)

    monkeypatch.setattr(view, "_line", meanwhile)
    display = LivingTree(Console(file=io.StringIO(), force_terminal=True), ManualClock())
    display.state(story.state)
    display._picture()
    assert len(story.state.tasks) == 4
