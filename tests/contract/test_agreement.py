"""The schemas and the models say the same: of generated documents, and of each with one thing changed."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.errors import ContractError, InvalidMessage
from tests.contract.changes import changes, one_change, same
from tests.contract.instances import MODELS, from_model, from_schema, keywords

EACH = 1000
"""Documents a message and a side: 5,000 from the schemas and 5,000 from the models."""

every_message = pytest.mark.parametrize("name", MODELS)


def verdict_of_schema(name: str, document: Any) -> tuple[str, str, str]:
    """The error's type, path and what is accepted; three empty strings for a document that is valid."""
    try:
        schema.check(name, document)
    except ContractError as error:
        return verdict(error)
    return "", "", ""


def verdict_of_model(name: str, document: Any) -> tuple[str, str, str]:
    try:
        schema.parse(MODELS[name], document)
    except ContractError as error:
        return verdict(error)
    return "", "", ""


def verdict(error: ContractError) -> tuple[str, str, str]:
    if not isinstance(error, InvalidMessage):
        return type(error).__name__, "", ""
    # The schema knows which fields there are, and the models' rule between fields says more than the schema's.
    for beginning in ("a known field", "exactly one of"):
        if error.accepted.startswith(beginning):
            return "InvalidMessage", error.path, beginning
    return "InvalidMessage", error.path, error.accepted


@every_message
def test_the_generator_knows_every_keyword_of_the_schema(name: str) -> None:
    structure = {"type", "properties", "required", "additionalProperties", "propertyNames", "items", "$ref"}
    limits = {"enum", "const", "anyOf", "oneOf", "pattern", "format", "minLength", "maxLength", "minItems"}
    assert keywords(name) <= structure | limits | {"minimum", "maximum", "exclusiveMinimum"}


@every_message
def test_the_model_accepts_what_the_schema_allows(name: str) -> None:
    random = Random(f"schema {name}")
    for number in range(EACH):
        document = from_schema(name, random, all_fields=number % 10 == 0)
        assert verdict_of_model(name, document) == ("", "", ""), document


@every_message
def test_the_schema_accepts_what_the_model_allows_and_writes(name: str) -> None:
    random = Random(f"model {name}")
    model = MODELS[name]
    for number in range(EACH):
        document = from_model(model, random, all_fields=number % 10 == 0)
        written = model.model_validate(document).to_json()
        assert verdict_of_schema(name, document) == ("", "", ""), document
        assert verdict_of_schema(name, written) == ("", "", ""), written


@every_message
def test_every_field_survives_a_round_trip_known_or_not(name: str) -> None:
    random = Random(f"round trip {name}")
    for number in range(EACH):
        document = from_schema(name, random, all_fields=number % 10 == 0)
        message = schema.decode(MODELS[name], schema.dumps(document))
        assert same(schema.loads(schema.encode(message)), document), document


@every_message
def test_both_refuse_the_same_changes_for_the_same_reason_in_the_same_place(name: str) -> None:
    random = Random(f"changes {name}")
    whole = from_model(MODELS[name], random, all_fields=True)
    some = (one_change(from_model(MODELS[name], random), random) for _ in range(EACH))
    refused = 0
    for change, document in itertools.chain(changes(whole), some):
        expected = verdict_of_schema(name, document)
        assert verdict_of_model(name, document) == expected, (change, document)
        refused += expected != ("", "", "")
    assert refused > EACH / 2
