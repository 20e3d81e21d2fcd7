"""A whole request, recorded and done again without any model: agents with a model, two roles side by side, a conflict
between them that a task resolves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLAN = """\
name = "side-by-side"
[[task]]
name = "one"
agent = "first"
type = "act"
[[task]]
name = "two"
agent = "second"
type = "act"
[[task]]
name = "three"
agent = "first"
type = "act"
needs = ["one"]
"""

SCRIPT = """\
roles:
  ROLE:
    act:
      - calls:
          - name: edit
            arguments: {action: create, path: shared.txt, file_text: "by ROLE\\n", overwrite: true}
          - {name: edit, arguments: {action: create, path: ROLE.txt, file_text: "more of it\\n"}}
        usage: {input_tokens: 900, output_tokens: 40}
      - calls: [{name: commit, arguments: {message: Work of ROLE}}]
      - calls: [{name: finish, arguments: {result: {summary: done}}}]
"""


class Machine:
    """A folder with two installed roles, and homes of Beth in which a command can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for role in ("first", "second"):
            self._install(role)
        (folder / "plan.toml").write_text(PLAN)

    def _install(self, role: str) -> None:
        package = self.folder / f"site/acting_{role}"
        (package / "prompts").mkdir(parents=True)
        script = self.folder / f"{role}.yaml"
        script.write_text(SCRIPT.replace("ROLE", role))
        (package / "__init__.py").write_text("")
        (package / "agent.py").write_text("from beth_kit import LLMAgent\n\n\nclass Actor(LLMAgent):\n    pass\n")
        (package / "prompts/act.md").write_text("Do what is asked for.\n")
        (package / "agent.toml").write_text(
            f'manifest_version = 1\nrole = "{role}"\ndescription = "acts"\nclass = "acting_{role}.agent:Actor"\n'
            f'model = {{provider = "scripted", name = "{script}"}}\n[task_types.act]\nprompt = "prompts/act.md"\n'
        )
        info = self.folder / f"site/acting_{role}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acting-{role}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[beth.agents]\n{role} = acting_{role}\n")

    def beth(self, home: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command line in one of the homes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BETH_", "LLM_"))}
        environment = {
            **kept,
            "PYTHONPATH": str(self.folder / "site"),
            "BETH_HOME": str(self.folder / home),
            "BETH_SANDBOX": "off",  # no tool that needs one is called, and not every machine has one
        }
        return subprocess.run(
            [sys.executable, "-m", "beth_sdk.cli", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def references(self, home: str) -> str:
        """All that the request's repository in that home has, with the commits."""
        (repository,) = (self.folder / home / "repositories").glob("*.git")
        told = subprocess.run(
            ["git", "for-each-ref"], cwd=repository, capture_output=True, text=True, timeout=30, check=True
        )
        return told.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One on which nothing was asked for yet."""
    return Machine(tmp_path)


def recorded(machine: Machine) -> dict[str, Any]:
    """Record a request; returns what `--json` printed of it."""
    ran = machine.beth("home", "run", "Write it down", "-w", "plan.toml", "--record", "recording", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_a_recorded_request_is_replayed_to_the_same_commits(machine: Machine) -> None:
    first = recorded(machine)
    assert [task["status"] for task in first["tasks"] if task["name"].endswith("-resolve")] == ["complete"]
    for role in ("first", "second"):  # nobody is asked
        (machine.folder / f"{role}.yaml").unlink()
    ran = machine.beth("another", "run", "--replay", "recording", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    second = json.loads(ran.stdout)
    for told in ("request_id", "commit", "commits"):
        assert second[told] == first[told]
    assert machine.references("another") == machine.references("home")


def test_one_changed_byte_in_a_prompt_fails_loudly_with_the_difference(machine: Machine) -> None:
    recorded(machine)
    (machine.folder / "site/acting_first/prompts/act.md").write_text("Do what is asked for!\n")
    ran = machine.beth("another", "run", "--replay", "recording", "--json")
    assert ran.returncode == 1
    reason = json.loads(ran.stdout)["reason"]
    assert "not recorded in" in reason
    assert "Do what is asked for." in reason
    assert "Do what is asked for!" in reason
