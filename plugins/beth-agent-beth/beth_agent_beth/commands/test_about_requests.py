"""`beth submit`, `status`, `list`, `cancel`, `pause`, `answer` and `watch`, where nobody runs what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import request_in
from beth_sdk.cli.conftest import Beth

# -- submit -----------------------------------------------------------------------------------


def test_submit_prints_the_id_and_nothing_else(beth: Beth, solo: str) -> None:
    ran = beth("submit", "play", "--workflow", solo)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, f"{request_in(ran)}\n", "")
    assert beth("submit", "play", "--workflow", solo, "--json").json.keys() == {"request_id"}


def test_submitting_the_same_id_twice_is_one_request(beth: Beth, solo: str) -> None:
    for text in ("play", "something else"):
        assert beth("submit", text, "--workflow", solo, "--id", "mine").stdout == "mine\n"
    assert [(one["request_id"], one["description"]) for one in beth("list", "--json").json] == [("mine", "play")]


@pytest.mark.parametrize("name", ["a.b", "../x", "x" * 65])
def test_submit_refuses_an_id_that_is_none(beth: Beth, solo: str, name: str) -> None:
    ran = beth("submit", "play", "--workflow", solo, "--id", name)
    assert ran.exit_code == 2
    assert "letters and digits in parts joined by '-' or '_'" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_submit_takes_roles_that_nobody_here_plays(beth: Beth) -> None:
    assert beth("submit", "play", "--workflow", "feature").exit_code == 0


def test_submit_refuses_a_bus_that_ends_with_it(beth: Beth, solo: str) -> None:
    ran = beth("submit", "play", "--workflow", solo, "--bus", "memory://")
    assert ran.exit_code == 2
    assert "beth run" in ran.stderr


def test_submit_refuses_what_is_no_workflow_or_no_file(beth: Beth, tmp_path: Path) -> None:
    assert beth("submit", "play", "--workflow", "nothing").exit_code == 2
    assert beth("submit", str(tmp_path / "wish.md")).exit_code == 2
    assert beth("list").stdout == "no requests\n"


# -- status and list --------------------------------------------------------------------------


def test_status_shows_a_request_its_tasks_and_what_it_waits_for(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    lines = beth("status", name).stdout.splitlines()
    assert lines[0] == f"{name} waiting: ask"
    assert lines[1].split()[:4] == ["?", "player", "only", "asking"]
    assert f"  beth answer {name}.1 'YOUR ANSWER'" in lines


def test_status_without_a_name_shows_the_newest(beth: Beth, solo: str) -> None:
    beth("submit", "play", "--workflow", solo)
    newer = request_in(beth("submit", "play", "--workflow", solo))
    assert beth("status").stdout.startswith(newer)
    assert beth("status", "--json").json["request_id"] == newer


def test_status_of_a_failed_request_says_why(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "fail", "--workflow", solo))
    assert beth("status", name).stdout.splitlines()[:2] == [f"{name} failed: fail", "  only failed: it broke"]


def test_status_where_there_is_nothing(beth: Beth) -> None:
    ran = beth("status")
    assert (ran.exit_code, ran.stderr) == (2, "beth: there is no request yet\n")


def test_list_shows_all_requests_or_those_that_are_open(beth: Beth, solo: str) -> None:
    assert beth("list").stdout == "no requests\n"
    done = request_in(beth("run", "play", "--workflow", solo))
    paused = request_in(beth("submit", "play", "--workflow", solo))
    beth("pause", paused)
    assert [line.split()[:2] for line in beth("list").stdout.splitlines()] == [[done, "complete"], [paused, "paused"]]
    assert [line.split()[0] for line in beth("list", "--open").stdout.splitlines()] == [paused]
    listed = beth("list", "--json").json
    assert [(one["request_id"], one["status"], one["tasks"]) for one in listed] == [
        (done, "complete", 1),
        (paused, "paused", 0),
    ]


def test_what_a_request_says_cannot_steer_the_terminal(beth: Beth, solo: str) -> None:
    name = request_in(beth("submit", "play \x1b[2J\nforged", "--workflow", solo))
    for command in (("status", name), ("list",)):
        shown = beth(*command).stdout
        assert "\x1b" not in shown
        assert not any(line.startswith("forged") for line in shown.splitlines())


# -- cancel, pause, answer --------------------------------------------------------------------


def test_cancel_pause_and_answer_speak_json(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    assert beth("pause", name, "--json").json == {"name": name, "paused": True}
    assert beth("answer", f"{name}.1", "red", "--json").json == {"task_id": f"{name}.1", "counted": True}
    assert beth("cancel", name, "--json").json == {"name": name, "cancelled": True}


def test_a_second_answer_does_not_count_and_exits_with_1(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    assert beth("answer", f"{name}.1", "red").exit_code == 0
    again = beth("answer", f"{name}.1", "blue", "--json")
    assert (again.exit_code, again.json["counted"]) == (1, False)


@pytest.mark.parametrize("command", ["cancel", "pause"])
def test_what_has_ended_or_does_not_exist_is_refused(beth: Beth, solo: str, command: str) -> None:
    name = request_in(beth("run", "play", "--workflow", solo))
    for target, problem in (
        (name, "has ended: complete"),
        (f"{name}.9", "has no task"),
        ("no", "no request is called"),
    ):
        ran = beth(command, target)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert problem in ran.stderr


def test_a_single_task_can_be_cancelled(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    beth("cancel", f"{name}.1", "--reason", "enough")
    ran = beth("resume", name)
    assert ran.exit_code == 1
    assert "only cancelled: enough" in ran.stdout


# -- watch ------------------------------------------------------------------------------------


def test_watch_tells_of_a_request_that_has_ended(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "fail", "--workflow", solo))
    ran = beth("watch", name)
    assert ran.exit_code == 1
    assert f"{name} failed" in ran.stdout
    assert beth("watch", name, "--json").json["status"] == "failed"


def test_watch_ends_where_a_request_waits_for_an_answer(beth: Beth, solo: str) -> None:
    name = request_in(beth("run", "ask", "--workflow", solo))
    ran = beth("watch")
    assert ran.exit_code == 4
    assert f"beth answer {name}.1" in ran.stdout


def test_watch_without_an_open_request(beth: Beth, solo: str) -> None:
    beth("run", "play", "--workflow", solo)
    ran = beth("watch")
    assert (ran.exit_code, ran.stderr) == (2, "beth: there is no open request\n")
