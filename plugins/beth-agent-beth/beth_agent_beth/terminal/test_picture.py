"""The live picture of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.budget import Budget
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.terminal.live import Screen
from beth_agent_beth.terminal.marks import MARKS, Signs
from beth_agent_beth.terminal.picture import Picture
from beth_agent_beth.terminal.test_live import event

LONG = "a very long word of the agent " * 10


def drawn(
    story: Facts,
    screen: Screen | None = None,
    *,
    width: int = 80,
    height: int = 24,
    now: float = 0.0,
    plain: bool = False,
) -> list[str]:
    """The lines of a picture."""
    screen = screen or Screen()
    screen._look_at_all = True
    screen.look(story.state)
    wall = story.state.received_at + 65
    lines = Picture(story.state, screen, now, wall).lines(width, height, Signs(ascii=plain))
    return [line.plain for line in lines]


def everything(story: Facts) -> Screen:
    """Every status there is, each with too much to say."""
    screen = Screen()
    for kind in ("accepted", "step", "progress"):
        screen.see(event(kind, LONG, "r.2", attempt=3), 0.0)
    usage = {"seconds": 12_345.6, "cost_usd": 123.45}
    story.publish("r.1")
    story.publish("r.2")
    story.take(asking(story.publish("r.3"), LONG))
    story.take(delegating(story.publish("r.4"), "one"))
    for number, status in ((5, "complete"), (6, "failed"), (7, "rejected"), (8, "cancelled")):
        error = {} if status == "complete" else {"error": {"code": "x", "message": LONG, "retryable": False}}
        story.take(result_of(story.publish(f"r.{number}"), status, result=LONG, usage=usage, **error))
    task = story.publish("r.9")
    story.add(facts.PAUSE, task_id="r.9")
    story.take(parked(task))
    verdict = {"decision": "changes_requested", "findings": []}
    story.state.tasks["r.10"].gate = True
    story.take(result_of(story.publish("r.10"), verdict=verdict, result=LONG))
    story.state.tasks["r.11"].status = "unfunded"
    return screen


def wide() -> Facts:
    names = [{"name": f"a-name-that-is-too-long-{n}", "agent": "security-reviewer", "type": "act"} for n in range(12)]
    return Facts(*names)


# -- what it says -----------------------------------------------------------------------------


def test_a_running_task_has_its_role_its_step_its_time_and_its_money() -> None:
    story = Facts({"name": "implementation", "agent": "developer", "type": "implement"})
    story.publish("r.1")
    screen = Screen()
    for one in (
        event("accepted"),
        event("step", "bash"),
        event("progress", "pytest -q"),
        event("model", "m", cost_usd=0.42),
    ):
        screen.see(one, 100.0)
    for width in (80, 200):
        line = " ".join(drawn(story, screen, width=width, now=225.0)[1].split())
        assert line.replace("running ", "") == "● developer implementation 2m05s $0.42 bash: pytest -q"


def test_the_first_line_has_the_request_how_much_is_done_its_time_and_its_money_against_the_budget() -> None:
    story = Facts("a", "b")
    story.state.budget = Budget.of({"cost_usd": 5.0})
    story.take(result_of(story.publish("r.1"), usage={"cost_usd": 0.42}))
    line = drawn(story)[0]
    assert line.startswith("r  Build it ")
    assert line.endswith("  1/2  1m05s  $0.42 of $5.00")
    assert len(line) == 80


def test_every_status_has_its_word_and_its_mark() -> None:
    story = wide()
    lines = drawn(story, everything(story), width=200)[1:13]
    shown = {line[0]: line for line in lines}
    assert {MARKS[word][0] for word in MARKS} == set(shown)
    for word in MARKS:
        assert any(line.startswith(MARKS[word][0]) and f" {word} " in f"{line} " for line in lines), word


def test_a_task_that_waits_says_for_what() -> None:
    assert drawn(Facts("a", "b: a"))[2].endswith("after a")


def test_subtasks_and_the_rounds_of_a_gate_are_drawn_below_it() -> None:
    story = Facts("gate", "gate-fix", "gate-2", "other")
    tasks = story.state.tasks
    tasks["r.2"].fixes, tasks["r.3"].again_of = "r.1", "r.1"
    assert [line.split()[1:3] for line in drawn(story)[1:]] == [
        ["gate", "gate"],
        ["├─", "gate-fix"],
        ["└─", "gate-2"],
        ["other", "other"],
    ]


def test_what_is_to_be_answered_is_said_with_the_command_that_answers_it() -> None:
    story = Facts("a", "b")
    story.take(asking(story.publish("r.1"), "Which colour?"))
    story.state.asked["1"] = Asked("1", "r", "budget", "More money?")
    assert drawn(story)[-2:] == [
        "? beth answer r · Beth asks: More money?",
        "? beth answer r.1 · a asks: Which colour?",
    ]


# -- how it fits ------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("width", [1, 20, 40, 59, 60, 80, 99, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int, plain: bool) -> None:
    story = wide()
    story.state.request = {"description": LONG}
    story.state.budget = Budget.of({"cost_usd": 5.0})
    lines = drawn(story, everything(story), width=width, now=3.0, plain=plain)
    assert all(cell_len(line) <= width for line in lines)
    assert not any("\n" in line for line in lines)


def test_wide_characters_are_counted_as_the_terminal_counts_them() -> None:
    story = Facts({"name": "a", "agent": "a", "type": "act"})
    story.state.request = {"description": "実装する" * 30}
    story.take(result_of(story.publish("r.1"), result="完了" * 60))
    assert all(cell_len(line) <= 80 for line in drawn(story))


def test_where_there_is_only_ascii_everything_is() -> None:
    story = wide()
    story.state.request = {"description": "Größe"}
    assert all(line.isascii() for line in drawn(story, everything(story), plain=True))


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_16"])
def test_forms_of_unicode_have_all_marks(encoding: str) -> None:
    assert not Signs.for_encoding(encoding).ascii


@pytest.mark.parametrize("encoding", ["ascii", "ANSI_X3.4-1968", "iso-8859-1", None])
def test_other_encodings_have_those_of_ascii(encoding: str | None) -> None:
    assert Signs.for_encoding(encoding).ascii


def test_it_is_never_higher_than_the_terminal_and_says_what_it_leaves_out() -> None:
    story = Facts(*(f"t{n}" for n in range(50)))
    for number in range(1, 31):
        story.take(result_of(story.publish(f"r.{number}")))
    lines = drawn(story, height=24)
    assert len(lines) == 23, "and a line for the cursor"
    assert lines[-1] == "… 29 more: 19 waiting, 10 complete" or "more" in lines[-1]


def test_of_one_kind_it_says_how_many_more_there_are() -> None:
    story = Facts(*(f"t{n}" for n in range(10_000)))
    assert drawn(story, height=53)[-1] == "… 9,950 more waiting"


def test_what_agents_say_cannot_steer_the_terminal_or_take_another_line() -> None:
    evil = "\x1b[2J\nforged\r\x07"
    story = Facts("a", "b", "c")
    story.state.request = {"description": f"Build it {evil}"}
    story.publish("r.1")
    screen = Screen()
    for kind in ("accepted", "step", "progress"):
        screen.see(event(kind, evil), 0.0)
    error = {"code": "x", "message": evil, "retryable": False}
    story.take(result_of(story.publish("r.2"), "failed", error=error))
    story.take(asking(story.publish("r.3"), evil))
    lines = drawn(story, screen)
    assert not any(mark in line for line in lines for mark in "\x1b\r\n\x07")
    assert len(lines) == 5


def test_a_picture_looks_at_no_more_tasks_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Facts(*(f"t{n}" for n in range(1000)))
    screen = Screen()
    screen.look(story.state)
    met: list[str] = []

    class Counted(dict[str, TaskState]):
        def __getitem__(self, key: str) -> TaskState:
            met.append(key)
            return super().__getitem__(key)

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("every task was looked at")

        def values(self) -> Any:
            raise AssertionError("every task was looked at")

        items = values

    story.state.tasks = Counted(story.state.tasks)
    Picture(story.state, screen, 0.0, 0.0).lines(80, 24, Signs())
    assert len(set(met)) <= 24
