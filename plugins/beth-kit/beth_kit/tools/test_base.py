"""A tool made of a typed function, and the arguments a model sends."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from beth_kit.context import KitContext
from beth_kit.tools.base import MAX_OUTPUT, ToolReply, parse_arguments, shortened, tool
from beth_sdk.errors import ConfigurationError


class Point(BaseModel):
    x: int


@tool
async def search(
    ctx: KitContext,
    query: Annotated[str, "what to look for"],
    limit: Annotated[int, "how many", Field(ge=1)] = 10,
    kind: Literal["file", "name"] = "file",
) -> str:
    """Look for something."""
    return f"{query}/{limit}/{kind}"


async def test_a_tool_is_called_with_what_the_model_sent_and_the_defaults(kit_context: KitContext) -> None:
    assert await search.call(kit_context, {"query": "x", "limit": 3}) == ToolReply("x/3/file")


def test_a_models_definition_comes_from_the_signature_and_the_docstring() -> None:
    definition = search.definition["function"]
    assert (definition["name"], definition["description"]) == ("search", "Look for something.")
    assert definition["parameters"] == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "what to look for"},
            "limit": {"type": "integer", "minimum": 1, "default": 10, "description": "how many"},
            "kind": {"type": "string", "enum": ["file", "name"], "default": "file"},
        },
        "required": ["query"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "query: Field required"),
        ({"query": "x", "limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"query": "x", "kind": "colour"}, "kind: Input should be 'file' or 'name'"),
        ({"query": "x", "other": 1}, "other: Extra inputs are not permitted"),
    ],
)
async def test_a_mistake_in_the_arguments_is_a_reply(
    kit_context: KitContext, arguments: dict[str, Any], words: str
) -> None:
    reply = await search.call(kit_context, arguments)
    assert reply.error
    assert reply.text == f"search: {words}"


async def test_a_parameter_may_have_any_name_and_be_a_model(kit_context: KitContext) -> None:
    @tool(name="named", writes=False, repeat="told")
    async def other(ctx: KitContext, schema: str, copy: Point, model_config: int = 1) -> dict[str, Any]:
        """Names that a model class keeps for itself."""
        return {"schema": schema, "copy": copy.x, "model_config": model_config}

    reply = await other.call(kit_context, {"schema": "s", "copy": {"x": 2}})
    assert json.loads(reply.text) == {"schema": "s", "copy": 2, "model_config": 1}
    assert (other.name, other.writes, other.repeat) == ("named", False, "told")
    assert set(other.parameters["properties"]) == {"schema", "copy", "model_config"}
    wrong = await other.call(kit_context, {"schema": "s", "copy": {"x": "two"}})
    assert wrong.text.startswith("named: copy.x: ")


async def test_a_long_text_that_a_function_returns_is_cut(kit_context: KitContext) -> None:
    @tool
    async def long(ctx: KitContext) -> str:
        """Return much."""
        return "x" * (3 * MAX_OUTPUT)

    assert len((await long.call(kit_context, {})).text) < MAX_OUTPUT + 100


async def test_a_function_that_returns_nothing_is_done(kit_context: KitContext) -> None:
    @tool
    async def quiet(ctx: KitContext) -> None:
        """Say nothing."""

    assert await quiet.call(kit_context, {}) == ToolReply("done")


def plain(ctx: KitContext) -> str:
    """Not async."""
    return ""


async def undescribed(ctx: KitContext) -> str:
    return ""


async def untyped(ctx: KitContext, query) -> str:  # type: ignore[no-untyped-def]
    """A parameter without a type."""
    return ""


async def alone() -> str:
    """No context."""
    return ""


async def variable(ctx: KitContext, **words: str) -> str:
    """Parameters without names."""
    return ""


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (plain, "async def"),
        (undescribed, "no docstring"),
        (untyped, "parameter query has no type"),
        (alone, "first parameter must be the context"),
        (variable, "parameter words cannot be given by its name"),
    ],
)
def test_a_function_that_no_tool_can_be_made_of_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        tool(function)


@pytest.mark.parametrize(
    ("text", "found"),
    [("", {}), (" ", {}), ("{}", {}), ('{"a": [1, null]}', {"a": [1, None]}), ('{"a": "é"}', {"a": "é"})],
)
def test_the_arguments_are_one_json_object(text: str, found: dict[str, Any]) -> None:
    assert parse_arguments(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ('{"a": 1} {}', "not JSON"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "a JSON array"),
        ("null", "a JSON null"),
        ("true", "a JSON boolean"),
        ('"text"', "a JSON string"),
        (r'{"a": "\ud83d"}', "half of a surrogate pair"),
    ],
)
def test_what_is_no_json_object_is_answered_in_words(text: str, words: str) -> None:
    found = parse_arguments(text)
    assert isinstance(found, str)
    assert words in found


def test_a_text_is_cut_in_the_middle_and_says_how_much_is_missing() -> None:
    text = "a" * 60 + "b" * 60
    cut = shortened(text, 100)
    assert cut.startswith("a" * 50 + "\n")
    assert cut.endswith("\n" + "b" * 50)
    assert "20 of 120 characters left out" in cut
    assert shortened(text, 120) == text
