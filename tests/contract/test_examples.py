"""The golden examples: every valid one is accepted, every invalid one refused, by schemas and models alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.errors import ContractError, MessageTooLarge, VersionRefused
from tests.contract.changes import same
from tests.contract.instances import MODELS

EXAMPLES = Path(__file__).parents[2] / "schemas" / "v1" / "examples"
VALID = sorted((EXAMPLES / "valid").iterdir())
INVALID = sorted(file for file in (EXAMPLES / "invalid").iterdir() if file.name != "expected.json")
EXPECTED: dict[str, dict[str, str]] = json.loads((EXAMPLES / "invalid" / "expected.json").read_bytes())

SEEDS_TASK = """{
  "id": "task-abc123",
  "type": "implement",
  "agent": "developer",
  "payload": {
    "description": "Build user authentication with JWT",
    "acceptance_criteria": [
      "JWT access tokens with 15min expiry",
      "Refresh token rotation",
      "Secure httpOnly cookies"
    ],
    "context": {
      "epic_id": "beth-xyz789",
      "parent_task": "beth-xyz789.2"
    }
  },
  "reply_to": "results.beth",
  "timestamp": "2026-01-30T10:00:00Z"
}
"""


def named(file: Path) -> str:
    return file.name


def message(file: Path) -> str:
    return file.name.partition(".")[0]


def refusal_of_schema(file: Path) -> ContractError:
    with pytest.raises(ContractError) as caught:
        schema.check(message(file), schema.loads(file.read_bytes(), what=message(file)))
    return caught.value


def refusal_of_model(file: Path) -> ContractError:
    with pytest.raises(ContractError) as caught:
        schema.decode(MODELS[message(file)], file.read_bytes())
    return caught.value


@pytest.mark.parametrize("file", VALID, ids=named)
def test_a_valid_example_is_accepted_by_schema_and_model(file: Path) -> None:
    document = schema.loads(file.read_bytes())
    assert schema.problems(message(file), document) == []
    assert schema.guess(document) == message(file)
    decoded = schema.decode(MODELS[message(file)], file.read_bytes())
    assert same(schema.loads(schema.encode(decoded)), document)


@pytest.mark.parametrize("file", INVALID, ids=named)
def test_an_invalid_example_is_refused_by_schema_and_model_with_path_and_reason(file: Path) -> None:
    expected = EXPECTED[file.name]
    for error in (refusal_of_schema(file), refusal_of_model(file)):
        assert ("$.schema_version" if isinstance(error, VersionRefused) else vars(error)["path"]) == expected["path"]
        assert expected["contains"] in str(error)


def test_every_invalid_example_has_its_expected_path_and_reason() -> None:
    assert {file.name for file in INVALID} == set(EXPECTED)


def test_there_are_examples_of_every_message() -> None:
    assert {message(file) for file in VALID} == {message(file) for file in INVALID} == set(schema.MESSAGES)


def test_the_seeds_task_is_among_the_valid_byte_for_byte() -> None:
    assert (EXAMPLES / "valid" / "task.seed.json").read_bytes() == SEEDS_TASK.encode()


def test_the_seeds_result_is_among_the_valid_with_the_seeds_fields() -> None:
    document = schema.loads((EXAMPLES / "valid" / "result.seed.json").read_bytes())
    assert list(document) == ["task_id", "status", "result"]
    assert (document["task_id"], document["status"]) == ("task-abc123", "complete")


def a_byte_too_large(document: dict[str, Any]) -> bytes:
    document = {**document, "padding": ""}
    missing = 256 * 1024 + 1 - len(schema.dumps(document))
    return schema.dumps({**document, "padding": "x" * missing}, limit=None)


@pytest.mark.parametrize("file", [file for file in VALID if message(file) != "manifest"], ids=named)
def test_a_message_a_byte_over_the_limit_is_refused_and_at_the_limit_accepted(file: Path) -> None:
    name = message(file)
    body = a_byte_too_large(schema.loads(file.read_bytes()))
    assert len(body) == 262_145
    for read in (lambda: schema.loads(body, what=name), lambda: schema.decode(MODELS[name], body)):
        with pytest.raises(MessageTooLarge) as caught:
            read()
        assert (caught.value.size, caught.value.limit) == (262_145, 262_144)
    schema.decode(MODELS[name], body.replace(b'"padding":"x', b'"padding":"'))
