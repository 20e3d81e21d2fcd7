"""The transcript `demo` by itself: it fits the roles that it plays, and can be varied. Played it is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from beth_kit.model.transcript import Transcript, Turn, located, read
from beth_sdk.plugins import find_agent
from beth_team.after import text

ROLES = ("product-manager", "researcher", "ux-designer", "developer", "tester", "security-reviewer")


@pytest.fixture(scope="module")
def demo() -> Transcript:
    return read(located("demo"))


def turns(demo: Transcript, role: str) -> Iterator[tuple[str, Turn]]:
    for task_type, entries in demo.roles[role].items():
        for entry in entries:
            yield from ((task_type, turn) for turn in (getattr(entry, "first_of", None) or [entry]))


def test_it_plays_the_six_roles_of_the_team(demo: Transcript) -> None:
    assert sorted(demo.roles) == sorted(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_every_result_fits_the_schema_of_its_role(demo: Transcript, role: str) -> None:
    manifest = find_agent(role).manifest
    assert manifest is not None
    assert manifest.directory is not None
    finished = 0
    for task_type, turn in turns(demo, role):
        rules = json.loads((manifest.directory / str(manifest.task_types[task_type].output)).read_text())
        for call in turn.calls:
            if call.name == "finish":
                assert isinstance(call.arguments, dict)
                wrong = Draft202012Validator(rules).iter_errors(call.arguments["result"])
                # What is seen only in a run is put in there.
                assert [one.message for one in wrong if "{{seen:" not in str(one.instance)] == []
                finished += 1
    assert finished


def test_nothing_is_charged_or_said_to_be(demo: Transcript) -> None:
    found = [turn for role in ROLES for _, turn in turns(demo, role)]
    assert {(turn.cost_usd, turn.usage.input_tokens, turn.usage.output_tokens) for turn in found} == {(0.0, 0, 0)}


def test_the_defect_and_its_fix_are_marked(demo: Transcript) -> None:
    marks = [(task_type, turn.mark) for task_type, turn in turns(demo, "developer") if turn.mark]
    assert marks == [("implement", "defect"), ("fix", "fix")]


def test_no_verdict_approves_without_looking_at_an_output(demo: Transcript) -> None:
    for role in ("tester", "security-reviewer"):
        for _, turn in turns(demo, role):
            if any(call.name == "finish" for call in turn.calls):
                assert turn.when is not None


# -- what is printed at the end ---------------------------------------------------------------


def request(*decisions: str) -> dict[str, Any]:
    tasks = [{"task_id": f"r.{number}", "verdict": {"decision": one}} for number, one in enumerate(decisions, 1)]
    return {"request_id": "r", "tasks": [{"task_id": "r.0", "verdict": None}, {"task_id": "r.9"}, *tasks]}


def test_the_end_names_the_task_that_found_something() -> None:
    told = text(request("approved", "changes_requested", "changes_requested"))
    assert "beth log r.2 " in told
    assert "a defect that a test found" in told


def test_the_end_claims_no_defect_where_none_was_found() -> None:
    told = text(request("approved"))
    assert "beth log" not in told
    assert "defect" not in told
    assert "beth checkout r signin" in told
