"""The same request through a gateway that nobody here wrote, and one that it answers out of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.models import scripts, watch
from tests.models.gateway import KEY, behind, gateway
from tests.models.provider import Provider, providing
from tests.models.team import WORKFLOW, Ran, Team, a_folder, models
from tests.models.wires import WIRES, costs

pytestmark = [pytest.mark.service("litellm-proxy"), pytest.mark.slow, pytest.mark.timeout(300)]

UPSTREAM = {wire.name: f"sk-canary-upstream-{wire.name}" for wire in WIRES}
"""The providers' keys: the gateway has them, and nobody else."""

FAULTS = ("429", "500", "garbage")
"""What the providers answer to the gateway, which has to pass on something that is tried again."""


@dataclass(frozen=True, slots=True)
class Done:
    """A request after its end."""

    team: Team
    provider: Provider
    ran: Ran
    connections: str
    url: str


def mocked(name: str, *calls: tuple[str, Any]) -> dict[str, Any]:
    """A model that the gateway answers for itself, always with the same calls, or with a few words."""
    if not calls:
        return behind(name, "openai/gpt-5.1", mock_response="I would do this and that.")
    told = [
        {"id": f"c{place}", "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
        for place, (tool, given) in enumerate(calls)
    ]
    return behind(name, "openai/gpt-5.1", mock_response="", mock_tool_calls=told)


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    """The request of the three roles, whose agents know the gateway and nothing else, and have no litellm."""
    turns = {
        wire: [replace(turn, faults=FAULTS if place == 1 else ()) for place, turn in enumerate(of)]
        for wire, of in scripts.PLAIN.items()
    }
    with a_folder() as folder, providing(turns) as provider:
        team = Team(folder)
        watch.install(team.site, folder / "connections")
        watch.block(team.site)
        at = {role: model.partition("/")[0] for role, model in scripts.MODELS.items()}
        upstream = [
            behind(role, model, api_base=provider.url, api_key=UPSTREAM[at[role]])
            for role, model in scripts.MODELS.items()
        ]
        with gateway(folder / "gateway", upstream) as url:
            names = {role: f"gateway/{role}" for role in scripts.MODELS}
            told = {"LLM_BASE_URL": url, "LLM_API_KEY": KEY}
            ran = team.beth("home", "run", scripts.WHAT, *WORKFLOW, *models(names), "--json", variables=told)
        assert ran.code == 0, ran.stdout + ran.stderr
        yield Done(team, provider, ran, (folder / "connections").read_text(), url)


def test_the_branch_is_what_it_is_without_a_gateway(done: Done) -> None:
    branch = done.ran.json["branch"]
    files = done.team.git("home", "ls-tree", "-r", "--name-only", branch).split()
    assert files == ["docs/prd.md", "greet.py", "greeting.txt", "report.md"]
    assert done.team.git("home", "show", f"{branch}:greeting.txt") == "Hello, World!\n"


def test_the_cost_is_what_the_gateway_states(done: Done, prices: Any) -> None:
    by_role = {task["agent"]: task["usage"] for task in done.ran.json["tasks"]}
    for role, model in scripts.MODELS.items():
        (wire,) = [wire for wire in WIRES if model == f"{wire.name}/{wire.model}"]
        turns = scripts.PLAIN[wire.name]
        assert by_role[role]["llm_calls"] == len(turns)
        assert by_role[role]["input_tokens"] == sum(turn.tokens.input_in_all for turn in turns)
        assert by_role[role]["cost_usd"] == pytest.approx(sum(costs(prices, wire, turn.tokens) for turn in turns))


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_fails_behind_the_gateway_is_tried_again(done: Done, wire: Any) -> None:
    seen = done.provider.of(wire.name)
    assert [one.fault for one in seen if one.fault] == list(FAULTS)
    assert {one.turn for one in seen if one.fault is None} == set(range(len(scripts.PLAIN[wire.name])))


def test_agents_talk_to_the_gateway_alone_and_know_no_other_key(done: Done) -> None:
    address = done.url.removeprefix("http://").removesuffix("/v1")
    assert set(done.connections.split()) <= {address, address.partition(":")[0]}
    assert not any(KEY in str(one.headers) + str(one.body) for one in done.provider.seen)
    left = list(done.team.left("home"))
    for key in (KEY, *UPSTREAM.values()):
        assert key not in done.ran.stdout + done.ran.stderr
        assert [where for where, content in left if key.encode() in content] == []


def test_mock_responses_drive_tools_to_a_result_and_a_model_that_only_talks_ends_as_documented() -> None:
    finish = ("finish", {"result": {"summary": "as the gateway says"}})
    with a_folder() as folder:
        team = Team(folder)
        with gateway(folder / "gateway", [mocked("calls", finish), mocked("talks")]) as url:
            names = {"product-manager": "gateway/calls", "developer": "gateway/talks", "tester": "gateway/calls"}
            told = {"LLM_BASE_URL": url, "LLM_API_KEY": KEY}
            ran = team.beth("home", "run", scripts.WHAT, *WORKFLOW, *models(names), "--json", variables=told)
    assert ran.code == 1
    first, second, third = ran.json["tasks"]
    assert (first["status"], first["result"]) == ("complete", {"summary": "as the gateway says"})
    assert first["usage"]["llm_calls"] == 1
    assert first["usage"]["cost_usd"] > 0
    assert (second["status"], second["error"]["code"]) == ("failed", "stuck")
    assert "called no tool" in second["error"]["message"]
    assert second["usage"]["cost_usd"] > 0
    assert third["status"] == "waiting"
