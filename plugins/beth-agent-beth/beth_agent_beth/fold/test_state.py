"""A request as the fold of its facts."""

from __future__ import annotations

import pytest

from beth_agent_beth.conftest import Facts, asking, delegating, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_sdk.journal.base import Entry, Fact, Version


def ready(story: Facts) -> list[str]:
    return list(story.state.ready)


def can_continue(story: Facts) -> list[str]:
    return [one.id for one in story.state.can_go_on(story.state.to_continue)]


# -- the plan ---------------------------------------------------------------------------------


def test_a_request_that_was_received_is_not_planned_yet() -> None:
    state = Facts(plan=False).state
    assert (state.status, state.workflow, state.tasks, state.ended) == ("received", None, {}, False)
    assert state.received_at == 1001.0


def test_tasks_of_the_plan_are_numbered_and_those_without_needs_are_ready() -> None:
    story = Facts("a", "b", "c: a b")
    assert {one.id: one.name for one in story.state.tasks.values()} == {"r.1": "a", "r.2": "b", "r.3": "c"}
    assert ready(story) == ["r.1", "r.2"]
    assert {one.status for one in story.state.tasks.values()} == {"waiting"}
    assert story.state.id_of("c") == "r.3"


def test_a_published_task_is_outstanding_and_no_longer_ready() -> None:
    story = Facts("a", "b")
    story.publish("r.1")
    assert ready(story) == ["r.2"]
    assert list(story.state.outstanding) == ["r.1"]
    assert story.state.tasks["r.1"].status == "published"


def test_a_task_is_ready_once_all_it_needs_is_complete() -> None:
    story = Facts("a", "b", "c: a b")
    first, second = story.publish("r.1"), story.publish("r.2")
    story.take(result_of(first))
    assert ready(story) == []
    story.take(result_of(second))
    assert ready(story) == ["r.3"]
    assert not story.state.outstanding


@pytest.mark.parametrize("status", ["failed", "rejected", "cancelled"])
def test_a_task_is_not_ready_when_something_it_needs_ended_otherwise(status: str) -> None:
    story = Facts("a", "b: a")
    story.take(result_of(story.publish("r.1"), status))
    assert ready(story) == []
    assert story.state.tasks["r.1"].status == status


def test_a_gate_that_wants_changes_holds_back_what_needs_it() -> None:
    gate = {"name": "g", "agent": "g", "type": "act", "gate": True}
    story = Facts(gate, "after: g")
    story.take(result_of(story.publish("r.1"), verdict={"decision": "changes_requested"}))
    assert ready(story) == ["r.3"]
    assert (story.state.tasks["r.3"].name, story.state.tasks["r.2"].status) == ("g-fix", "waiting")
    assert story.state.tasks["r.1"].refuses


def test_a_gate_that_approves_lets_pass() -> None:
    gate = {"name": "g", "agent": "g", "type": "act", "gate": True}
    story = Facts(gate, "after: g")
    story.take(result_of(story.publish("r.1"), verdict={"decision": "approved"}))
    assert ready(story) == ["r.2"]


def test_the_end_is_taken_in_with_its_reason_and_time() -> None:
    story = Facts()
    version = story.add(facts.ENDED, status="failed", reason="because")
    assert (story.state.status, story.state.reason, story.state.ended_at) == ("failed", "because", 1000.0 + version)


def test_a_fact_of_a_later_version_is_passed_over() -> None:
    story = Facts()
    version = story.add("shelved", something="else")
    assert story.state.version == version
    assert story.state.status == "running"


def test_an_entry_that_was_folded_already_changes_nothing() -> None:
    story = Facts("a", "b", "c: a b")
    again = Entry(story.state.version, Fact(facts.PLANNED, {"workflow": "x", "tasks": []}), 1, 0.0)
    story.state.take_in(again)
    assert story.state.workflow == "test"
    story.take(result_of(story.publish("r.1")))
    story.state.take_in(Entry(Version(1), Fact(facts.TAKEN, {"result": {}}), 1, 0.0))
    assert ready(story) == ["r.2"]


# -- which results count ----------------------------------------------------------------------


def test_the_first_result_of_the_newest_continuation_counts() -> None:
    story = Facts()
    task = story.publish("r.1")
    assert story.state.accepts(result_of(task))
    story.take(result_of(task))
    assert not story.state.accepts(result_of(task, "failed"))


def test_a_result_of_an_older_or_a_newer_continuation_does_not_count() -> None:
    story = Facts()
    old = story.publish("r.1")
    story.take(asking(old))
    new = story.publish("r.1", 1)
    assert not story.state.accepts(result_of(old))
    assert story.state.accepts(result_of(new))
    assert not story.state.accepts(result_of(new.with_(continuation=2)))


def test_a_result_of_a_task_that_was_never_published_or_that_nobody_knows_does_not_count() -> None:
    story = Facts("a", "b: a")
    task = story.publish("r.1")
    assert not story.state.accepts(result_of(task.with_(id="r.2")))
    assert not story.state.accepts(result_of(task.with_(id="r.3")))


def test_a_result_with_another_requests_id_does_not_count() -> None:
    story = Facts()
    task = story.publish("r.1")
    assert not story.state.accepts(result_of(task, request_id="other"))
    assert story.state.accepts(result_of(task, request_id=None))


# -- questions --------------------------------------------------------------------------------


def test_a_question_waits_for_its_answer() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    assert [one.id for one in story.state.questions] == ["r.1"]
    assert can_continue(story) == []
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    assert story.state.questions == []
    assert can_continue(story) == ["r.1"]


