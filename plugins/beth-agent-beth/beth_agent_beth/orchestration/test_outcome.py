"""Whether a request has ended, and how, or waits for somebody."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.outcome import outcome_of, summary_of, usage_of, waits_for_a_person, word_of

GATE = {"name": "g", "agent": "g", "type": "act", "gate": True}


def ending(story: Facts) -> tuple[str, str] | None:
    found = outcome_of(story.state)
    return None if found is None else (found["status"], found["reason"])


def passed_on(story: Facts) -> None:
    story.add(facts.PASSED_ON, version=story.state.last_steer)


# -- how it ends ------------------------------------------------------------------------------


def test_a_request_is_complete_when_every_task_of_its_plan_is() -> None:
    story = Facts("a", "b: a")
    story.take(result_of(story.publish("r.1")))
    assert ending(story) is None
    task = story.publish("r.2")
    assert ending(story) is None
    story.take(result_of(task))
    assert ending(story) == ("complete", "")


@pytest.mark.parametrize(
    ("status", "reason"),
    [("failed", "a failed: it broke"), ("rejected", "a rejected: it broke"), ("cancelled", "a cancelled")],
)
def test_a_request_fails_with_the_reason_of_the_task_that_did(status: str, reason: str) -> None:
    story = Facts("a", "b: a")
    story.take(result_of(story.publish("r.1"), status))
    assert ending(story) == ("failed", reason)


def test_a_failed_task_does_not_cut_off_those_that_still_run() -> None:
    story = Facts("a", "b")
    failing, other = story.publish("r.1"), story.publish("r.2")
    story.take(result_of(failing, "failed"))
    assert ending(story) is None
    story.take(result_of(other))
    assert ending(story) == ("failed", "a failed: it broke")


def test_a_gate_that_wants_changes_ends_nothing_while_they_can_be_made() -> None:
    story = Facts(GATE)
    story.take(result_of(story.publish("r.1"), verdict={"decision": "changes_requested"}))
    assert ending(story) is None


@pytest.mark.parametrize("after", [(), ("after: g",)])
def test_a_gate_whose_fix_failed_is_the_reason_also_where_others_wait_for_it(after: tuple[str, ...]) -> None:
    story = Facts(GATE, *after)
    story.take(result_of(story.publish("r.1"), verdict={"decision": "changes_requested"}))
    fix = f"r.{2 + len(after)}"
    story.take(result_of(story.publish(fix), "failed"))
    assert ending(story) == ("failed", "g: changes requested; g-fix failed: it broke")


def test_a_verdict_of_a_task_that_is_no_gate_decides_nothing() -> None:
    story = Facts()
    story.take(result_of(story.publish("r.1"), verdict={"decision": "changes_requested"}))
    assert ending(story) == ("complete", "")


def test_a_failed_subtask_is_its_parents_business() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    story.take(result_of(story.publish("r.1.1", name="w0", parent="r.1"), "failed"))
    assert ending(story) is None
    story.take(result_of(story.publish("r.1", 1)))
    assert ending(story) == ("complete", "")


def test_a_cancelled_request_ends_when_nothing_runs_any_more() -> None:
    story = Facts("a", "b: a")
    task = story.publish("r.1")
    story.add(facts.CANCEL, reason="enough")
    assert ending(story) is None
    story.take(result_of(task))
    assert ending(story) == ("cancelled", "enough")


def test_a_cancelled_task_fails_its_request() -> None:
    story = Facts("a", "b: a")
    story.take(asking(story.publish("r.1")))
    story.add(facts.CANCEL, task_id="r.1", reason="enough")
    assert ending(story) == ("failed", "a cancelled: enough")


def test_a_request_with_a_question_or_subtasks_to_come_has_not_ended() -> None:
    story = Facts("a", "b")
    story.take(asking(story.publish("r.1")))
    story.take(delegating(story.publish("r.2"), "one"))
    assert ending(story) is None


def test_of_many_failures_the_reason_tells_a_few_and_counts_the_others() -> None:
    story = Facts(*(f"t{n}" for n in range(25)))
    for number in range(1, 26):
        story.take(result_of(story.publish(f"r.{number}"), "failed"))
    found = outcome_of(story.state)
    assert found is not None
    assert found["reason"].count("it broke") == 10
    assert found["reason"].endswith("; 15 more")


# -- whether it waits -------------------------------------------------------------------------


def test_a_request_whose_only_way_on_is_an_answer_waits() -> None:
    story = Facts("a", "b")
    story.take(asking(story.publish("r.1")))
    assert not waits_for_a_person(story.state), "the other can be published"
    task = story.publish("r.2")
    assert not waits_for_a_person(story.state), "the other runs"
    story.take(result_of(task))
    assert waits_for_a_person(story.state)
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    assert not waits_for_a_person(story.state)


def test_a_paused_request_waits_once_nothing_runs() -> None:
    story = Facts("a", "b: a")
    task = story.publish("r.1")
    story.add(facts.PAUSE)
    assert not waits_for_a_person(story.state), "the pause is still to be passed on"
    passed_on(story)
    assert not waits_for_a_person(story.state), "the task still runs"
    story.take(parked(task))
    assert waits_for_a_person(story.state)
    story.add(facts.RESUME)
    assert not waits_for_a_person(story.state)


def test_a_pause_that_was_not_passed_on_may_still_have_beth_do_something() -> None:
    story = Facts()
    story.add(facts.PAUSE)
    assert not waits_for_a_person(story.state)
    passed_on(story)
    assert waits_for_a_person(story.state)


def test_a_request_whose_only_task_is_paused_waits() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.PAUSE, task_id="r.1")
    passed_on(story)
    story.take(parked(task))
    assert waits_for_a_person(story.state)


def test_resuming_a_task_of_a_paused_request_does_not_make_it_go_on() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.PAUSE)
    story.take(parked(task))
    story.add(facts.RESUME, task_id="r.1")
    passed_on(story)
    assert waits_for_a_person(story.state)


def test_a_request_that_is_not_planned_is_about_to_end_or_has_ended_waits_for_nobody() -> None:
    assert not waits_for_a_person(Facts(plan=False).state)
    story = Facts()
    story.take(result_of(story.publish("r.1")))
    assert not waits_for_a_person(story.state)
    story.add(facts.ENDED, status="complete")
    assert not waits_for_a_person(story.state)


def test_a_requests_status_in_a_word() -> None:
    story = Facts(plan=False)
    assert word_of(story.state) == "received"
    story.plan("a")
    assert word_of(story.state) == "running"
    task = story.publish("r.1")
    story.add(facts.PAUSE)
    assert word_of(story.state) == "paused"
    story.add(facts.RESUME)
    story.take(asking(task))
    assert word_of(story.state) == "waiting"
    story.add(facts.ENDED, status="cancelled")
    assert word_of(story.state) == "cancelled"


# -- what is told of it -----------------------------------------------------------------------


def test_usage_is_added_up_over_tasks_and_what_nobody_reported_is_left_out() -> None:
    story = Facts("a", "b", "c")
    story.take(result_of(story.publish("r.1"), usage={"model": "m", "cost_usd": 0.1, "input_tokens": 5}))
    story.take(result_of(story.publish("r.2"), usage={"model": "m", "cost_usd": 0.2}))
    story.publish("r.3")
    assert usage_of(story.state) == {"cost_usd": 0.3, "input_tokens": 5}


def test_the_summary_has_everything_a_program_asks_for() -> None:
    story = Facts("a", "b: a")
    fields: dict[str, Any] = {
        "result": {"summary": "done"},
        "usage": {"seconds": 1.5},
        "attempt": 2,
        "artifacts": [{"kind": "file", "uri": "file:///x"}],
    }
    story.take(result_of(story.publish("r.1"), **fields))
    story.take(asking(story.publish("r.2"), options=["red", "blue"]))
    summary = summary_of(story.state)
    assert list(summary) == [
        "request_id",
        "status",
        "reason",
        "description",
        "workflow",
        "tasks",
        "questions",
        "usage",
        "budget",
        "withheld",
        "done",
        "not_done",
        "findings",
        "roles",
        "repository",
        "branch",
        "commit",
        "commits",
    ]
    assert (summary["request_id"], summary["status"], summary["usage"]) == ("r", "waiting", {"seconds": 1.5})
    assert (summary["repository"], summary["branch"], summary["commit"], summary["commits"]) == (None, None, None, {})
    assert summary["questions"] == [
        {"task_id": "r.2", "kind": "task", "agent": "b", "text": "Which?", "options": ["red", "blue"]}
    ]
    assert summary["tasks"][0] == {
        "task_id": "r.1",
        "name": "a",
        "agent": "a",
        "type": "act",
        "status": "complete",
        "continuation": 0,
        "attempt": 2,
        "result": {"summary": "done"},
        "verdict": None,
        "error": None,
        "artifacts": [{"kind": "file", "uri": "file:///x"}],
        "usage": {"seconds": 1.5},
    }
    assert summary["tasks"][1]["status"] == "asking"


def test_a_question_without_words_is_still_told() -> None:
    story = Facts()
    story.take(result_of(story.publish("r.1"), "needs_input"))
    assert summary_of(story.state)["questions"] == [
        {"task_id": "r.1", "kind": "task", "agent": "a", "text": "", "options": []}
    ]
