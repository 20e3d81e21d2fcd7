"""One request of three roles with three providers that break down, recorded: what most tests here look at."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.models import scripts, watch
from tests.models.provider import Provider, providing
from tests.models.team import WORKFLOW, Ran, Team, a_folder, models

KEYS = {
    "OPENAI_API_KEY": "sk-canary-of-openai-6b1f09",
    "ANTHROPIC_API_KEY": "sk-canary-of-anthropic-e27c4d",
    "GEMINI_API_KEY": "sk-canary-of-gemini-90aa31",
}
TIMEOUT = "6s"


@dataclass(frozen=True, slots=True)
class Done:
    """The request after its end: who asked whom for what, and where the recording lies."""

    team: Team
    provider: Provider
    ran: Ran
    recording: Path
    connections: Path

    @property
    def told(self) -> Any:
        """What `--json` told."""
        return self.ran.json

    def task(self, role: str) -> Any:
        """What it told of a role's task."""
        (one,) = [task for task in self.told["tasks"] if task["agent"] == role]
        return one


@pytest.fixture(scope="package")
def done() -> Iterator[Done]:
    """The request, done once for all tests."""
    with a_folder() as folder, providing(scripts.with_faults(scripts.PLAIN)) as provider:
        team = Team(folder)
        recording, connections = folder / "recording", folder / "connections"
        watch.install(team.site, connections)
        given = ["run", scripts.WHAT, *WORKFLOW, *models(scripts.MODELS), "--record", str(recording), "--json"]
        told = {**KEYS, "LLM_BASE_URL": provider.url, "LLM_TIMEOUT": TIMEOUT}
        ran = team.beth("home", *given, variables=told)
        assert ran.code == 0, ran.stdout + ran.stderr
        yield Done(team, provider, ran, recording, connections)


@pytest.fixture(scope="package")
def prices() -> Any:
    """What models cost, as litellm ships it."""
    found = importlib.util.find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    return json.loads(Path(found.origin).with_name("model_prices_and_context_window_backup.json").read_text())
