"""What people want of a request, as its facts add up."""

from __future__ import annotations

import pytest

from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.fold import facts


def ready(story: Facts) -> list[str]:
    return list(story.state.ready)


def can_continue(story: Facts) -> list[str]:
    return [one.id for one in story.state.can_go_on(story.state.to_continue)]


# -- pause and resume -------------------------------------------------------------------------


def test_nothing_of_a_paused_request_can_go_on_until_it_is_resumed() -> None:
    story = Facts("a", "b")
    story.add(facts.PAUSE)
    assert story.state.paused
    assert list(story.state.can_go_on(story.state.ready)) == []
    story.add(facts.RESUME)
    assert [one.id for one in story.state.can_go_on(story.state.ready)] == ["r.1", "r.2"]


def test_a_parked_task_is_no_question_and_goes_on_when_it_is_resumed() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.PAUSE)
    story.take(parked(task))
    assert story.state.tasks["r.1"].parked
    assert story.state.questions == []
    assert not story.state.to_continue
    story.add(facts.RESUME)
    assert can_continue(story) == ["r.1"]


def test_a_task_that_parks_after_the_resume_goes_on_at_once() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.PAUSE)
    story.add(facts.RESUME)
    story.take(parked(task))
    assert can_continue(story) == ["r.1"]


def test_pausing_one_task_leaves_the_others_alone() -> None:
    story = Facts("a", "b")
    story.add(facts.PAUSE, task_id="r.1")
    assert not story.state.paused
    assert [one.id for one in story.state.can_go_on(story.state.ready)] == ["r.2"]
    story.add(facts.RESUME, task_id="r.1")
    assert [one.id for one in story.state.can_go_on(story.state.ready)] == ["r.1", "r.2"]


def test_an_answered_task_that_is_paused_goes_on_only_when_it_is_resumed() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1")))
    story.add(facts.PAUSE, task_id="r.1")
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    assert can_continue(story) == []
    story.add(facts.RESUME, task_id="r.1")
    assert can_continue(story) == ["r.1"]


def test_pausing_and_resuming_a_task_concerns_its_subtasks() -> None:
    story = Facts("a", "b")
    story.take(delegating(story.publish("r.1"), "one", "two"))
    story.publish("r.1.1", name="w0", parent="r.1")
    story.add(facts.PAUSE, task_id="r.1")
    assert {one.id for one in story.state.tasks.values() if one.paused} == {"r.1", "r.1.1"}
    assert list(story.state.can_go_on(story.state.to_delegate)) == []
    story.add(facts.RESUME, task_id="r.1")
    assert not any(one.paused for one in story.state.tasks.values())


def test_each_cancel_pause_and_resume_is_to_be_passed_on() -> None:
    story = Facts()
    steer = story.add(facts.PAUSE)
    assert story.state.last_steer == steer > story.state.passed_on
    story.add(facts.PASSED_ON, version=steer)
    assert story.state.passed_on == steer


# -- cancel -----------------------------------------------------------------------------------


def test_cancelling_a_request_ends_what_nobody_runs() -> None:
    story = Facts("a", "b", "c", "d: c")
    story.publish("r.1")
    story.take(asking(story.publish("r.2")))
    story.add(facts.CANCEL, reason="enough")
    status = {one.id: one.status for one in story.state.tasks.values()}
    assert status == {"r.1": "published", "r.2": "cancelled", "r.3": "cancelled", "r.4": "cancelled"}
    assert story.state.cancel_reason == "enough"
    assert not story.state.ready
    assert list(story.state.outstanding) == ["r.1"]


def test_a_task_that_asked_and_was_cancelled_has_a_result_that_says_so() -> None:
    story = Facts()
    story.take(asking(story.publish("r.1"), usage={"cost_usd": 1.0}))
    story.add(facts.CANCEL, task_id="r.1", reason="enough")
    result = story.state.tasks["r.1"].result
    assert result is not None
    assert result.error is not None
    assert (result.status, result.error.message, result.question) == ("cancelled", "enough", None)
    assert story.state.questions == []


def test_cancelling_a_waiting_task_keeps_it_from_ever_being_ready() -> None:
    story = Facts("a", "b: a")
    story.add(facts.CANCEL, task_id="r.2")
    story.take(result_of(story.publish("r.1")))
    assert ready(story) == []
    assert story.state.tasks["r.2"].status == "cancelled"


def test_cancelling_a_ready_task_takes_it_back() -> None:
    story = Facts("a", "b")
    story.add(facts.CANCEL, task_id="r.1")
    assert ready(story) == ["r.2"]


def test_cancelling_a_published_task_waits_for_its_result() -> None:
    story = Facts("a", "b")
    task = story.publish("r.1")
    story.add(facts.CANCEL, task_id="r.1", reason="enough")
    assert story.state.cancelled == {"r.1": "enough"}
    assert story.state.tasks["r.1"].status == "published"
    story.take(result_of(task, "cancelled"))
    assert story.state.cancelled == {}
    assert story.state.cancel_reason is None


@pytest.mark.parametrize("task_id", [None, "r.1"])
def test_a_task_that_asks_after_it_was_cancelled_is_over(task_id: str | None) -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.CANCEL, reason="enough", **({"task_id": task_id} if task_id else {}))
    story.take(asking(task))
    assert story.state.tasks["r.1"].status == "cancelled"
    assert story.state.questions == []


def test_a_task_that_delegates_after_it_was_cancelled_is_over() -> None:
    story = Facts()
    task = story.publish("r.1")
    story.add(facts.CANCEL, task_id="r.1")
    story.take(delegating(task, "one"))
    assert story.state.tasks["r.1"].status == "cancelled"
    assert not story.state.to_delegate


def test_cancelling_a_delegating_task_cancels_its_subtasks() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one", "two"))
    first = story.publish("r.1.1", name="w0", parent="r.1")
    story.take(asking(story.publish("r.1.2", name="w1", parent="r.1")))
    story.add(facts.CANCEL, task_id="r.1", reason="enough")
    status = {one.id: one.status for one in story.state.tasks.values()}
    assert status == {"r.1": "cancelled", "r.1.1": "published", "r.1.2": "cancelled"}
    assert story.state.cancelled == {"r.1.1": "enough"}
    story.take(result_of(first, "cancelled"))
    assert not story.state.to_continue, "its parent is over"


def test_a_cancelled_subtask_lets_its_parent_go_on() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    story.take(asking(story.publish("r.1.1", name="w0", parent="r.1")))
    story.add(facts.CANCEL, task_id="r.1.1")
    assert can_continue(story) == ["r.1"]
    child = story.state.children_of_this_round(story.state.tasks["r.1"])[0]
    assert child.result is not None
    assert child.result.status == "cancelled"


def test_a_request_that_is_cancelled_before_it_is_planned_publishes_nothing() -> None:
    story = Facts(plan=False)
    story.add(facts.CANCEL, reason="enough")
    story.plan("a", "b: a")
    assert ready(story) == []
    assert {one.status for one in story.state.tasks.values()} == {"cancelled"}
