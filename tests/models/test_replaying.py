"""The recorded request once more, with nobody to ask: the same branch, or the difference."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.models import scripts, watch
from tests.models.conftest import Done
from tests.models.team import Ran, Team, a_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens: the port of RFC 863, which only root could open."""


@dataclass(frozen=True, slots=True)
class Alone:
    """Another machine, as it were: the same roles and the recording; no network, no keys, no litellm."""

    team: Team
    recording: Path
    connections: Path

    def replay(self, home: str = "another") -> Ran:
        """Do the request again."""
        given = ("run", "--replay", str(self.recording), "--json")
        return self.team.beth(home, *given, prefix=watch.without_network(), variables={"LLM_BASE_URL": NOWHERE})


@pytest.fixture
def alone(done: Done) -> Iterator[Alone]:
    with a_folder() as folder:
        team = Team(folder)
        connections = folder / "connections"
        watch.install(team.site, connections)
        watch.block(team.site)
        shutil.copytree(done.recording, folder / "recording")
        yield Alone(team, folder / "recording", connections)


def test_the_same_branch_comes_out_commit_for_commit(done: Done, alone: Alone) -> None:
    ran = alone.replay()
    assert ran.code == 0, ran.stdout + ran.stderr
    for told in ("request_id", "status", "branch", "commit", "commits"):
        assert ran.json[told] == done.told[told]
    assert alone.team.git("another", "for-each-ref") == done.team.git("home", "for-each-ref")


def test_it_costs_what_it_cost_and_says_what_it_said(done: Done, alone: Alone) -> None:
    again = alone.replay().json
    spent = ("input_tokens", "output_tokens", "cost_usd", "llm_calls", "tool_calls")
    assert {name: again["usage"][name] for name in spent} == {name: done.told["usage"][name] for name in spent}
    assert [task["result"] for task in again["tasks"]] == [task["result"] for task in done.told["tasks"]]
    assert again["models"] == [], "none is asked"


def test_nobody_is_connected_to_nor_looked_up(done: Done, alone: Alone) -> None:
    assert done.connections.read_text() != "", "in the recorded run the same hook saw what was connected to"
    assert alone.replay().code == 0
    assert alone.connections.read_text() == ""


@pytest.mark.parametrize("role", scripts.MODELS)
def test_one_changed_byte_in_a_prompt_fails_with_the_difference(alone: Alone, role: str) -> None:
    prompt = alone.team.prompt(role)
    prompt.write_text(prompt.read_text().replace("asked for.", "asked for!"))
    ran = alone.replay()
    assert ran.code == 1
    (failed,) = [task for task in ran.json["tasks"] if task["status"] == "failed"]
    assert failed["agent"] == role
    assert failed["error"]["code"] == "not_recorded"
    lines = failed["error"]["message"].splitlines()
    assert [line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))] == [
        "-  'Do what is asked for.'",
        "+  'Do what is asked for!'",
    ]
    assert "Do what is asked for!" in ran.json["reason"]
    assert alone.connections.read_text() == "", "nor is anybody asked instead"


def test_a_person_sees_the_difference_too(alone: Alone) -> None:
    prompt = alone.team.prompt("product-manager")
    prompt.write_text(prompt.read_text().replace("asked for.", "asked for!"))
    ran = alone.team.beth("another", "run", "--replay", str(alone.recording), prefix=watch.without_network())
    assert ran.code == 1
    shown = " ".join((ran.stdout + ran.stderr).split())
    assert "- 'Do what is asked for.' + 'Do what is asked for!'" in shown
