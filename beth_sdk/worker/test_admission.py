"""Whether a worker does a task at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.errors import InvalidMessage, Rejected
from beth_sdk.manifest import Manifest
from beth_sdk.messages import parse_timestamp
from beth_sdk.worker.admission import admit, check_output
from beth_sdk.worker.conftest import a_manifest, a_task

NOW = parse_timestamp("2026-01-30T12:00:00Z").timestamp()

TYPES = """
[task_types.implement]
input = "in.json"
output = "out.json"
[task_types.review]
"""


@pytest.fixture
def typed(tmp_path: Path) -> Manifest:
    """The manifest of an agent whose type `implement` has an input and an output schema."""
    needs = {"type": "object", "properties": {"payload": {}, "description": {"minLength": 3}}, "required": ["beads_id"]}
    (tmp_path / "in.json").write_text(json.dumps(needs))
    (tmp_path / "out.json").write_text(json.dumps({"type": "object", "properties": {"files": {"type": "array"}}}))
    return a_manifest(TYPES, directory=tmp_path)


def refusal(manifest: Manifest | None = None, version: str = "1.2.0", **task: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        admit(a_task(**task), manifest or a_manifest(), version, NOW)
    return refused.value


def test_a_task_for_the_role_is_done() -> None:
    admit(a_task(), a_manifest(), "1.2.0", NOW)


@pytest.mark.parametrize("line", ['aliases = ["tasks.dev"]', 'topics = ["tasks.dev"]'])
def test_a_task_for_another_name_of_the_role_is_done(line: str) -> None:
    admit(a_task(agent="dev"), a_manifest(line), "1.2.0", NOW)


def test_a_task_for_another_role_is_rejected_with_both_roles() -> None:
    refused = refusal(agent="tester")
    assert refused.code == "wrong_role"
    assert str(refused) == "this task is for 'tester'; this agent plays 'developer'"


@pytest.mark.parametrize("expires_at", ["2026-01-30T12:00:00Z", "2026-01-30T12:59:59+01:00"])
def test_an_expired_task_is_rejected(expires_at: str) -> None:
    assert refusal(expires_at=expires_at).code == "expired"


def test_a_task_that_expires_later_is_done() -> None:
    admit(a_task(expires_at="2026-01-30T12:00:00.001Z"), a_manifest(), "1.2.0", NOW)


def test_a_task_that_is_its_own_ancestor_is_rejected_with_the_chain() -> None:
    refused = refusal(ancestors=["a", "task-1"])
    assert (refused.code, refused.details) == ("loop", {"chain": ["a", "task-1", "task-1"]})


@pytest.mark.parametrize("requires", [">=1.2, <2", "==1.2"])
def test_a_task_that_this_version_meets_is_done(requires: str) -> None:
    admit(a_task(requires=requires), a_manifest(), "1.2.0", NOW)


@pytest.mark.parametrize(
    ("requires", "words"), [(">=2", "this agent is 1.2.0"), ("newest", "not a version constraint")]
)
def test_a_task_that_needs_another_version_is_rejected(requires: str, words: str) -> None:
    refused = refusal(requires=requires)
    assert refused.code == "version"
    assert words in str(refused)


def test_an_unknown_type_is_rejected_with_what_was_probably_meant(typed: Manifest) -> None:
    refused = refusal(typed, type="implment")
    assert refused.code == "unknown_type"
    assert str(refused) == (
        "developer does no tasks of type 'implment', only implement, review; did you mean 'implement'?"
    )


def test_an_agent_that_names_no_types_does_all(typed: Manifest) -> None:
    admit(a_task(type="anything"), a_manifest(), "1.2.0", NOW)
    admit(a_task(type="review"), typed, "1.2.0", NOW)


def test_a_payload_that_breaks_the_input_schema_is_rejected_with_the_path(typed: Manifest) -> None:
    assert refusal(typed).code == "invalid_input"
    refused = refusal(typed, payload={"description": "x", "beads_id": "b-1"})
    assert refused.details == {"path": "$.payload.description"}
    admit(a_task(payload={"description": "long", "beads_id": "b-1"}), typed, "1.2.0", NOW)


def test_an_output_that_breaks_its_schema_is_named_with_the_path(typed: Manifest) -> None:
    check_output(a_task(), typed, {"files": []})
    check_output(a_task(type="review"), typed, "anything")
    with pytest.raises(InvalidMessage) as refused:
        check_output(a_task(), typed, {"files": "none"})
    assert refused.value.path == "$.result.files"
