"""What each agent is told."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration import compose
from beth_sdk.errors import LoopRefused, MessageTooLarge
from beth_sdk.messages import Task

NOW = 1_769_767_200.0


def extra(task: Task) -> dict[str, Any]:
    return task.payload.to_json()


def test_a_task_of_the_plan_says_what_the_request_asks_for() -> None:
    story = Facts()
    task = compose.first(story.state, story.state.tasks["r.1"], NOW)
    assert task.to_json() == {
        "id": "r.1",
        "type": "act",
        "agent": "a",
        "payload": {
            "description": "Build it",
            "acceptance_criteria": ["it works"],
            "context": {"epic_id": "r"},
        },
        "reply_to": "results.beth",
        "timestamp": "2026-01-30T10:00:00.000Z",
        "schema_version": "1.0",
        "request_id": "r",
        "priority": 2,
    }


def test_a_planned_task_may_have_a_description_of_its_own() -> None:
    story = Facts({"name": "a", "agent": "a", "type": "act", "description": "Only this"})
    assert compose.first(story.state, story.state.tasks["r.1"], NOW).payload.description == "Only this"


def test_a_task_is_told_what_those_it_needs_brought() -> None:
    story = Facts("a", "b: a")
    artifact = {"kind": "file", "uri": "file:///tmp/x"}
    story.take(result_of(story.publish("r.1"), result={"found": 1}, artifacts=[artifact]))
    task = compose.first(story.state, story.state.tasks["r.2"], NOW)
    assert task.payload.deps == ["r.1"]
    assert extra(task)["upstream"] == [
        {"task_id": "r.1", "name": "a", "agent": "a", "type": "act", "artifacts": [artifact], "result": {"found": 1}}
    ]
    assert [one.to_json() for one in task.inputs] == [artifact]


def test_a_result_that_is_too_long_is_told_by_its_artifacts() -> None:
    story = Facts("a", "b", "c: a b")
    artifact = {"kind": "file", "uri": "file:///tmp/x"}
    story.take(result_of(story.publish("r.1"), result="x" * 100_000, artifacts=[artifact]))
    story.take(result_of(story.publish("r.2"), result="short"))
    task = compose.first(story.state, story.state.tasks["r.3"], NOW)
    long, short = extra(task)["upstream"]
    assert "result" not in long
    assert long["result_left_out"] == "100,002 bytes; see the artifacts"
    assert long["artifacts"] == [artifact]
    assert short["result"] == "short"


def test_what_is_told_of_earlier_tasks_stays_under_its_limit_however_many_there_are() -> None:
    names = [f"t{n}" for n in range(1500)]
    story = Facts(*names)
    for number in range(1, len(names) + 1):
        story.take(result_of(story.publish(f"r.{number}"), result="y" * 200))
    told = compose.upstream(list(story.state.tasks.values()))
    assert 0 < len(told) < len(names)
    assert sum(len(str(one)) for one in told) <= compose.UPSTREAM_BYTES


def test_a_subtask_belongs_to_its_request_and_its_parent() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "Look it up"))
    parent = story.state.tasks["r.1"]
    ((task_id, wanted),) = story.state.next_children(parent)
    task = compose.child(story.state, parent, task_id, wanted, now=NOW)
    assert (task.id, task.agent, task.payload.description) == ("r.1.1", "helper", "Look it up")
    assert task.payload.context is not None
    assert task.payload.context.to_json() == {"epic_id": "r", "parent_task": "r.1"}
    assert task.ancestors == ["r.1"]


def test_a_subtask_keeps_what_its_parent_says_of_it() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "Look it up"))
    parent = story.state.tasks["r.1"]
    ((task_id, wanted),) = story.state.next_children(parent)
    wanted = wanted.with_(
        priority=0,
        payload={
            "description": "x",
            "acceptance_criteria": ["y"],
            "depth": 3,
            "context": {"epic_id": "no", "why": "z"},
        },
    )
    task = compose.child(story.state, parent, task_id, wanted, now=NOW)
    assert task.priority == 0
    assert extra(task)["depth"] == 3
    assert extra(task)["context"] == {"epic_id": "r", "parent_task": "r.1", "why": "z"}
    assert task.payload.acceptance_criteria == ["y"]


def test_a_subtask_that_is_what_an_ancestor_does_is_refused_with_the_chain() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "Ask around"))
    child = story.publish("r.1.1", name="w0", parent="r.1").with_(payload={"description": "Ask around"})
    story.state.tasks["r.1.1"].task = child
    story.take(delegating(child, "Ask around"))
    parent = story.state.tasks["r.1.1"]
    ((task_id, wanted),) = story.state.next_children(parent)
    with pytest.raises(LoopRefused) as refused:
        compose.child(story.state, parent, task_id, wanted, now=NOW)
    assert refused.value.chain == ("r.1.1 (helper)", "r.1.1.1 (helper)")


def test_a_task_goes_on_with_its_answer() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    task = compose.continued(story.state, story.state.tasks["r.1"], NOW)
    assert task.continuation == 1
    assert task.answer is not None
    assert task.answer.to_json() == {"question": "ask:0", "text": "red"}
    assert task.payload.description == "Build it"


def test_a_task_goes_on_with_the_results_of_the_newest_round_of_subtasks() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    story.take(result_of(story.publish("r.1.1", name="w0", parent="r.1"), result="first"))
    story.take(delegating(story.publish("r.1", 1), "two", "three", question_id="delegate:1"))
    story.take(result_of(story.publish("r.1.2", name="w0", parent="r.1"), result="second"))
    story.take(result_of(story.publish("r.1.3", name="w1", parent="r.1"), "failed"))
    task = compose.continued(story.state, story.state.tasks["r.1"], NOW)
    assert task.continuation == 2
    assert task.answer is not None
    assert task.answer.question == "delegate:1"
    assert [(one["task_id"], one["status"]) for one in task.answer.results or []] == [
        ("r.1.2", "complete"),
        ("r.1.3", "failed"),
    ]


def test_a_parked_task_goes_on_with_the_answer_it_may_not_have_read() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.take(parked(task))
    fresh = compose.continued(story.state, story.state.tasks["r.1"], NOW)
    assert fresh.answer is not None
    assert fresh.answer.to_json() == {"question": "pause", "text": "resume"}

    story.state.tasks["r.1"].task = task.with_(answer={"question": "ask:0", "text": "red"})
    answered = compose.continued(story.state, story.state.tasks["r.1"], NOW)
    assert answered.answer is not None
    assert answered.answer.to_json() == {"question": "ask:0", "text": "red"}


def test_a_refusal_says_why() -> None:
    story = Facts()
    task = compose.unpublished(story.state, "r.1", "a", "act", now=NOW, continuation=3)
    result = compose.refused(task, MessageTooLarge(300_000, 262_144))
    assert (result.key, result.status, result.request_id) == ("r.1:3", "rejected", "r")
    assert result.error is not None
    assert result.error.code == "too_large"
    assert "300,000" in result.error.message


def test_the_refusal_of_a_loop_has_its_chain() -> None:
    story = Facts()
    task = compose.unpublished(story.state, "r.1", "a", "act", now=NOW)
    result = compose.refused(task, LoopRefused(("x", "y"), "round and round"))
    assert result.error is not None
    assert result.error.details == {"chain": ["x", "y"]}
