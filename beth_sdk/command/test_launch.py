"""What a command is started with."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.command import launch
from beth_sdk.errors import Fatal, ManifestError
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Task
from beth_sdk.private import folder_mode


def manifest(directory: Path, command: list[str], **more: Any) -> Manifest:
    fields = {"manifest_version": 1, "role": "developer", "description": "Tests", "command": command, **more}
    return Manifest.model_validate(fields).located(directory)


def arguments(directory: Path, command: list[str], path: str = "/usr/bin:/bin") -> list[str]:
    return launch.arguments(manifest(directory, command), {"PATH": path})


def executable(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


# -- arguments --------------------------------------------------------------------------------


def test_placeholders_are_filled_in_and_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    command = ["{python}", "./main.py", "--in={package}/data", "{other}", "plain", "."]
    assert arguments(tmp_path, command) == [
        sys.executable,
        f"{tmp_path}/main.py",
        f"--in={tmp_path}/data",
        "{other}",
        "plain",
        ".",
    ]


def test_a_program_beside_the_manifest_is_run_from_there(tmp_path: Path) -> None:
    executable(tmp_path / "agent.sh")
    assert arguments(tmp_path, ["./agent.sh"]) == [f"{tmp_path}/agent.sh"]


def test_a_bare_name_is_looked_up_in_path(tmp_path: Path) -> None:
    tool = executable(tmp_path / "bin" / "tool")
    assert arguments(tmp_path, ["tool", "-x"], path=f"/nowhere:{tool.parent}") == [str(tool), "-x"]


def test_a_relative_folder_in_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "tool")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError, match="not installed"):
        arguments(tmp_path, ["tool"], path=".::/nowhere")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("./missing.sh", "does not exist"),
        ("/nowhere/tool", "does not exist"),
        ("./plain.txt", "is not executable; run chmod +x"),
        ("no-such-tool", "is not installed; install it"),
        ("bin/tool", "relative path; write './bin/tool'"),
    ],
)
def test_a_program_that_cannot_be_run_is_refused_with_the_manifests_name_and_the_fix(
    tmp_path: Path, command: str, problem: str
) -> None:
    (tmp_path / "plain.txt").write_text("text")
    with pytest.raises(ManifestError) as raised:
        arguments(tmp_path, [command])
    assert str(raised.value).startswith(f"{tmp_path}/agent.toml: ")
    assert problem in str(raised.value)


def test_a_directory_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    with pytest.raises(ManifestError, match="does not exist"):
        arguments(tmp_path, ["./agent"])


# -- environment ------------------------------------------------------------------------------


def test_only_listed_and_named_variables_are_passed_on(tmp_path: Path, task: Task) -> None:
    ours = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "OPENAI_API_KEY": "k1",
        "GITHUB_TOKEN": "k2",
        "BETH_X": "1",
    }
    named = manifest(tmp_path, ["true"], environment=["GITHUB_TOKEN", "NOT_SET"])
    assert launch.environment(named, task, tmp_path, ours) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "GITHUB_TOKEN": "k2",
        "BETH_TASK_ID": "task-abc123",
        "BETH_REQUEST_ID": "req-1",
        "BETH_ROLE": "developer",
        "BETH_WORK_DIR": str(tmp_path),
    }


def test_a_task_without_a_request_has_an_empty_request_id(tmp_path: Path, task: Task) -> None:
    alone = Task.model_validate({k: v for k, v in task.to_json().items() if k != "request_id"})
    assert launch.environment(manifest(tmp_path, ["true"]), alone, tmp_path, {})["BETH_REQUEST_ID"] == ""


# -- work directory ---------------------------------------------------------------------------


def test_the_tasks_of_a_request_share_a_private_directory(tmp_path: Path, task: Task) -> None:
    directory = launch.work_directory(tmp_path / "home", task)
    assert directory == tmp_path / "home" / "work" / "req-1"
    assert stat.S_IMODE(directory.stat().st_mode) == folder_mode()
    assert stat.S_IMODE(directory.parent.stat().st_mode) == folder_mode()
    (directory / "PRD.md").write_text("kept")
    assert launch.work_directory(tmp_path / "home", task.with_(id="task-2")) == directory
    assert (directory / "PRD.md").exists()


def test_a_task_without_a_request_has_a_directory_of_its_own(tmp_path: Path, task: Task) -> None:
    alone = Task.model_validate({k: v for k, v in task.to_json().items() if k != "request_id"})
    assert launch.work_directory(tmp_path, alone) == tmp_path / "work" / "task-abc123"


@pytest.mark.parametrize("name", ["..", "../outside", "a/b", "/etc", ".", "", "a\n"])
def test_an_id_that_is_no_id_leads_nowhere(tmp_path: Path, task: Task, name: str) -> None:
    forged = task.model_copy(update={"request_id": None, "id": name})  # past the check of the message
    with pytest.raises(Fatal, match="is no id"):
        launch.work_directory(tmp_path / "home", forged)
    assert list(tmp_path.iterdir()) == []


def test_a_link_planted_in_its_place_is_refused(tmp_path: Path, task: Task) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work" / "req-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Fatal, match="is a link"):
        launch.work_directory(tmp_path, task)


# -- stdin ------------------------------------------------------------------------------------


def test_stdin_has_the_task_as_it_came_and_this_runs_facts_under_beth(tmp_path: Path, task: Task) -> None:
    document = json.loads(launch.stdin(task, tmp_path, [], ["hurry up"]))
    assert document.pop("beth") == {"work_dir": str(tmp_path), "run": 0, "answers": [], "notes": ["hurry up"]}
    assert document == task.to_json()


def test_after_an_answer_stdin_has_all_answers_and_the_newest_where_the_contract_has_it(
    tmp_path: Path, task: Task
) -> None:
    answers: list[dict[str, Any]] = [
        {"question": "Which?", "text": "this one"},
        {"tasks": ["one"], "results": [{"task_id": "t2", "status": "complete"}]},
    ]
    document = json.loads(launch.stdin(task, tmp_path, answers, []))
    assert document["beth"]["run"] == 2
    assert document["beth"]["answers"] == answers
    assert document["answer"] == {"results": [{"task_id": "t2", "status": "complete"}]}
