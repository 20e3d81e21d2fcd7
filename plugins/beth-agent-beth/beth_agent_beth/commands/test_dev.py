"""`beth dev`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import PLAN, request_in
from beth_sdk.cli.conftest import Beth, Start, add_agent
from beth_sdk.conftest import Site

THINKER = """\
from beth_kit import LLMAgent

class Player(LLMAgent):
    pass
"""

TURNS = """\
roles:
  thinker:
    act:
      - calls: [{name: bash, arguments: {command: "echo hello > hello.txt"}}]
        cost_usd: 0.25
      - calls: [{name: commit, arguments: {message: Say hello}}]
      - calls: [{name: finish, arguments: {result: {summary: It says hello}}}]
"""


@pytest.fixture
def done(beth: Beth, site: Site, tmp_path: Path, home: Path) -> str:
    """A request whose one task an agent with a model has done."""
    package = add_agent(site, "thinker", code=THINKER, extra='[task_types.act]\nprompt = "prompts/act.md"\n')
    site.files({f"{package}/prompts/act.md": "Do what is asked."})
    (tmp_path / "turns.yaml").write_text(TURNS)
    (tmp_path / "solo.toml").write_text(PLAN.format(role="thinker"))
    ran = beth("run", "hello", "-w", str(tmp_path / "solo.toml"), "--model", f"scripted/{tmp_path / 'turns.yaml'}")
    assert ran.exit_code == 0, ran
    return request_in(ran)


def test_the_recorded_replies_do_the_same_again(beth: Beth, done: str) -> None:
    found = beth("dev", "thinker", "--json").json
    assert found["task_id"] == f"{done}.1"
    assert found["now"]["status"] == found["then"]["status"] == "complete"
    assert found["now"]["cost_usd"] == found["then"]["cost_usd"] == 0.25
    assert (found["same_frame"], found["work"], found["left"]) == (True, [], None)


def test_people_see_the_turns_and_then_both_side_by_side(beth: Beth, done: str) -> None:
    ran = beth("dev", "thinker", "--once", "--task", f"{done}.1")
    assert ran.exit_code == 0
    assert "-> bash command=echo hello > hello.txt" in ran.stdout
    assert "the work is the same as then" in ran.stdout


def test_a_changed_prompt_is_told(beth: Beth, done: str, site: Site) -> None:
    site.files({"zz_thinker/prompts/act.md": "Do it with care."})
    ran = beth("dev", "thinker", "--once")
    assert "what the model is told differs from then:" in ran.stdout
    assert "+Do it with care." in ran.stdout


def test_another_model_makes_other_work(beth: Beth, done: str, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TURNS.replace("echo hello", "echo goodbye"))
    ran = beth("dev", "thinker", "--once", "--model", f"scripted/{other}")
    assert ran.exit_code == 0
    assert "the work, from then to now:" in ran.stdout
    assert "hello.txt" in ran.stdout.split("the work, from then to now:")[1]


def test_the_request_and_its_journal_stay_as_they_were(beth: Beth, done: str, home: Path) -> None:
    before = beth("log", f"{done}.1", "--json").json, beth("status", done, "--json").json, beth("show", done).stdout
    beth("dev", "thinker", "--once")
    assert (
        beth("log", f"{done}.1", "--json").json,
        beth("status", done, "--json").json,
        beth("show", done).stdout,
    ) == (before)


def test_what_has_no_task_yet_is_one_line(beth: Beth, site: Site) -> None:
    add_agent(site, "idle")
    ran = beth("dev", "idle")
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "no task of idle has ended here yet" in ran.stderr


def test_a_saved_file_has_it_done_again(done: str, start: Start, site: Site) -> None:
    running = start("dev", "thinker")
    running.line("waiting for a file")
    site.files({"zz_thinker/prompts/act.md": "Do it again."})
    running.line("changed: prompts/act.md")
    running.line("waiting for a file", count=2)
    running.line("+Do it again.")
    running.send(signal.SIGINT)
    assert running.end() == 130


def test_a_recording_gives_the_task_where_this_home_has_none(
    beth: Beth, tmp_path: Path, start: Start, done: str
) -> None:
    model, plan = f"scripted/{tmp_path / 'turns.yaml'}", str(tmp_path / "solo.toml")
    recorded = str(tmp_path / "recorded")
    assert beth("run", "hello", "-w", plan, "--model", model, "--record", recorded).exit_code == 0
    running = start("dev", "thinker", "--replay", recorded, "--once", BETH_HOME=str(tmp_path / "other"))
    running.line("the work is the same as then")
    assert running.end() == 0
    assert not (tmp_path / "other").exists()
