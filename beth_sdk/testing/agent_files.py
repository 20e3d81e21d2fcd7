"""What the suites of an agent share: which one they are about, and the files that its manifest names."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beth_sdk.entry_points import entry_points
from beth_sdk.errors import UnknownRole
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import AGENTS, InstalledAgent, discover_agents, find_agent

SEED_PAYLOAD: Mapping[str, Any] = {
    "description": "Build user authentication with JWT",
    "acceptance_criteria": [
        "JWT access tokens with 15min expiry",
        "Refresh token rotation",
        "Secure httpOnly cookies",
    ],
    "context": {"epic_id": "beth-xyz789", "parent_task": "beth-xyz789.2"},
}
"""The payload of the contract's own example of a task."""


class AgentSuite:
    """Says which agent a suite is about."""

    role: ClassVar[str]
    """The name of the agent's entry point in `beth.agents`, which is its role."""

    distribution: ClassVar[str] = ""
    """The name of its distribution; only needed where another installed one plays the role too."""

    @pytest.fixture
    def installed(self) -> InstalledAgent:
        """The agent as `beth agents` finds it. Fails the test with what is wrong with its manifest."""
        return find(self.role, self.distribution)

    @pytest.fixture
    def manifest(self, installed: InstalledAgent) -> Manifest:
        """Its manifest."""
        assert installed.manifest is not None
        return installed.manifest

    @pytest.fixture
    def package(self, installed: InstalledAgent) -> Path:
        """The folder of its package, where the manifest is."""
        assert installed.directory is not None
        return installed.directory


@functools.cache
def find(role: str, distribution: str = "") -> InstalledAgent:
    """The installed agent of a role, looked for once. Raises its own error, or `UnknownRole`."""
    if not distribution:
        return find_agent(role)
    agents = [one for one in discover_agents() if one.distribution == distribution]
    for agent in agents:
        if role in {agent.name, agent.role}:
            if agent.error is not None:
                raise agent.error
            return agent
    raise UnknownRole(role, sorted(agent.role for agent in agents))


def package_of(agent: InstalledAgent) -> str:
    """The name of the package that an agent's entry point names."""
    of_its_name = [one for one in entry_points(AGENTS)[0] if one.name == agent.name]
    values = [one.value for one in of_its_name if one.dist is None or one.dist.name == agent.distribution]
    return values[0].strip()


def named_files(manifest: Manifest) -> Iterator[Path]:
    """Every file that a manifest names; of a folder of skills, all that is in it."""
    folder = manifest.directory
    assert folder is not None
    for kind in manifest.task_types.values():
        yield from (folder / name for name in (kind.prompt, kind.input, kind.output) if name is not None)
    for name in manifest.skills:
        if (folder / name).is_dir():
            yield from sorted(one for one in (folder / name).rglob("*") if one.is_file())
        else:
            yield folder / name
    yield from (folder / element for element in manifest.command or () if element.startswith("./"))


def schemas_of(manifest: Manifest, which: str) -> dict[str, Any]:
    """A manifest's schemas by task type, those that it names; `which`: input or output."""
    folder = manifest.directory
    assert folder is not None
    names = {task_type: getattr(declared, which) for task_type, declared in manifest.task_types.items()}
    return {key: json.loads((folder / name).read_text("utf-8")) for key, name in names.items() if name is not None}


def examples_of(rules: Any) -> list[Any]:
    """What a schema itself gives as examples of the whole document."""
    return list(rules.get("examples", [])) if isinstance(rules, Mapping) else []
