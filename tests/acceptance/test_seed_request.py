"""The seed's request through Beth and a team of plain programs, on this machine alone: what the bus carries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.bus.sqlite import history
from beth_sdk.messages import Result, Task
from beth_sdk.private import folder_mode
from scripts.workspace import ROOT

WORKFLOW = ROOT / "examples" / "command-team" / "workflow.toml"
REQUEST = "Build user authentication with JWT"
CRITERIA = ["JWT access tokens with 15min expiry", "Refresh token rotation", "Secure httpOnly cookies"]


@pytest.fixture(scope="module")
def home(enterable: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    home.chmod(folder_mode())
    return home


@pytest.fixture(scope="module")
def outcome(home: Path) -> dict[str, Any]:
    """What `beth run --json` printed of the request, after it ended with exit 0."""
    criteria = [argument for criterion in CRITERIA for argument in ("--criteria", criterion)]
    environment = {**os.environ, "BETH_HOME": str(home)}
    environment.pop("MESSAGE_BUS_URL", None)
    ran = subprocess.run(
        [sys.executable, "-m", "beth_sdk.cli", "run", "-w", str(WORKFLOW), REQUEST, *criteria, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed


def test_the_request_ends_complete_with_all_its_tasks(outcome: dict[str, Any]) -> None:
    assert outcome["status"] == "complete"
    assert [(task["agent"], task["status"]) for task in outcome["tasks"]] == [
        ("analyst", "complete"),
        ("builder", "complete"),
        ("checker", "complete"),
    ]
    assert outcome["tasks"][2]["verdict"]["decision"] == "approved"
    assert {"request_id", "status", "tasks", "usage", "repository", "branch"} <= set(outcome)
    assert (outcome["repository"], outcome["branch"]) == (None, None)


def test_the_bus_carried_the_messages_of_the_seed_in_its_order(outcome: dict[str, Any], home: Path) -> None:
    carried = [
        channel
        for channel, _, _ in history(home / "beth.db")
        if channel.startswith("tasks.") or channel == "results.beth"
    ]
    assert carried == [
        "tasks.analyst",
        "results.beth",
        "tasks.builder",
        "results.beth",
        "tasks.checker",
        "results.beth",
    ]


def test_every_message_on_the_bus_keeps_the_contract(outcome: dict[str, Any], home: Path) -> None:
    names = {"events": "event", "results.beth": "result", "control.beth": "control"}
    seen = set()
    for channel, _, body in history(home / "beth.db"):
        name = names.get(channel, "task")
        schema.check(name, schema.loads(body))
        seen.add(name)
    assert seen == {"task", "result", "event", "control"}


def test_each_agent_is_told_what_the_seed_says(outcome: dict[str, Any], home: Path) -> None:
    request_id = outcome["request_id"]
    tasks = [schema.decode(Task, body) for _, _, body in history(home / "beth.db", "tasks.builder")]
    assert [task.id for task in tasks] == [f"{request_id}.2"]
    task = tasks[0]
    assert (task.type, task.agent, task.reply_to) == ("implement", "builder", "results.beth")
    assert task.payload.description == REQUEST
    assert task.payload.acceptance_criteria == CRITERIA
    assert task.payload.context is not None
    assert task.payload.context.epic_id == request_id
    assert task.payload.deps == [f"{request_id}.1"]


def test_the_team_says_that_no_model_was_used(outcome: dict[str, Any], home: Path) -> None:
    results = [schema.decode(Result, body) for _, _, body in history(home / "beth.db", "results.beth")]
    assert len(results) == 3
    for result in results:
        assert isinstance(result.result, dict)
        assert "no model was used" in str(result.result["note"]).lower()


def test_what_the_team_made_is_there(outcome: dict[str, Any]) -> None:
    made = [artifact["uri"] for task in outcome["tasks"] for artifact in task["artifacts"]]
    files = [Path(uri.removeprefix("file://")) for uri in made]
    assert any(file.name == "PRD.md" for file in files)
    assert all(file.is_file() for file in files)
    prd = next(file for file in files if file.name == "PRD.md").read_text()
    assert all(criterion in prd for criterion in CRITERIA)
