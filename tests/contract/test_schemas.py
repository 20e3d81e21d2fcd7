"""The schemas as files: what they are, that each field is explained, that any language's tools can read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import beth_sdk
from beth_sdk import messages, schema
from beth_sdk.strict_json import walk

FOLDER = Path(__file__).parents[2] / "schemas" / "v1"

every_schema = pytest.mark.parametrize("name", schema.MESSAGES)


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_bytes())
    return document


def test_there_is_one_file_a_message() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {f"{name}.schema.json" for name in schema.MESSAGES}


@every_schema
def test_a_schema_is_valid_json_schema_2020_12_under_a_name_of_its_own(name: str) -> None:
    document = load(name)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"urn:beth:schema:v1:{name}"


@every_schema
def test_the_packaged_copy_is_the_same_bytes(name: str) -> None:
    packaged = Path(beth_sdk.__file__).parent / "schemas" / "v1" / f"{name}.schema.json"
    assert packaged.read_bytes() == (FOLDER / f"{name}.schema.json").read_bytes() == schema.schema_bytes(name)


@every_schema
def test_every_field_and_every_definition_has_a_title_and_a_description(name: str) -> None:
    for where, value in walk(load(name)):
        if where == () or (where[-2:-1] in (("properties",), ("$defs",)) and "oneOf" not in where):
            assert value["title"], where
            assert value["description"], where


@every_schema
def test_every_reference_stays_in_the_file_and_every_definition_is_used(name: str) -> None:
    document = load(name)
    used = {value for where, value in walk(document) if where[-1:] == ("$ref",)}
    assert used == {f"#/$defs/{key}" for key in document["$defs"]}


def test_a_definition_of_one_name_is_the_same_in_every_schema() -> None:
    seen: dict[str, Any] = {}
    for name in schema.MESSAGES:
        for key, definition in load(name)["$defs"].items():
            if key not in ("model", "limits"):
                assert seen.setdefault(key, definition) == definition, (name, key)


@every_schema
def test_messages_accept_unknown_fields_everywhere_and_manifests_nowhere(name: str) -> None:
    closed = {where for where, value in walk(load(name)) if where[-1:] == ("additionalProperties",) and value is False}
    if name == "manifest":
        tables = [("$defs", table, "additionalProperties") for table in ("task_type", "model", "limits", "deploy")]
        assert closed == {("additionalProperties",), *tables}
    else:
        assert closed == set()


@every_schema
def test_patterns_are_anchored_and_of_a_kind_that_every_engine_knows(name: str) -> None:
    for where, pattern in walk(load(name)):
        if where[-1:] == ("pattern",):
            assert re.search(r"\A\^.*\$\Z", pattern), where
            # RE2 (Go) and Rust know neither look-around nor back-references, ECMA 262 neither \A nor \Z.
            assert not re.search(r"\(\?[^:]|\\[1-9AZzbBpPdDsSwW]", pattern), where


@every_schema
def test_every_example_in_a_schema_is_valid_under_it(name: str) -> None:
    document = load(name)
    for definition in document["$defs"].values():
        for example in definition.get("examples", ()):
            jsonschema.validate(example, definition)


def test_the_models_patterns_are_the_schemas() -> None:
    patterns = {value for name in schema.MESSAGES for where, value in walk(load(name)) if where[-1:] == ("pattern",)}
    assert set(messages.ACCEPTED) <= patterns


def test_the_contracts_version_is_the_folders() -> None:
    assert FOLDER.name == f"v{messages.CONTRACT_VERSION.partition('.')[0]}"
