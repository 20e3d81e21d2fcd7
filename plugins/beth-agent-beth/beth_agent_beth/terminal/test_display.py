"""Showing a request while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, ConsoleDimensions

from beth_agent_beth.conftest import Facts, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.terminal.display import LivingTree, PlainLines, Silent, display_for
from beth_agent_beth.terminal.test_live import entry, event
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
        display.fact(entry(facts.PUBLISHING, task={"id": "r.1"}))
        display.state(story.state)
        display.state(story.state)
        display.event(event("accepted"))
        display.event(event("step", "compile"))
        story.take(result_of(task, result="done"))
        display.fact(entry(facts.TAKEN, result={"task_id": "r.1"}))
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


def test_a_pipe_is_none_whatever_variables_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert isinstance(display_for(json=False, clock=ManualClock()), PlainLines)


@pytest.mark.parametrize(("term", "kind"), [("dumb", PlainLines), ("xterm", LivingTree)])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    term: str, kind: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert isinstance(display_for(json=False, clock=ManualClock()), kind)


def test_on_a_terminal_the_tree_is_drawn_in_place_and_stays_at_the_end() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    story = Facts()
    with LivingTree(console, ManualClock()) as display:
        display.state(story.state)
        display.say(["a line of its own"])
        story.take(result_of(story.publish("r.1"), result="done"))
        display.fact(entry(facts.TAKEN, result={"task_id": "r.1"}))
        display.event(event("step", "x"))
        display.state(story.state)
    assert "a line of its own" in out.getvalue()
    assert "✓ a" in out.getvalue().splitlines()[-2]


def test_a_task_runs_in_the_tree_as_soon_as_somebody_has_accepted_it() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    story = Facts()
    story.publish("r.1")
    display = LivingTree(console, ManualClock())
    display.state(story.state)
    display.event(event("accepted"))
    display.event(event("step", "compile"))
    console.print(display)
    assert "● a" in out.getvalue()
    assert "compile" in out.getvalue()


def test_a_tree_is_drawn_in_the_size_that_the_terminal_has_now() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    story = Facts(*(f"t{n}" for n in range(50)))
    display = LivingTree(console, ManualClock())
    display.state(story.state)
    for width, height in ((80, 24), (40, 10), (200, 50)):
        console.size = ConsoleDimensions(width, height)
        lines = console.render_lines(display, pad=False)
        assert len(lines) == height - 1
        assert all(sum(part.cell_length for part in line) <= width for line in lines)


@pytest.mark.parametrize("no_color", [False, True])
def test_colours_are_left_out_where_nobody_wants_them(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard")
    story = Facts()
    story.publish("r.1")
    display = LivingTree(console, ManualClock())
    display.state(story.state)
    console.print(display)
    assert ("\x1b[36m" in out.getvalue()) is not no_color
