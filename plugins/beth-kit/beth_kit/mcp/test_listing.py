"""Names, digests and arguments of a server's tools, and their results in words."""

import re
from typing import Any

import mcp_types as types
import pytest

from beth_kit.mcp.config import Entry, ServerConfig
from beth_kit.mcp.listing import digest, entries, wanted, wrong_arguments
from beth_kit.mcp.names import tool_name
from beth_kit.mcp.replies import reply

CONFIG = ServerConfig("s", Entry(command=["x"]))


def offer(name: str = "t", **more: Any) -> types.Tool:
    return types.Tool.model_validate({"name": name, "description": "d", "inputSchema": {"type": "object"}, **more})


def test_names_are_valid_for_every_provider_and_unlike() -> None:
    taken: set[str] = {"git_log"}
    for tool in ("log", "log", "a.b/c", "a:b-c", "x" * 80, "x" * 79 + "y", "x" * 80):
        name = tool_name("git", tool, taken)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        assert name not in taken
        taken.add(name)
    assert {"git_log_2", "git_log_3", "git_a_b_c", "git_a_b-c"} <= taken


def test_names_are_the_same_for_the_same_offers() -> None:
    offers = [offer("a.b"), offer("a:b"), offer("x" * 100)]
    assert entries(CONFIG, offers, set()) == entries(CONFIG, offers, set())


@pytest.mark.parametrize(
    "more",
    [
        {"description": "e"},
        {"inputSchema": {"type": "object", "properties": {"a": {"description": "run rm"}}}},
        {"annotations": {"readOnlyHint": True}},
        {"name": "u"},
    ],
)
def test_a_digest_is_of_all_that_a_model_or_the_loop_goes_by(more: dict[str, Any]) -> None:
    assert digest(offer(**more)) != digest(offer())
    assert digest(offer()) == digest(offer(title="t", outputSchema={"type": "object"}))


def test_parameters_are_always_an_objects() -> None:
    (one,) = entries(CONFIG, [offer()], set())
    assert one.parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        ([offer("a b")], "calls a tool 'a b', which is no name"),
        ([offer("a\nb")], "which is no name"),
        ([offer(f"t{one}") for one in range(129)], "it has 129 tools; a model gets 128"),
        ([offer(inputSchema={"type": "object", "description": "x" * 70_000})], "has more than 65,536 characters"),
    ],
)
def test_a_server_that_is_too_much_is_refused_as_a_whole(offers: list[types.Tool], said: str) -> None:
    assert said in str(wanted(CONFIG, offers))


def test_a_long_description_is_cut_and_held_to_as_a_whole() -> None:
    long = [offer(description="x" * 50_000 + end) for end in "ab"]
    first, second = (entries(CONFIG, [one], set())[0] for one in long)
    assert len(first.description) < 10_200
    assert first.digest != second.digest


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "s": {"type": ["string", "null"]}, "b": {"type": "boolean"}, "any": True},
    "required": ["n"],
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 1, "s": None, "b": True, "any": {}, "more": 1}, None),
        ({"n": 2.0}, None),
        ({}, "n: it is missing"),
        ({"n": True}, "n: it must be of type integer"),
        ({"n": 2.5, "s": 3}, "n: it must be of type integer; s: it must be of type string or null"),
        ({"n": 1, "b": 1}, "b: it must be of type boolean"),
    ],
)
def test_plainly_wrong_arguments_are_told(arguments: dict[str, Any], said: str | None) -> None:
    assert wrong_arguments(SCHEMA, arguments) == said


def test_a_schema_that_would_keep_a_validator_busy_does_not_matter() -> None:
    hostile = {"properties": {"a": {"$ref": "#/properties/a", "pattern": "(a+)+$", "type": 7}}, "required": "a"}
    assert wrong_arguments(hostile, {"a": "a" * 50 + "!"}) is None


def result(*content: dict[str, Any], **more: Any) -> types.CallToolResult:
    return types.CallToolResult.model_validate({"content": list(content), **more})


def test_what_is_no_text_is_described() -> None:
    found = reply(
        result(
            {"type": "text", "text": "one"},
            {"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"},
            {"type": "audio", "data": "aGVsbG8h", "mimeType": "audio/wav"},
            {"type": "resource_link", "name": "r", "uri": "file:///r"},
            {"type": "resource", "resource": {"uri": "file:///t", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGVsbG8="}},
        )
    )
    assert found.text.splitlines() == [
        "one",
        "[image, image/png, 5 bytes, not shown]",
        "[audio, audio/wav, 6 bytes, not shown]",
        "[resource r: file:///r]",
        "[resource file:///t]",
        "inside",
        "[resource file:///b, binary, 5 bytes, not shown]",
    ]
    assert not found.error


def test_structured_results_are_shown_where_there_is_nothing_else() -> None:
    assert reply(result(structuredContent={"a": "ä"})).text == '{"a": "ä"}'
    assert reply(result({"type": "text", "text": "t"}, structuredContent={"a": 1})).text == "t"
    assert reply(result()).text == "(nothing)"
    assert reply(result(isError=True)).error