def test_of_several_answers_the_first_counts() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    story.add(facts.ANSWERED, key="r.1:0", text="blue")
    assert story.state.answers == {"r.1:0": "red"}


def test_an_answer_that_is_there_before_its_question_counts() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    story.take(asking(task))
    assert can_continue(story) == ["r.1"]


def test_an_answer_to_an_earlier_question_does_not_answer_the_next() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    story.take(asking(story.publish("r.1", 1)))
    assert [one.id for one in story.state.questions] == ["r.1"]
    assert can_continue(story) == []


def test_a_continued_task_is_outstanding_again() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    story.publish("r.1", 1)
    assert list(story.state.outstanding) == ["r.1"]
    assert not story.state.to_continue


# -- subtasks ---------------------------------------------------------------------------------


def test_a_delegating_task_goes_on_when_all_its_subtasks_have_ended_however() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one", "two"))
    parent = story.state.tasks["r.1"]
    assert parent.status == "delegating"
    assert [(task_id, wanted.name) for task_id, wanted in story.state.next_children(parent)] == [
        ("r.1.1", "w0"),
        ("r.1.2", "w1"),
    ]
    first = story.publish("r.1.1", name="w0", parent="r.1")
    assert list(story.state.to_delegate) == ["r.1"]
    assert [task_id for task_id, _ in story.state.next_children(parent)] == ["r.1.2"]
    story.take(result_of(first, "failed"))
    assert can_continue(story) == [], "the second was not even published"
    second = story.publish("r.1.2", name="w1", parent="r.1")
    assert not story.state.to_delegate
    story.take(result_of(second))
    assert can_continue(story) == ["r.1"]
    assert [one.id for one in story.state.children_of_this_round(parent)] == ["r.1.1", "r.1.2"]


def test_each_round_of_delegation_has_children_of_its_own() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one", "two"))
    for number in (1, 2):
        story.take(result_of(story.publish(f"r.1.{number}", name=f"w{number}", parent="r.1")))
    story.take(delegating(story.publish("r.1", 1), "three"))
    parent = story.state.tasks["r.1"]
    assert [task_id for task_id, _ in story.state.next_children(parent)] == ["r.1.3"]
    assert can_continue(story) == []
    story.take(result_of(story.publish("r.1.3", name="w0", parent="r.1")))
    assert can_continue(story) == ["r.1"]
    assert [one.id for one in story.state.children_of_this_round(parent)] == ["r.1.3"]
    assert parent.children == ["r.1.1", "r.1.2", "r.1.3"]


def test_a_task_that_delegates_nothing_goes_on_at_once() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1")))
    assert not story.state.to_delegate
    assert can_continue(story) == ["r.1"]


def test_a_subtask_may_delegate_further() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    child = story.publish("r.1.1", name="w0", parent="r.1")
    story.take(delegating(child, "two"))
    grandchild = story.publish("r.1.1.1", name="w0", parent="r.1.1")
    assert can_continue(story) == []
    story.take(result_of(grandchild))
    assert can_continue(story) == ["r.1.1"]
    story.take(result_of(story.publish("r.1.1", 1)))
    assert can_continue(story) == ["r.1"]


# -- redrive ----------------------------------------------------------------------------------


def test_redriving_a_task_reopens_its_request() -> None:
    story = Facts("a", "b: a")
    task = story.publish("r.1")
    story.take(result_of(task, "failed"))
    story.add(facts.ENDED, status="failed", reason="a failed")
    again = story.redrive(task)
    assert (story.state.ended, story.state.status, story.state.reason) == (False, "running", "")
    assert list(story.state.outstanding) == ["r.1"]
    story.take(result_of(again))
    assert ready(story) == ["r.2"]


def test_what_stopped_a_task_before_does_not_stop_it_after_a_redrive() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.CANCEL, task_id="r.1")
    story.add(facts.PAUSE, task_id="r.1")
    story.take(result_of(task, "failed"))
    story.redrive(task)
    assert story.state.cancelled == {}
    assert not story.state.tasks["r.1"].paused


def test_a_redriven_subtask_is_waited_for_again() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    task = story.publish("r.1.1", name="w0", parent="r.1")
    story.take(result_of(task, "failed"))
    assert can_continue(story) == ["r.1"]
    again = story.redrive(task)
    assert can_continue(story) == []
    story.take(result_of(again))
    assert can_continue(story) == ["r.1"]


def test_a_redriven_subtask_of_a_task_that_is_over_does_not_continue_it() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    task = story.publish("r.1.1", name="w0", parent="r.1")
    story.take(result_of(task, "failed"))
    story.take(result_of(story.publish("r.1", 1), "failed"))
    story.add(facts.ENDED, status="failed", reason="a failed")
    story.take(result_of(story.redrive(task)))
    assert not story.state.to_continue


def test_a_redriven_subtask_of_a_task_that_asks_leaves_its_answer_alone() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    task = story.publish("r.1.1", name="w0", parent="r.1")
    story.take(result_of(task, "failed"))
    story.take(asking(story.publish("r.1", 1)))
    story.add(facts.ANSWERED, key="r.1:1", text="red")
    story.redrive(task)
    assert can_continue(story) == ["r.1"]


def test_an_empty_state_has_nothing() -> None:
    state = RequestState("r")
    assert (state.version, state.ended, state.questions, dict(state.request)) == (0, False, [], {})
