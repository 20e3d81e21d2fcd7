"""Questions of tasks and of Beth herself: they wait through a restart of everything, and of several answers the first
counts, whoever gives it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.state import RequestState
from tests.acceptance.cluster import Cluster, task


@dataclass(frozen=True)
class Kind:
    """A kind of question. `answers`: an answer → how the request ends after it; the first one lets it go on."""

    name: str
    submit: Callable[[Cluster], Awaitable[str]]
    answers: dict[str, str]


async def ask(cluster: Cluster) -> str:
    cluster.open_gate("a")
    return await cluster.submit_tasks(task("one", "actor", "choose"), task("two", "actor", "gates a", "one"))


async def approve(cluster: Cluster) -> str:
    cluster.open_gate("a")
    return await cluster.submit("gates a", approve_plan=True)


async def judge(cluster: Cluster) -> str:
    return await cluster.submit_tasks(
        task("work", "actor", "commit colour.txt blue"),
        task("gate", "friend", "judge changes_requested", "work", gate=True),
        task("after", "actor", "commit more.txt more", "gate"),
        policy=Policy.model_validate({"gate": {"rounds": 0}}),
    )


async def spend(cluster: Cluster) -> str:
    return await cluster.submit("pay 3", budget={"cost_usd": 2.5})


KINDS = [
    Kind("task", ask, {"red": "complete", "blue": "complete"}),
    Kind("plan", approve, {"approve": "complete", "stop": "cancelled"}),
    Kind("gate", judge, {"accept": "complete", "stop": "failed"}),
    Kind("budget", spend, {"10": "complete", "stop": "failed"}),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def questions(cluster: Cluster, request_id: str) -> list[dict[str, Any]]:
    """What the CLI shows."""
    found: list[dict[str, Any]] = json.loads(cluster.beth("status", request_id, "--json").stdout)["questions"]
    return found


def asks(state: RequestState) -> bool:
    return bool(state.questions or state.open_questions)


async def asked(cluster: Cluster, kind: Kind) -> tuple[str, str]:
    """Bring a request to where it asks; returns its id and whom to answer."""
    cluster.up()
    request_id = await kind.submit(cluster)
    await cluster.request(request_id, asks, "a question")
    (question,) = questions(cluster, request_id)
    assert question["kind"] == kind.name
    return request_id, question["task_id"]


async def end(cluster: Cluster, request_id: str) -> RequestState:
    return await cluster.request(request_id, lambda state: state.ended, "the end of the request")


@pytest.mark.parametrize("answered", ["while all is down", "once all is up again"])
async def test_a_question_is_answered_after_a_restart_of_everything(
    cluster: Cluster, kind: Kind, answered: str
) -> None:
    request_id, whom = await asked(cluster, kind)
    cluster.kill()
    if answered == "once all is up again":
        cluster.up()
    assert [one["task_id"] for one in questions(cluster, request_id)] == [whom]
    answer, ending = next(iter(kind.answers.items()))
    said = cluster.beth("answer", whom, answer)
    assert said.returncode == 0, said.stderr
    if answered == "while all is down":
        cluster.up()
    else:
        cluster.restart()
    state = await end(cluster, request_id)
    assert (state.status, state.reason) == (ending, "")
    assert questions(cluster, request_id) == []
    if kind.name == "budget":
        assert cluster.ledger.count("paid") == 3, "what was paid for before the question is not paid for again"


async def test_of_two_answers_at_once_one_counts_and_the_other_is_told_so(cluster: Cluster, kind: Kind) -> None:
    request_id, whom = await asked(cluster, kind)
    both = {answer: cluster.begin("answer", whom, answer) for answer in kind.answers}
    told = {answer: (*process.communicate(timeout=60), process.returncode) for answer, process in both.items()}
    first = [answer for answer, (_, _, status) in told.items() if status == 0]
    assert len(first) == 1, told
    (second,) = set(kind.answers) - set(first)
    output, error, status = told[second]
    assert status == 1, told
    assert "answered before; the first answer counts" in output + error
    state = await end(cluster, request_id)
    assert state.status == kind.answers[first[0]]
    if kind.name == "task":
        result = state.tasks[f"{request_id}.1"].result
        assert result is not None
        assert result.result == {"chosen": first[0]}


async def test_an_answer_that_comes_late_changes_nothing(cluster: Cluster, kind: Kind) -> None:
    request_id, whom = await asked(cluster, kind)
    first, second = kind.answers
    assert cluster.beth("answer", whom, first).returncode == 0
    state = await end(cluster, request_id)
    late = cluster.beth("answer", whom, second)
    assert late.returncode in (1, 2)
    assert late.stderr + late.stdout != ""
    assert (await cluster.state(request_id)).version == state.version


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_what_is_no_answer_is_refused_and_the_question_stays(cluster: Cluster, kind: Kind) -> None:
    request_id, whom = await asked(cluster, kind)
    refused = cluster.beth("answer", whom, "perhaps")
    assert refused.returncode == 2
    assert "'perhaps' is no answer to this question" in refused.stderr
    assert len(questions(cluster, request_id)) == 1


async def test_a_gate_that_is_given_another_round_is_asked_again_and_then_goes_on(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit_tasks(
        task("work", "actor", "commit colour.txt blue"),
        task("gate", "friend", "judge changes_requested changes_requested approved", "work", gate=True),
        policy=Policy.model_validate({"gate": {"rounds": 1, "fix": {"agent": "actor", "type": "act"}}}),
    )
    await cluster.request(request_id, asks, "a question")
    (question,) = questions(cluster, request_id)
    assert cluster.ledger.count("fixed") == 1
    cluster.restart()
    assert cluster.beth("answer", question["task_id"], "another round: make it red").returncode == 0
    state = await end(cluster, request_id)
    assert (state.status, state.reason) == ("complete", "")
    assert cluster.ledger.count("fixed") == 2
    assert "hint:make_it_red" in cluster.ledger
