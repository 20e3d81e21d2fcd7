from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from beth_agent_beth.mcp.tools import TOOLS

EXPECTED: dict[str, tuple[set[str], set[str], set[str], str]] = {
    "submit_request": (
        {"description"},
        {"criteria", "workflow", "repo", "branch", "approve_plan", "max_cost_usd"},
        {"request_id", "starts_from", "next"},
        "writes, open world",
    ),
    "watch_request": (
        {"request_id"},
        {"seconds", "after_version"},
        {"request_id", "status", "description", "version", "next", "changed"},
        "reads",
    ),
    "request_status": ({"request_id"}, set(), {"request_id", "status", "description", "version", "next"}, "reads"),
    "list_requests": (set(), {"only_open", "limit"}, {"requests"}, "reads"),
    "answer_question": ({"id", "text"}, set(), {"id", "counted", "next"}, "writes, idempotent"),
    "cancel_request": ({"id"}, {"reason"}, {"id", "next"}, "writes, destructive"),
    "tell_task": ({"task_id", "text"}, set(), {"task_id", "next"}, "writes"),
    "show_work": (
        {"request_id"},
        set(),
        {"request_id", "repository", "branch", "commit", "base", "take", "next"},
        "reads",
    ),
}
"""Name: what it needs, what it takes besides, what it always returns, what it does. Chats were set up for these."""


def hints(one: Any) -> str:
    told = ["reads" if one.read_only_hint else "writes"]
    told += ["destructive"] if one.destructive_hint else []
    told += ["idempotent"] if one.idempotent_hint and not one.read_only_hint else []
    told += ["open world"] if one.open_world_hint else []
    return ", ".join(told)


def test_the_tools_are_these() -> None:
    found = {}
    for one in TOOLS:
        listed = one.listed()
        assert listed.output_schema is not None
        takes, returns = listed.input_schema, listed.output_schema
        needed = set(takes.get("required", ()))
        further = set(takes["properties"]) - needed
        found[one.name] = (needed, further, set(returns["required"]), hints(listed.annotations))
    assert found == EXPECTED


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_a_tool_is_described_with_sound_schemas(tool: Any) -> None:
    listed = tool.listed()
    for schema in (listed.input_schema, listed.output_schema):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
    assert listed.input_schema["additionalProperties"] is False, "a mistyped limit would be none"
    assert all("description" in one for one in listed.input_schema["properties"].values())
    assert listed.title
    assert len(listed.description) > 40


def test_what_a_model_reads_in_every_turn_is_short() -> None:
    told = [(one.name, one.description, one.listed().input_schema) for one in TOOLS]
    assert len(json.dumps(told)) < 7_000


def test_a_wait_ends_before_clients_give_up() -> None:
    (watch,) = [one for one in TOOLS if one.name == "watch_request"]
    assert watch.listed().input_schema["properties"]["seconds"]["maximum"] <= 55
