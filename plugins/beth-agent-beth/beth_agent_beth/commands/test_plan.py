"""`beth plan`, and answering with a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import request_in
from beth_agent_beth.plan import workflow
from beth_sdk.cli.conftest import Beth


@pytest.fixture
def proposed(beth: Beth, solo: str) -> str:
    """A request whose plan waits to be approved."""
    ran = beth("run", "play", "--workflow", solo, "--approve-plan")
    assert ran.exit_code == 4
    return request_in(ran)


def test_it_prints_what_a_workflow_file_holds(beth: Beth, proposed: str, tmp_path: Path) -> None:
    ran = beth("plan", proposed)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert workflow.parse(ran.stdout, "x") == workflow.load(str(tmp_path / "solo.toml"))
    assert f"# Change what you like, then: beth answer {proposed} approve --plan THIS_FILE" in ran.stdout


def test_a_changed_plan_is_approved_and_carried_out(beth: Beth, proposed: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert beth("plan", proposed, "--output", str(file)).stdout == ""
    file.write_text(file.read_text().replace('name = "only"', 'name = "changed"'))
    assert beth("answer", proposed, "approve", "--plan", str(file)).exit_code == 0
    ran = beth("resume", proposed, "--json")
    assert ran.exit_code == 0
    assert [one["name"] for one in ran.json["tasks"]] == ["changed"]


def test_a_plan_without_a_word_approves_it(beth: Beth, proposed: str, tmp_path: Path) -> None:
    assert beth("answer", proposed, "--plan", str(tmp_path / "solo.toml")).exit_code == 0
    assert beth("resume", proposed).exit_code == 0


def test_a_plan_that_cannot_be_carried_out_is_refused(beth: Beth, proposed: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('name = "w"\n[[task]]\nname = "a"\nagent = "player"\ntype = "act"\nneeds = ["b"]\n')
    ran = beth("answer", proposed, "approve", "--plan", str(file))
    assert ran.exit_code == 2
    assert "which is no task of it" in ran.stderr


def test_programs_get_it_as_data(beth: Beth, proposed: str) -> None:
    found = beth("plan", proposed, "--json").json
    assert (found["request_id"], found["proposed"], found["plan"]["task"][0]["name"]) == (proposed, True, "only")


def test_a_plan_that_nobody_waits_for_cannot_be_edited(beth: Beth, solo: str) -> None:
    beth("run", "play", "--workflow", solo)
    ran = beth("plan", "--edit")
    assert ran.exit_code == 1
    assert "waits for nobody's approval" in ran.stderr


def test_what_the_editor_leaves_is_approved(
    beth: Beth, proposed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/name = "only"/name = "edited"/\' "$1"\ntouch -d \'+5 seconds\' "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    assert beth("plan", proposed, "--edit").exit_code == 0
    assert [one["name"] for one in beth("resume", proposed, "--json").json["tasks"]] == ["edited"]


def test_a_file_that_cannot_be_written_is_one_line(beth: Beth, proposed: str) -> None:
    ran = beth("plan", proposed, "--output", "/nowhere/at/all.toml")
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)


def test_without_words_and_without_a_terminal_an_answer_is_asked_of_nobody(beth: Beth, proposed: str) -> None:
    ran = beth("answer", proposed)
    assert ran.exit_code == 2
    assert "say what the answer is" in ran.stderr
