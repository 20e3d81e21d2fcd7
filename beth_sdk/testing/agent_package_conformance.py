"""What is promised of an agent's package before any task: its manifest, its files, its class, and its import."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beth_sdk import schema
from beth_sdk.agent import Agent, Service
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import InstalledAgent
from beth_sdk.testing.agent_files import (
    SEED_PAYLOAD,
    AgentSuite,
    examples_of,
    find,
    named_files,
    package_of,
    schemas_of,
)
from beth_sdk.testing.importing import Imported, import_of

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

CANARY = "canary-8c1f0d27"
"""Stands in for every secret of the environment."""


class AgentPackageConformance(AgentSuite):
    """Nothing here runs a task, so it is for services, too."""

    heavy: ClassVar[frozenset[str]] = frozenset({"anthropic", "boto3", "litellm", "mcp", "openai", "torch"})
    """Modules that take so long to import that a package must put it off until it needs them."""

    from_beth: ClassVar[bool] = True
    """Whether tasks come from Beth, who sends a description, criteria and results of earlier tasks, and no fields that
    only this role knows. False for a role that nobody but other programs gives tasks to."""

    # -- the manifest and what it names ---------------------------------------------------------

    def test_the_manifest_is_valid_and_says_the_role_of_its_entry_point(self, installed: InstalledAgent) -> None:
        assert installed.manifest is not None
        assert installed.manifest.role == installed.name

    def test_the_manifest_describes_the_role_in_one_line(self, manifest: Manifest) -> None:
        assert manifest.description.strip()
        assert "\n" not in manifest.description.strip()

    def test_every_file_that_the_manifest_names_is_inside_the_package(self, manifest: Manifest, package: Path) -> None:
        outside = [str(file) for file in named_files(manifest) if not file.resolve().is_relative_to(package.resolve())]
        assert outside == []

    def test_every_file_that_the_manifest_names_is_text_in_utf_8(self, manifest: Manifest, package: Path) -> None:
        wrong = [str(file.relative_to(package)) for file in named_files(manifest) if not _is_text(file)]
        assert wrong == [], "empty, or not UTF-8"

    def test_every_schema_is_valid(self, manifest: Manifest) -> None:
        from jsonschema import Draft202012Validator

        for which, task_type, rules in _schemas(manifest):
            Draft202012Validator.check_schema(rules)
            stated = rules.get("$schema", JSON_SCHEMA) if isinstance(rules, Mapping) else JSON_SCHEMA
            assert stated.rstrip("#") == JSON_SCHEMA, f"{task_type}, {which}: write schemas in 2020-12"

    def test_no_schema_refers_to_anything_outside_of_itself(self, manifest: Manifest) -> None:
        for which, task_type, rules in _schemas(manifest):
            assert [one for one in _references(rules) if not one.startswith("#")] == [], f"{task_type}, {which}"

    def test_every_schema_accepts_its_own_examples(self, manifest: Manifest) -> None:
        for which, task_type, rules in _schemas(manifest):
            for example in examples_of(rules):
                assert _flaws(rules, example) == [], f"{task_type}, {which}: {example}"

    def test_input_schemas_accept_what_beth_sends(self, manifest: Manifest) -> None:
        if not self.from_beth:
            pytest.skip("the role's tasks do not come from Beth")
        for task_type, rules in schemas_of(manifest, "input").items():
            for payload in beth_payloads(task_type):
                assert _flaws(rules, payload) == [], f"{task_type} refuses {payload}"

    # -- its class ------------------------------------------------------------------------------

    def test_what_plays_the_role_can_be_loaded(self, installed: InstalledAgent) -> None:
        assert isinstance(installed.load(), Agent | Service)

    def test_its_text_for_logs_shows_no_secret_of_the_environment(
        self, installed: InstalledAgent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert installed.manifest is not None
        for name in {*installed.manifest.environment, *_secret_names(os.environ)}:
            monkeypatch.setenv(name, CANARY)
        player = installed.load()
        assert [text for text in (repr(player), str(player), repr(installed)) if CANARY in text] == []

    # -- finding and importing it ---------------------------------------------------------------

    @pytest.fixture
    def imported(self) -> Imported:
        """What came of importing the package in a process of its own, once for all tests."""
        return _imported(self.role, self.distribution)

    def test_the_agent_is_found_without_importing_its_package(self, imported: Imported) -> None:
        assert imported.early == ()

    def test_its_package_can_be_imported_on_its_own(self, imported: Imported) -> None:
        assert imported.error is None, imported.printed

    def test_importing_it_prints_nothing(self, imported: Imported) -> None:
        assert imported.printed == ""

    def test_importing_it_has_no_effect_on_anything_else(self, imported: Imported) -> None:
        assert imported.acts == ()

    def test_importing_it_brings_in_nothing_that_takes_long(self, imported: Imported) -> None:
        assert imported.modules & self.heavy == frozenset()


@functools.cache
def _imported(role: str, distribution: str) -> Imported:
    agent = find(role, distribution)
    with tempfile.TemporaryDirectory(prefix="beth-import-") as folder:
        return import_of(agent, package_of(agent), Path(folder))


def beth_payloads(task_type: str) -> list[dict[str, Any]]:
    """What Beth sends for a task of a plan: with nothing but the request's words, with results of earlier tasks, and
    for a fix with the findings of a gate."""
    seed = dict(SEED_PAYLOAD)
    earlier = {
        "task_id": "beth-xyz789.1",
        "name": "requirements",
        "agent": "product-manager",
        "type": "prd",
        "artifacts": [{"kind": "git", "ref": "refs/heads/task", "commit": "0" * 40}],
        "result": {"summary": "Three stories", "document": "docs/requests/beth-xyz789/prd.md"},
    }
    left_out = {**earlier, "result_left_out": "100,000 bytes; see the artifacts"}
    del left_out["result"]
    built_on = {**seed, "deps": ["beth-xyz789.1"], "upstream": [earlier, left_out]}
    finding = {
        "title": "A refused token is taken",
        "severity": "high",
        "place": "auth.py:7",
        "detail": "pytest: 1 failed",
    }
    fix = {"findings": [finding], "round": 1, "gate": "verification"}
    return [
        {"description": "Do it"},
        seed,
        {**seed, "acceptance_criteria": []},
        {**seed, "beads_id": "beth-abc123.2", "deps": ["beth-abc123.1"]},
        built_on,
        *([{**built_on, **fix}] if task_type == "fix" else []),
    ]


def _schemas(manifest: Manifest) -> Iterator[tuple[str, str, Any]]:
    for which in ("input", "output"):
        for task_type, rules in schemas_of(manifest, which).items():
            yield which, task_type, rules


def _flaws(rules: Any, document: Any) -> list[str]:
    return [str(one) for one in schema.violations(rules, document, what="document")]


def _references(rules: Any) -> Iterator[str]:
    """Every `$ref` and `$dynamicRef` anywhere in a schema."""
    if isinstance(rules, Mapping):
        yield from (str(rules[key]) for key in ("$ref", "$dynamicRef") if isinstance(rules.get(key), str))
        yield from itertools.chain.from_iterable(map(_references, rules.values()))
    elif isinstance(rules, list):
        yield from itertools.chain.from_iterable(map(_references, rules))


def _is_text(file: Path) -> bool:
    try:
        return bool(file.read_text("utf-8").strip())
    except UnicodeDecodeError:
        return False


def _secret_names(environ: Mapping[str, str]) -> set[str]:
    """Variables that hold keys: those that are set here, and the commonest ones."""
    known = {"ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GITHUB_TOKEN", "OPENAI_API_KEY"}
    return known | {name for name in environ if name.endswith(("_KEY", "_TOKEN", "_PASSWORD", "_SECRET"))}
