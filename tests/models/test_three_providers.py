"""One request, three roles, three wire formats, through litellm itself, with all that goes wrong on the way."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.models import scripts
from tests.models.conftest import KEYS, Done
from tests.models.provider import RETRY_AFTER
from tests.models.wires import WIRES, Wire, costs, signature

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
ROLE = {model.partition("/")[0]: role for role, model in scripts.MODELS.items()}
"""Who asks a provider."""


def test_the_branch_holds_what_all_three_made(done: Done) -> None:
    assert (done.told["status"], done.told["reason"]) == ("complete", "")
    branch = done.told["branch"]
    files = done.team.git("home", "ls-tree", "-r", "--name-only", branch).split()
    assert files == ["docs/prd.md", "greet.py", "greeting.txt", "report.md"]
    assert done.team.git("home", "show", f"{branch}:greet.py") == scripts.PROGRAM
    assert done.team.git("home", "show", f"{branch}:greeting.txt") == "Hello, World!\n", "the program was run"
    assert done.told["commits"] == dict.fromkeys(scripts.MODELS, 1)


def test_each_result_is_what_its_model_finished_with(done: Done) -> None:
    assert [task["result"]["summary"] for task in done.told["tasks"]] == ["greet.py NAME", "it greets", "it greets"]
    assert done.task("tester")["verdict"] == {"decision": "approved"}
    assert [task["attempt"] for task in done.told["tasks"]] == [1, 1, 1], "what failed was a try of a call, not a task"


@every_wire
def test_every_fault_came_and_every_turn_was_answered_in_the_end(done: Done, wire: Wire) -> None:
    seen = done.provider.of(wire.name)
    by_turn = {number: [one.fault for one in of] for number, of in itertools.groupby(seen, lambda one: one.turn)}
    turns = scripts.with_faults(scripts.PLAIN)[wire.name]
    assert {number: [one for one in of if one] for number, of in by_turn.items()} == {
        number: list(turn.faults) for number, turn in enumerate(turns)
    }
    assert all(of[-1] is None for of in by_turn.values())
    assert {one.fault for one in seen} - {None} == set(scripts.FAULTS)
    assert done.provider.unknown == []


@every_wire
def test_after_a_429_nobody_asks_before_the_time_it_says(done: Done, wire: Wire) -> None:
    seen = done.provider.of(wire.name)
    (place,) = [place for place, one in enumerate(seen) if one.fault == "429"]
    assert seen[place + 1].at - seen[place].at >= RETRY_AFTER


@every_wire
def test_the_tokens_and_the_cost_of_a_task_are_those_of_its_answers_alone(done: Done, wire: Wire, prices: Any) -> None:
    usage = done.task(ROLE[wire.name])["usage"]
    turns = scripts.PLAIN[wire.name]
    assert usage["llm_calls"] == len(turns)
    assert usage["tool_calls"] == sum(len(turn.calls) for turn in turns)
    assert usage["input_tokens"] == sum(turn.tokens.input_in_all for turn in turns)
    assert usage["output_tokens"] == sum(turn.tokens.output_in_all for turn in turns)
    assert usage["cost_usd"] == pytest.approx(sum(costs(prices, wire, turn.tokens) for turn in turns), abs=1e-9)


def test_the_request_costs_what_its_tasks_cost(done: Done, prices: Any) -> None:
    cost = sum(costs(prices, wire, turn.tokens) for wire in WIRES for turn in scripts.PLAIN[wire.name])
    assert done.told["usage"]["cost_usd"] == pytest.approx(cost, abs=1e-6)
    assert done.told["usage"]["llm_calls"] == sum(map(len, scripts.PLAIN.values()))


@every_wire
def test_what_the_tools_said_went_back_in_the_provider_s_own_format(done: Done, wire: Wire) -> None:
    said = {"openai": ("looked",), "anthropic": ("Greeting", "Hello, World!"), "gemini": ("Hello, Beth!", "Greet")}
    results = wire.tool_results(done.provider.of(wire.name)[-1].body)
    before_the_last = scripts.PLAIN[wire.name][:-1]
    assert len(results) == sum(len(turn.calls) for turn in before_the_last)
    for words in said[wire.name]:
        assert any(words in result for result in results.values())


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
def test_what_a_provider_signed_goes_back_to_it_unchanged(done: Done, name: str) -> None:
    last = done.provider.of(name)[-1]
    assert [str(last.body).count(signature(number)) > 0 for number in range(last.turn)] == [True] * last.turn


@every_wire
def test_each_provider_gets_its_own_key_in_its_own_header_and_no_other(done: Done, wire: Wire) -> None:
    own = KEYS[f"{wire.name.upper()}_API_KEY"]
    others = [key for key in KEYS.values() if key != own]
    for one in done.provider.of(wire.name):
        assert one.headers[wire.key_header].removeprefix("Bearer ") == own
        assert [name for name, value in one.headers.items() if own in value] == [wire.key_header]
        everything = f"{one.path} {dict(one.headers)} {one.body}"
        assert not any(key in everything for key in others)
        assert own not in f"{one.path} {one.body}", "a tool can see it"


def test_nobody_but_the_providers_is_connected_to_or_looked_up(done: Done) -> None:
    host, _, port = done.provider.url.removeprefix("http://").partition(":")
    assert set(done.connections.read_text().split()) <= {host, f"{host}:{port}"}
    assert f"{host}:{port}" in done.connections.read_text().split()


def test_no_key_is_in_anything_that_is_left_or_was_printed(done: Done) -> None:
    request = done.told["request_id"]
    printed = [done.ran.stdout, done.ran.stderr]
    for command in (
        ["status", request, "--json"],
        ["show", request, "--json"],
        *(["log", task["task_id"], "--json"] for task in done.told["tasks"]),
    ):
        ran = done.team.beth("home", *command, variables=KEYS)
        assert ran.code == 0, ran.stderr
        printed += [ran.stdout, ran.stderr]
    left = [*done.team.left("home"), *((str(one), one.read_bytes()) for one in done.recording.rglob("*.json"))]
    assert len(left) > 100
    assert any(b"Hello, World!" in content for _, content in left), "this would find what is there"
    for key in KEYS.values():
        assert not any(key in text for text in printed)
        assert [where for where, content in left if key.encode() in content] == []


def test_a_recording_can_be_read_by_everybody_it_is_given_to(done: Done) -> None:
    """It holds what was said, and nothing of whom it was said to."""
    text = "".join(one.read_text() for one in Path(done.recording).glob("*.json"))
    assert done.provider.url not in text
