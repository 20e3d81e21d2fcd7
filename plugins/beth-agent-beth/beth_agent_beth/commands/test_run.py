"""`beth run` and `beth resume`, with agents in the same process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beth_agent_beth import running
from beth_agent_beth.commands.conftest import PLAN, request_in
from beth_sdk.cli.conftest import Beth, add_agent
from beth_sdk.conftest import Site
from beth_sdk.plugins import discover_agents

# -- how it ends ------------------------------------------------------------------------------


def test_a_request_that_is_complete_exits_with_0(beth: Beth, solo: str) -> None:
    ran = beth("run", "play it", "--workflow", solo)
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == request_in(ran)
    assert lines[-2] == "player: played"
    assert lines[-1].startswith(f"{request_in(ran)} complete  (")


def test_a_request_that_failed_exits_with_1_and_says_why(beth: Beth, solo: str) -> None:
    ran = beth("run", "fail", "--workflow", solo)
    assert ran.exit_code == 1
    assert f"{request_in(ran)} failed: only failed: it broke" in ran.stdout


def test_a_request_that_waits_exits_with_4_and_says_how_to_answer(beth: Beth, solo: str) -> None:
    ran = beth("run", "ask", "--workflow", solo)
    assert ran.exit_code == 4
    name = request_in(ran)
    assert ran.stdout.splitlines()[-5:] == [
        "player asks: Which colour?",
        "    red",
        "    blue",
        f"  beth answer {name}.1 'YOUR ANSWER'",
        f"waiting for an answer; then go on with: beth resume {name}",
    ]
    answered = beth("answer", f"{name}.1", "blue")
    assert (answered.exit_code, answered.stdout) == (
        0,
        f"{name}.1 is answered; where no agents run, go on with: beth resume {name}\n",
    )
    resumed = beth("resume", name)
    assert resumed.exit_code == 0
    assert "player: blue" in resumed.stdout


def test_a_request_that_was_cancelled_exits_with_3(beth: Beth, solo: str) -> None:
    name = request_in(beth("submit", "play", "--workflow", solo))
    cancelled = beth("cancel", name, "--reason", "enough")
    assert (cancelled.exit_code, cancelled.stdout) == (
        0,
        f"{name} is being cancelled; where no agents run, go on with: beth resume {name}\n",
    )
    ran = beth("resume", name)
    assert ran.exit_code == 3
    assert f"{name} cancelled: enough" in ran.stdout


def test_a_paused_request_that_is_not_resumed_exits_with_4_and_says_how_to_go_on(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    beth("answer", f"{name}.1", "red")
    paused = beth("pause", name)
    assert paused.stdout == f"{name} pauses at its next step; go on with: beth resume {name}\n"
    only_the_task = beth("resume", f"{name}.1")
    assert only_the_task.exit_code == 4
    assert only_the_task.stdout.splitlines()[-1] == f"paused; go on with: beth resume {name}"
    assert beth("resume", name).exit_code == 0


def test_an_ended_request_is_told_again(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "play", "--workflow", solo))
    ran = beth("resume", name)
    assert ran.exit_code == 0
    assert f"{name} complete" in ran.stdout


def test_a_failed_request_goes_on_after_its_task_was_redriven(beth: Beth, solo: str, fifo: Path) -> None:
    ran = beth("run", "die", "--workflow", solo)
    assert ran.exit_code == 1
    name = request_in(ran)
    (fifo.parent / "fifo.mended").touch()
    assert beth("dead", "redrive", f"{name}.1").exit_code == 0
    resumed = beth("resume", name)
    assert resumed.exit_code == 0
    assert "player: mended" in resumed.stdout


# -- resume without a name --------------------------------------------------------------------


def test_without_a_name_the_newest_open_request_goes_on(beth: Beth, solo: str) -> None:
    older = request_in(beth("submit", "play", "--workflow", solo))
    newer = request_in(beth("submit", "play", "--workflow", solo))
    ran = beth("resume")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[0] == newer
    assert f"also going on here, because they are open: {older}" in ran.stdout


def test_without_an_open_request_there_is_nothing_to_resume(beth: Beth) -> None:
    ran = beth("resume")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", "beth: there is no open request\n")


def test_other_open_requests_that_wait_for_somebody_are_not_named(beth: Beth, solo: str) -> None:
    beth("run", "ask", "--workflow", solo)
    paused = request_in(beth("submit", "play", "--workflow", solo))
    beth("pause", paused)
    ran = beth("run", "play", "--workflow", solo)
    assert ran.exit_code == 0
    assert "also going on" not in ran.stdout


# -- what it prints ---------------------------------------------------------------------------


def test_with_json_it_prints_one_object_and_nothing_else(beth: Beth, solo: str) -> None:
    ran = beth("run", "play", "--workflow", solo, "--criteria", "it works", "--json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.count("\n") == 1
    assert ran.json["status"] == "complete"
    assert [task["status"] for task in ran.json["tasks"]] == ["complete"]
    assert {"request_id", "status", "tasks", "usage", "repository", "branch"} <= ran.json.keys()
    assert ran.json["interrupted"] is False


@pytest.mark.parametrize(("request_text", "code", "status"), [("fail", 1, "failed"), ("ask", 4, "waiting")])
def test_with_json_the_exit_code_is_the_same(beth: Beth, solo: str, request_text: str, code: int, status: str) -> None:
    ran = beth("run", request_text, "--workflow", solo, "--json")
    assert (ran.exit_code, ran.json["status"]) == (code, status)


def test_in_a_pipe_there_are_plain_lines_and_what_an_agent_says_cannot_forge_one(beth: Beth, solo: str) -> None:
    ran = beth("run", "escape", "--workflow", solo)
    assert ran.exit_code == 0
    assert "\x1b" not in ran.stdout
    assert not any(line.startswith("forged") for line in ran.stdout.splitlines())
    assert r"\x1b[31mred\x1b[0m" in ran.stdout


def test_the_log_of_what_runs_goes_to_a_file(beth: Beth, solo: str, home: Path) -> None:
    beth("run", "play", "--workflow", solo)
    text = (home / "logs" / "beth.log").read_text()
    assert any("request ended" in line for line in text.splitlines())


# -- wrong usage ------------------------------------------------------------------------------


def refused(ran: object) -> str:
    """The one line that a command that was refused printed."""
    assert getattr(ran, "exit_code", None) == 2, ran
    assert getattr(ran, "stdout", None) == ""
    line = str(getattr(ran, "stderr", ""))
    assert line.count("\n") == 1
    return line


def test_an_unknown_workflow_is_refused(beth: Beth) -> None:
    assert "no workflow is called 'featrue'" in refused(beth("run", "play", "--workflow", "featrue"))


def test_a_role_that_nobody_plays_is_refused_before_anything_is_written(beth: Beth, solo: str, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(
        PLAN.format(role="playr") + PLAN.format(role="nobody").split("\n", 1)[1].replace("only", "two")
    )
    line = refused(beth("run", "play", "--workflow", str(tmp_path / "other.toml")))
    assert "'playr' ($.task[0].agent, did you mean 'player'?), 'nobody' ($.task[1].agent)" in line
    assert beth("list").stdout == "no requests\n"


@pytest.mark.parametrize("argument", ["request.md", "task.json"])
def test_a_file_that_is_not_there_is_refused(beth: Beth, argument: str) -> None:
    assert refused(beth("run", argument)) == f"beth: {argument}: no such file\n"


def test_an_empty_request_is_refused(beth: Beth, solo: str) -> None:
    assert "say in words what shall be done" in refused(beth("run", " ", "--workflow", solo))


def test_a_request_that_does_not_exist_is_refused(beth: Beth) -> None:
    assert "no request is called 'beth-nothere'" in refused(beth("resume", "beth-nothere"))


# -- agents that are missing or broken --------------------------------------------------------


def test_a_broken_agent_that_is_not_needed_is_left_out_and_named(beth: Beth, solo: str, site: Site) -> None:
    add_agent(site, "broken", code="raise RuntimeError('oh no')\n")
    ran = beth("run", "play", "--workflow", solo)
    assert ran.exit_code == 0
    assert "left out: zz-broken: entry point 'broken'" in ran.stdout
    assert "oh no" in ran.stdout


def test_a_broken_agent_that_is_needed_stops_the_run_with_its_error(beth: Beth, site: Site, tmp_path: Path) -> None:
    add_agent(site, "broken", code="raise RuntimeError('oh no')\n")
    (tmp_path / "plan.toml").write_text(PLAN.format(role="broken"))
    ran = beth("run", "play", "--workflow", str(tmp_path / "plan.toml"))
    assert ran.exit_code == 2
    assert "oh no" in ran.stderr


def test_roles_that_an_open_request_needs_and_nobody_plays_are_named(
    beth: Beth, solo: str, site: Site, tmp_path: Path
) -> None:
    plan = tmp_path / "both.toml"
    second = '[[task]]\nname = "second"\nagent = "gone"\ntype = "act"\nneeds = ["only"]\n'
    plan.write_text(PLAN.format(role="player") + second)
    name = request_in(beth("submit", "ask", "--workflow", str(plan)))
    ran = beth("resume", name)
    assert ran.exit_code == 4
    assert "no installed agent plays gone; those tasks wait" in ran.stdout


def test_a_team_without_beth_cannot_look_after_requests(beth: Beth, solo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [one for one in discover_agents() if one.role != "beth"]
    monkeypatch.setattr(running, "discover_agents", lambda: others)
    ran = beth("run", "play", "--workflow", solo)
    assert ran.exit_code == 2
    assert "beth-agent-beth is not installed" in ran.stderr


def test_an_alias_of_a_role_will_do_in_a_plan(beth: Beth, site: Site, tmp_path: Path) -> None:
    add_agent(site, "player", extra='aliases = ["tasks.actor"]\n')
    (tmp_path / "plan.toml").write_text(PLAN.format(role="actor"))
    ran = beth("run", "play", "--workflow", str(tmp_path / "plan.toml"), "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["status"]) == (0, "complete")


# -- where the request comes from -------------------------------------------------------------


def test_the_request_may_stand_in_a_file(beth: Beth, solo: str, tmp_path: Path) -> None:
    (tmp_path / "wish").write_text("play what the file says\n")
    ran = beth("run", str(tmp_path / "wish"), "--workflow", solo, "--json")
    assert (ran.exit_code, ran.json["description"]) == (0, "play what the file says")


def test_on_a_bus_in_memory_a_request_is_done_as_well(beth: Beth, solo: str) -> None:
    ran = beth("run", "play", "--workflow", solo, "--bus", "memory://")
    assert ran.exit_code == 0
    assert beth("list").stdout == "no requests\n"
