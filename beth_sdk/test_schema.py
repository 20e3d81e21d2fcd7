"""Messages and bytes, the packaged schemas, and what errors say."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.errors import InvalidMessage, MessageTooLarge, VersionRefused
from beth_sdk.messages import Control, Event, Payload, Result, Task

SEED: dict[str, Any] = {
    "id": "task-abc123",
    "type": "implement",
    "agent": "developer",
    "payload": {"description": "Build user authentication with JWT"},
    "reply_to": "results.beth",
    "timestamp": "2026-01-30T10:00:00Z",
}
RESULT: dict[str, Any] = {"task_id": "task-abc123", "status": "complete"}
MANIFEST: dict[str, Any] = {"manifest_version": 1, "role": "developer", "description": "d", "class": "a.b:C"}


def refusal(name: str, document: Any) -> str:
    with pytest.raises(InvalidMessage) as caught:
        schema.check(name, document)
    return str(caught.value)


def test_a_message_survives_the_way_through_bytes() -> None:
    task = Task.model_validate(SEED)
    assert schema.decode(Task, schema.encode(task)) == task


def test_decoding_names_the_message_the_path_the_value_and_what_is_accepted() -> None:
    with pytest.raises(InvalidMessage) as caught:
        schema.decode(Task, json.dumps({**SEED, "priority": 7}).encode())
    assert str(caught.value) == "task: $.priority: 7 is not accepted; accepted: at most 4"
    assert (caught.value.path, caught.value.value, caught.value.accepted) == ("$.priority", 7, "at most 4")


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("task", {**SEED, "id": 5}, "$.id: 5 is not accepted; accepted: a string"),
        ("task", {**SEED, "payload": {}}, "$.payload.description: nothing is not accepted; accepted: a value: this f"),
        ("task", {**SEED, "payload": {"description": ""}}, "accepted: a length of at least 1"),
        ("task", {**SEED, "id": "x" * 129}, "accepted: a length of at most 128"),
        ("task", {**SEED, "timestamp": "today"}, "accepted: an RFC 3339 time with a zone, such as 2026-01-30T10"),
        ("task", {**SEED, "ancestors": ["a", "../b"]}, "$.ancestors[1]: '../b' is not accepted; accepted: letters and"),
        ("task", {**SEED, "max_attempts": 0}, "$.max_attempts: 0 is not accepted; accepted: at least 1"),
        ("result", {**RESULT, "status": "done"}, 'accepted: one of "complete", "failed", "cancelled", "rejected", '),
        ("result", {**RESULT, "error": 5}, "$.error: 5 is not accepted; accepted: an object"),
        ("result", {**RESULT, "usage": {"cost_usd": -1}}, "$.usage.cost_usd: -1 is not accepted; accepted: at least 0"),
        (
            "manifest",
            {**MANIFEST, "rolle": 1},
            "$.rolle: 1 is not accepted; accepted: a known field (did you mean role",
        ),
        ("manifest", {**MANIFEST, "model": {"provider": "p", "name": "n", "x": 1}}, "a known field: provider, name"),
        ("manifest", {**MANIFEST, "command": ["./a"]}, "accepted: exactly one of class and command"),
        ("manifest", {**MANIFEST, "skills": ["../a"]}, "accepted: a path below the manifest's directory, with /"),
        (
            "manifest",
            {**MANIFEST, "task_types": {"Big": {}}},
            "$.task_types.Big: 'Big' is not accepted; accepted: low",
        ),
        ("manifest", {**MANIFEST, "deploy": {"cpus": 0}}, "$.deploy.cpus: 0 is not accepted; accepted: more than 0"),
    ],
)
def test_a_schema_says_what_is_wrong_in_words(name: str, document: Any, said: str) -> None:
    assert said in refusal(name, document)


def test_the_first_of_several_errors_is_the_outermost() -> None:
    assert "$.agent" in refusal("task", {**SEED, "payload": {"description": 1}, "agent": 1})


def test_all_problems_are_listed_once_each_outer_ones_first() -> None:
    document = {"id": "a/b", "payload": {"acceptance_criteria": [1, "a", 2]}, "timestamp": "x"}
    assert [problem.path for problem in schema.problems("task", document)] == [
        "$.agent",
        "$.id",
        "$.timestamp",
        "$.type",
        "$.payload.description",
        "$.payload.acceptance_criteria[0]",
        "$.payload.acceptance_criteria[2]",
    ]


def test_a_mistyped_key_is_the_problem_and_not_what_it_leaves_out() -> None:
    mistyped = {**MANIFEST, "clas": "a.b:C"}
    del mistyped["class"]
    assert [problem.path for problem in schema.problems("manifest", mistyped)] == ["$.clas"]


def test_a_valid_document_has_no_problems() -> None:
    assert schema.problems("task", SEED) == []
    schema.check("task", SEED)


@pytest.mark.parametrize("version", ["2.0", "2.7", "10.0"])
def test_a_newer_major_version_is_refused_with_both_versions_whatever_else_is_wrong(version: str) -> None:
    document = {"schema_version": version, "id": "a/b"}
    for refused in (lambda: schema.check("task", document), lambda: schema.parse(Task, document)):
        with pytest.raises(VersionRefused) as caught:
            refused()
        assert (caught.value.theirs, caught.value.ours) == (version, "1.0")


@pytest.mark.parametrize("version", ["1.0", "1.99", "0.9", "01.0"])
def test_any_version_up_to_this_major_one_is_accepted(version: str) -> None:
    assert schema.parse(Task, {**SEED, "schema_version": version}).schema_version == version


@pytest.mark.parametrize("version", ["2", "two", 2, ["2.0"], "9" * 5000 + ".0", "2.0\n"])
def test_what_is_no_version_is_an_invalid_message(version: object) -> None:
    assert "$.schema_version" in refusal("task", {**SEED, "schema_version": version})


@pytest.mark.parametrize("document", [None, [], "x", 5, True])
def test_a_document_that_is_no_object_is_refused_at_its_root(document: object) -> None:
    assert "$: " in refusal("task", document)
    with pytest.raises(InvalidMessage, match="accepted: an object"):
        schema.parse(Task, document)


def test_a_last_newline_does_not_pass_a_pattern() -> None:
    assert "$.id" in refusal("task", {**SEED, "id": "task-abc123\n"})


def test_values_that_json_cannot_say_are_refused() -> None:
    assert "finite number" in refusal("manifest", {**MANIFEST, "limits": {"cost_usd": float("nan")}})


def test_too_large_a_message_is_refused_at_encoding_with_its_size_and_the_limit() -> None:
    large = Task.model_validate(SEED).with_(payload=Payload(description="x" * 300_000))
    with pytest.raises(MessageTooLarge, match=r"the task has 300,\d{3} bytes; the limit is 262,144"):
        schema.encode(large)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (SEED, "task"),
        ({"id": "t"}, "task"),
        ({}, "task"),
        ([], "task"),
        (RESULT, "result"),
        ({"task_id": "t"}, "result"),
        ({"id": "e", "kind": "log", "task_id": "t"}, "event"),
        ({"kind": "cancel", "task_id": "t"}, "control"),
        (MANIFEST, "manifest"),
        ({"role": "developer"}, "manifest"),
    ],
)
def test_a_document_is_taken_for_what_only_it_has(document: object, name: str) -> None:
    assert schema.guess(document) == name


@pytest.mark.parametrize("name", schema.MESSAGES)
def test_every_message_has_a_packaged_schema(name: str) -> None:
    assert schema.schema(name)["$id"] == f"urn:beth:schema:v1:{name}"
    assert json.loads(schema.schema_bytes(name)) == schema.schema(name)


@pytest.mark.parametrize("name", ["tasks", "", "../task", "examples/valid/task.seed"])
def test_there_is_no_other_schema(name: str) -> None:
    with pytest.raises(KeyError):
        schema.schema_bytes(name)


def test_decoding_needs_no_schema_validator() -> None:
    code = "import sys; from beth_sdk import schema; from beth_sdk.messages import Control\n"
    code += "schema.decode(Control, b'{\"kind\": \"drain\"}'); sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_model_is_decoded_by_its_own_name() -> None:
    for model in (Task, Result, Event, Control):
        with pytest.raises(InvalidMessage, match=f"^{model.__name__.lower()}: "):
            schema.decode(model, b"{}")
