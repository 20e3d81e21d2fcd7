"""The AsyncAPI document: its topics are those of the team, its schemas accept and refuse what the packaged ones do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from beth_sdk import dead_letters, publish, schema, trace
from beth_sdk.asyncapi import DEAD_LETTER, MESSAGES, document
from beth_sdk.bus.base import BEGINNING, DEAD_SUFFIX
from beth_sdk.bus.memory import open_bus
from beth_sdk.errors import ContractError
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Task
from beth_sdk.strict_json import walk
from beth_sdk.testing.clock import ManualClock
from beth_sdk.worker import events

EXAMPLES = Path(__file__).parents[1] / "schemas" / "v1" / "examples"


def manifest(role: str, **more: Any) -> Manifest:
    return Manifest.model_validate(
        {"manifest_version": 1, "role": role, "description": f"The {role}", "command": ["./a"], **more}
    )


TEAM = [manifest("tester"), manifest("security-reviewer", aliases=["tasks.security"], topics=["tasks.audit"])]


@pytest.fixture(scope="module")
def team() -> dict[str, Any]:
    return document(TEAM)


def resolved(whole: dict[str, Any], reference: str) -> Any:
    found: Any = whole
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


def test_there_is_a_channel_for_each_topic_of_the_team(team: dict[str, Any]) -> None:
    assert list(team["channels"]) == [
        "control.security-reviewer",
        "control.tester",
        "events",
        "reply",
        "results.beth",
        "tasks.audit",
        "tasks.audit.dead",
        "tasks.security",
        "tasks.security-reviewer",
        "tasks.security-reviewer.dead",
        "tasks.security.dead",
        "tasks.tester",
        "tasks.tester.dead",
    ]


def test_a_channels_address_is_its_topic_but_for_the_reply_which_the_task_names(team: dict[str, Any]) -> None:
    addresses = {name: channel["address"] for name, channel in team["channels"].items()}
    assert addresses.pop("reply") is None
    assert all(name == address for name, address in addresses.items())


def test_every_topic_carries_its_message(team: dict[str, Any]) -> None:
    carried = {name: list(channel["messages"]) for name, channel in team["channels"].items()}
    assert carried["tasks.security"] == ["task"]
    assert carried["tasks.security.dead"] == ["dead_letter"]
    assert carried["results.beth"] == carried["reply"] == ["result"]
    assert (carried["events"], carried["control.tester"]) == (["event"], ["control"])


def test_the_result_of_a_task_goes_to_its_reply_to(team: dict[str, Any]) -> None:
    reply = team["operations"]["take-tasks.security"]["reply"]
    assert reply["address"]["location"] == "$message.payload#/reply_to"
    assert reply["channel"] == {"$ref": "#/channels/reply"}


def test_an_alias_is_said_to_be_one(team: dict[str, Any]) -> None:
    channels = team["channels"]
    assert channels["tasks.security"]["description"] == "Another name of `tasks.security-reviewer`."
    assert channels["tasks.security-reviewer"]["description"] == "The security-reviewer"


def test_a_team_of_nobody_has_the_topics_that_every_team_has() -> None:
    assert list(document([])["channels"]) == ["events", "reply", "results.beth"]


def test_of_two_manifests_of_one_role_the_first_counts() -> None:
    first = manifest("tester", aliases=["tasks.first"])
    assert document([first, manifest("tester", aliases=["tasks.second"])]) == document([first])


def test_the_order_of_the_manifests_does_not_matter() -> None:
    assert json.dumps(document(TEAM)) == json.dumps(document(reversed(TEAM)))


def test_every_reference_leads_somewhere(team: dict[str, Any]) -> None:
    references = [value for where, value in walk(team) if where[-1:] == ("$ref",)]
    assert references
    for reference in references:
        assert resolved(team, reference) is not None


def test_making_the_document_leaves_the_packaged_schemas_as_they_are(team: dict[str, Any]) -> None:
    for name in MESSAGES:
        assert json.loads(schema.schema_bytes(name)) == schema.schema(name)
        assert team["components"]["schemas"][name]["title"] == schema.schema(name)["title"]


@pytest.mark.parametrize("folder", ["valid", "invalid"])
@pytest.mark.parametrize("name", MESSAGES)
def test_the_documents_schemas_accept_and_refuse_what_the_packaged_ones_do(
    team: dict[str, Any], name: str, folder: str
) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": team["components"]}
    of_document = jsonschema.Draft7Validator(whole)
    checked = 0
    for file in sorted((EXAMPLES / folder).glob(f"{name}.*.json")):
        try:
            found = schema.loads(file.read_bytes())
            packaged = not schema.problems(name, found)
        except ContractError:  # no JSON, or another version: nothing that a schema could see
            continue
        # A plain validator in Python sees neither the calendar nor a last newline.
        if "calendar" not in file.name and "newline" not in file.name:
            assert of_document.is_valid(found) == packaged == (folder == "valid"), file.name
            checked += 1
    assert checked >= 3


def test_headers_are_those_that_are_sent(team: dict[str, Any]) -> None:
    headers = {
        name: set(message["headers"]["properties"])
        for name, message in team["components"]["messages"].items()
        if "headers" in message
    }
    assert headers["task"] == {"content-type", trace.HEADER, publish.JOURNAL_HEADER}
    assert headers["result"] == {"content-type", trace.HEADER}


def test_topics_are_those_of_the_code_that_sends() -> None:
    channels = document([manifest("tester")])["channels"]
    assert {publish.queue_of("tester"), publish.control_topic("tester"), events.TOPIC} <= set(channels)
    assert publish.queue_of("tester") + DEAD_SUFFIX in channels


async def test_dead_letters_look_as_described() -> None:
    clock = ManualClock()
    bus = await open_bus("memory://", clock=clock)
    task = Task.model_validate(json.loads((EXAMPLES / "valid" / "task.seed.json").read_bytes()))
    error = {"code": "fatal", "message": "m"}
    await dead_letters.bury(bus, "tasks.tester", b"\xff no task", "not JSON", clock)
    await dead_letters.bury(
        bus, "tasks.tester", schema.encode(task), "3 of 3 failed", clock, task=task, history=[{"a": 1}], error=error
    )
    for letter in await dead_letters.list_dead(bus, "tasks.tester"):
        await dead_letters.drop(bus, letter, clock)
    letters = [json.loads(message.body) for _, message in await bus.read("tasks.tester.dead", BEGINNING)]
    assert [letter["fact"] for letter in letters] == ["dead", "dead", "dropped", "dropped"]
    described = {**DEAD_LETTER, "additionalProperties": False}
    for letter in letters:
        jsonschema.validate(letter, described)
    await bus.close()
