"""Within a major version nothing is removed, required or narrowed: the schemas against the last released ones.

`released/v1` holds the schemas of the last release. A release replaces them; nothing else does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import schema
from tests.contract.compatibility import narrowings

RELEASED = Path(__file__).parent / "released" / "v1"
TEXT = {"type": "string"}


@pytest.mark.parametrize("file", sorted(RELEASED.iterdir()), ids=lambda file: str(file.name))
def test_nothing_was_removed_required_or_narrowed_since_the_last_release(file: Path) -> None:
    name = file.name.removesuffix(".schema.json")
    assert narrowings(json.loads(file.read_bytes()), schema.schema(name)) == []


def test_every_message_of_the_last_release_is_still_there() -> None:
    assert {file.name.removesuffix(".schema.json") for file in RELEASED.iterdir()} <= set(schema.MESSAGES)


# -- the comparison itself --------------------------------------------------------------------


def of(rule: Any, **more: Any) -> dict[str, Any]:
    """A schema with one field `a`."""
    return {"type": "object", "properties": {"a": rule}, **more}


def ref(**definitions: Any) -> dict[str, Any]:
    return of({"$ref": "#/$defs/x"}, **{"$defs": definitions})


@pytest.mark.parametrize("name", schema.MESSAGES)
def test_a_schema_is_compatible_with_itself(name: str) -> None:
    assert narrowings(schema.schema(name), schema.schema(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (of(TEXT), {"type": "object"}, ["$.a: was removed"]),
        (of(TEXT), {"type": "object", "properties": {"b": TEXT}}, ["$.a: was removed"]),
        (of(TEXT), of(TEXT, required=["a"]), ["$.a: is now required"]),
        (of({}), of(TEXT), ["$.a: type anything became string"]),
        (of(TEXT), of({"type": "integer"}), ["$.a: type string became integer"]),
        (of({"type": "number"}), of({"type": "integer"}), ["$.a: type number became integer"]),
        (of({"type": ["string", "null"]}), of(TEXT), ["$.a: type null became string"]),
        (of({"anyOf": [TEXT, {"type": "null"}]}), of(TEXT), ["$.a: type null became string"]),
        (of({"enum": ["x", "y"]}), of({"enum": ["x"]}), ["$.a: 'y' is not accepted any more"]),
        (of({"enum": ["x", "y"]}), of({"const": "x"}), ["$.a: 'y' is not accepted any more"]),
        (of(TEXT), of({**TEXT, "enum": ["x"]}), ["$.a: 'anything else' is not accepted any more"]),
        (of(TEXT), of({**TEXT, "pattern": "^x$"}), ["$.a: pattern was added"]),
        (of({**TEXT, "pattern": "^x$"}), of({**TEXT, "pattern": "^y$"}), ["$.a: pattern was changed"]),
        (of(TEXT), of({**TEXT, "format": "date"}), ["$.a: format was added"]),
        (of({"type": "array"}), of({"type": "array", "uniqueItems": True}), ["$.a: uniqueItems was added"]),
        (of(TEXT), of({**TEXT, "minLength": 1}), ["$.a: minLength rose from none to 1"]),
        (of({"minimum": 0}), of({"minimum": 1}), ["$.a: minimum rose from 0 to 1"]),
        (of({"maximum": 9}), of({"maximum": 8}), ["$.a: maximum fell from 9 to 8"]),
        (of({"default": 2}), of({"default": 3}), ["$.a: default 2 was changed"]),
        (of({"default": 2}), of({}), ["$.a: default 2 was changed"]),
        (of(TEXT), of(TEXT, additionalProperties=False), ["$.*: is not accepted any more"]),
        (of(TEXT), of(TEXT, additionalProperties=TEXT), ["$.*: was anything and is limited now"]),
        (of(TEXT), of(TEXT, propertyNames=TEXT), ["$.*: was anything and is limited now"]),
        (of({"items": TEXT}), of({"items": {**TEXT, "maxLength": 3}}), ["$.a[*]: maxLength fell from none to 3"]),
        (of({}), of({"items": TEXT}), ["$.a[*]: was anything and is limited now"]),
        (of({}), of({"not": TEXT}), ["$.a: not was added"]),
        (of({}), {**of({}), "oneOf": [{"required": ["a"]}]}, ["$: oneOf was added"]),
        (of({}), {**of({}), "dependentRequired": {"a": ["b"]}}, ["$: dependentRequired was added"]),
        (ref(x=TEXT), ref(x={**TEXT, "maxLength": 5}), ["$.a: maxLength fell from none to 5"]),
        (ref(x=of(TEXT)), ref(x=of(TEXT, required=["a"])), ["$.a.a: is now required"]),
        (of(of(TEXT)), of(of(TEXT, required=["a"])), ["$.a.a: is now required"]),
    ],
)
def test_a_narrowing_is_found_with_its_path(old: Any, new: Any, found: list[str]) -> None:
    assert narrowings(old, new) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "object"}, of(TEXT)),
        (of(TEXT, required=["a"]), of(TEXT)),
        (of(TEXT), of({})),
        (of(TEXT), of({"type": ["string", "null"]})),
        (of(TEXT), of({"anyOf": [{"type": "integer"}, TEXT]})),
        (of({"type": ["string", "null"]}), of({"anyOf": [TEXT, {"type": "null"}]})),
        (of({"type": "integer"}), of({"type": "number"})),
        (of({"enum": ["x"]}), of({"enum": ["x", "y"]})),
        (of({"const": "x"}), of({"enum": ["x", "y"]})),
        (of({**TEXT, "pattern": "^x$"}), of(TEXT)),
        (of({**TEXT, "minLength": 2, "maxLength": 5}), of({**TEXT, "minLength": 1, "maxLength": 6})),
        (of({"minimum": 1}), of({})),
        (of(TEXT, additionalProperties=False), of(TEXT)),
        (of({"items": TEXT}), of({"items": {}})),
        (ref(x=TEXT), of(TEXT)),
        (of(TEXT), ref(x=TEXT)),
        (of(TEXT), of({**TEXT, "title": "Another title", "description": "d", "deprecated": True})),
        (of({}), of({"default": 3})),
    ],
)
def test_a_widening_is_compatible(old: Any, new: Any) -> None:
    assert narrowings(old, new) == []


def test_a_definition_that_contains_itself_is_compared_once() -> None:
    tree = {"$defs": {"x": of({"$ref": "#/$defs/x"})}, "$ref": "#/$defs/x"}
    narrower = {"$defs": {"x": of({"$ref": "#/$defs/x"}, required=["a"])}, "$ref": "#/$defs/x"}
    assert narrowings(tree, tree) == []
    assert narrowings(tree, narrower) == ["$.a: is now required"]


@pytest.mark.parametrize("name", schema.MESSAGES)
def test_every_kind_of_narrowing_of_the_real_schemas_is_found(name: str) -> None:
    old = schema.schema(name)
    for field in old["properties"]:
        removed = {key: rule for key, rule in old["properties"].items() if key != field}
        assert narrowings(old, {**old, "properties": removed}) == [f"$.{field}: was removed"]
        if field not in old["required"]:
            assert narrowings(old, {**old, "required": [*old["required"], field]}) == [f"$.{field}: is now required"]
    for key, rule in old["$defs"].items():
        if "pattern" in rule:
            changed = {**old, "$defs": {**old["$defs"], key: {**rule, "pattern": "^other$"}}}
            assert any("pattern was changed" in found for found in narrowings(old, changed)), key
