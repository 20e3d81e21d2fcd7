"""`ask` and `delegate`: what others are told, and what the model gets of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beth_kit.tools.base import MAX_OUTPUT
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.people import ask, delegate
from beth_sdk.errors import LoopRefused
from beth_sdk.messages import Result

TEST = {"name": "tests", "agent": "tester", "type": "test", "description": "Test it"}


async def test_a_person_is_asked_and_the_answer_comes_back(contexts: Contexts) -> None:
    ctx = contexts.make()
    inner = contexts.inner[-1]
    inner.answers = ["blue"]
    reply = await ask.call(ctx, {"question": "Which colour?", "options": ["blue", "red"]})
    assert reply.text == "blue"
    assert inner.asked == [("Which colour?", ["blue", "red"])]
    assert (await ask.call(ctx, {"question": " "})).error


async def test_what_ends_a_delivery_is_no_step_of_its_own() -> None:
    assert ask.suspends
    assert delegate.suspends


async def test_tasks_are_delegated_and_their_results_come_back_in_order(contexts: Contexts) -> None:
    ctx = contexts.make()
    inner = contexts.inner[-1]
    inner.results = [
        Result.complete({"passed": 3}),
        Result.failed("broken", "It did not work"),
    ]
    more = {"name": "docs", "agent": "writer", "type": "write", "description": "Write", "payload": {"pages": 2}}
    reply = await delegate.call(ctx, {"tasks": [{**TEST, "acceptance_criteria": ["green"]}, more]})
    assert [json.loads(line) for line in reply.text.splitlines()] == [
        {"name": "tests", "status": "complete", "result": {"passed": 3}},
        {"name": "docs", "status": "failed", "error": "It did not work"},
    ]
    first, second = inner.delegated
    assert (first.name, first.agent, first.type, first.payload.acceptance_criteria) == (
        "tests",
        "tester",
        "test",
        ["green"],
    )
    assert second.payload.to_json()["pages"] == 2


async def test_results_are_cut_to_what_a_model_can_take(contexts: Contexts) -> None:
    ctx = contexts.make()
    contexts.inner[-1].results = [Result.complete("x" * 50_000), Result.complete("y" * 50_000)]
    reply = await delegate.call(ctx, {"tasks": [TEST, {**TEST, "name": "more"}]})
    assert len(reply.text) < MAX_OUTPUT + 300
    assert "x" * 1000 in reply.text
    assert "y" * 1000 in reply.text


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "tasks"),
        ([TEST, TEST], "several tasks are named tests"),
        ([{**TEST, "agent": "The Tester"}], "task tests: agent"),
        ([{**TEST, "name": "a b"}], "task a b: name"),
        ([{**TEST, "description": ""}], "description"),
        ([{**TEST, "colour": "red"}], "colour"),
    ],
)
async def test_tasks_that_cannot_be_are_answered(contexts: Contexts, tasks: list[Any], words: str) -> None:
    ctx = contexts.make()
    reply = await delegate.call(ctx, {"tasks": tasks})
    assert reply.error
    assert words in reply.text
    assert contexts.inner[-1].delegated == []


async def test_a_loop_is_answered(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = contexts.make()

    async def refused(_: object) -> list[Result]:
        raise LoopRefused(["a", "b", "a"], "a task would go round")

    monkeypatch.setattr(contexts.inner[-1], "delegate", refused)
    reply = await delegate.call(ctx, {"tasks": [TEST]})
    assert reply.error
    assert "a → b → a" in reply.text
