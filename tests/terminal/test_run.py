"""`beth run` at a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.terminal.conftest import Open, Terminal


def running(terminal: Open, tmp_path: Path, **size: int) -> Terminal:
    """A run whose task is in its step."""
    one = terminal("run", "Build it", "-w", str(tmp_path / "solo.toml"), **size)
    one.until(lambda text: "bash" in text and "$0.42" in text)
    return one


@pytest.mark.parametrize("columns", [80, 200])
def test_the_picture_fits_and_has_role_step_time_and_money(
    terminal: Open, tmp_path: Path, fifo: Path, columns: int
) -> None:
    one = running(terminal, tmp_path, columns=columns)
    (row,) = [line for line in one.lines if line.startswith("●")]
    assert "builder-of-things" in row
    assert "implementation" in row
    assert re.search(r" [0-9.]+s +\$0\.42  bash$", row.replace("running ", ""))
    (head,) = [line for line in one.lines if "Build it" in line]
    assert re.search(r"  0/1  [0-9.]+s  \$0\.42 of \$5\.00$", head)
    assert len(head) == columns, "the request's figures end where the terminal does"
    assert sum("Build it" in line for line in one.lines) == 1, "it is drawn in place"
    fifo.write_text("go on")
    assert one.ended() == 0
    assert "It is built" in one.text


def test_at_forty_columns_every_task_still_has_one_line(terminal: Open, tmp_path: Path, fifo: Path) -> None:
    one = running(terminal, tmp_path, columns=40)
    assert sum(line.startswith("●") for line in one.lines) == 1
    assert all(len(line) <= 40 for line in one.lines)
    fifo.write_text("go on")
    assert one.ended() == 0


def test_a_terminal_that_becomes_wider_is_used(terminal: Open, tmp_path: Path, fifo: Path) -> None:
    one = running(terminal, tmp_path, columns=80)
    one.resize(120, 24)
    one.until(lambda text: any(len(line) == 120 for line in text.splitlines()))
    fifo.write_text("go on")
    assert one.ended() == 0


def test_without_colours_nothing_is_coloured(terminal: Open, tmp_path: Path, fifo: Path) -> None:
    one = terminal("run", "Build it", "-w", str(tmp_path / "solo.toml"), NO_COLOR="1")
    one.until(lambda text: "bash" in text)
    assert {cell.fg for row in one.screen.buffer.values() for cell in row.values()} <= {"default"}
    fifo.write_text("go on")
    assert one.ended() == 0


def test_where_only_ascii_can_be_shown_the_marks_are_ascii(terminal: Open, tmp_path: Path, fifo: Path) -> None:
    one = terminal("run", "Build it", "-w", str(tmp_path / "solo.toml"), PYTHONIOENCODING="ascii")
    text = one.until(lambda text: "> builder-of-things" in text and "bash" in text)
    assert text.isascii()
    fifo.write_text("go on")
    assert one.ended() == 0


def test_a_dumb_terminal_gets_lines(terminal: Open, tmp_path: Path, fifo: Path) -> None:
    one = terminal("run", "Build it", "-w", str(tmp_path / "solo.toml"), TERM="dumb", columns=200)
    one.until(lambda text: "builder-of-things implementation: step bash" in text)
    fifo.write_text("go on")
    assert one.ended() == 0


def test_what_a_request_asks_is_asked_right_there_and_it_goes_on(terminal: Open, tmp_path: Path) -> None:
    one = terminal("run", "ask me", "-w", str(tmp_path / "solo.toml"))
    text = one.until(lambda text: "empty: later) >" in text)
    assert "builder-of-things asks: Which colour?" in text
    assert "  1) red" in text
    one.type("green\r")
    one.until(lambda text: "'green' is no answer to this question; it takes red | blue" in text)
    one.type("2\r")
    assert one.ended() == 0
    assert "builder-of-things: blue" in one.text


def test_an_empty_answer_leaves_it_for_later(terminal: Open, tmp_path: Path) -> None:
    one = terminal("run", "ask me", "-w", str(tmp_path / "solo.toml"))
    one.until(lambda text: "empty: later) >" in text)
    one.type("\r")
    assert one.ended() == 4
    assert "beth answer beth-" in one.text


def test_who_wants_no_questions_is_asked_none(terminal: Open, tmp_path: Path) -> None:
    one = terminal("run", "ask me", "-w", str(tmp_path / "solo.toml"), "--no-input")
    assert one.ended() == 4
    assert "empty: later" not in one.text
