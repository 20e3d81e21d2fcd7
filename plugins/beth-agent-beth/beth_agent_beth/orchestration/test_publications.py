"""Which tasks can be published now."""

from __future__ import annotations

from beth_agent_beth.conftest import Facts, asking, delegating, parked, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.publications import Publication, publications


def made(story: Facts, limit: int = 100) -> list[Publication]:
    return publications(story.state, 0.0, limit)


def keys(story: Facts, limit: int = 100) -> list[str]:
    return [one.task.key for one in made(story, limit)]


def test_tasks_that_need_nothing_are_published_together() -> None:
    assert keys(Facts("a", "b", "c: a")) == ["r.1:0", "r.2:0"]


def test_no_more_are_made_than_are_asked_for() -> None:
    assert keys(Facts("a", "b", "c"), limit=2) == ["r.1:0", "r.2:0"]


def test_paused_tasks_do_not_stand_in_the_way_of_others() -> None:
    story = Facts("a", "b", "c")
    story.add(facts.PAUSE, task_id="r.1")
    story.add(facts.PAUSE, task_id="r.2")
    assert keys(story, limit=1) == ["r.3:0"]


def test_tasks_that_go_on_come_before_those_that_begin() -> None:
    story = Facts("a", "b", "c")
    story.take(asking(story.publish("r.1")))
    story.take(delegating(story.publish("r.2"), "one"))
    story.add(facts.ANSWERED, key="r.1:0", text="red")
    assert keys(story) == ["r.1:1", "r.2.1:0", "r.3:0"]


def test_subtasks_count_towards_the_limit() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), *(str(n) for n in range(5))))
    assert keys(story, limit=3) == ["r.1.1:0", "r.1.2:0", "r.1.3:0"]


def test_a_subtask_is_journaled_with_its_name_and_parent() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one"))
    (fact,) = made(story)[0].facts()
    assert (fact.kind, fact.data["name"], fact.data["parent"]) == (facts.PUBLISHING, "w0", "r.1")


def test_only_a_parked_task_is_to_be_unparked() -> None:
    story = Facts("a", "b")
    story.take(parked(story.publish("r.1")))
    story.take(asking(story.publish("r.2")))
    story.add(facts.RESUME)
    story.add(facts.ANSWERED, key="r.2:0", text="red")
    assert {one.task.key: one.unparked for one in made(story)} == {"r.1:1": True, "r.2:1": False}


def test_a_task_that_is_too_large_is_refused_in_the_same_facts() -> None:
    story = Facts({"name": "a", "agent": "a", "type": "act", "description": "x" * 300_000})
    (one,) = made(story)
    publishing, taken = one.facts()
    assert publishing.data["task"]["payload"] == {"description": "(not published)"}
    assert taken.data["result"]["error"]["code"] == "too_large"


def test_a_request_that_no_task_can_be_made_of_is_refused_instead_of_ending_beth() -> None:
    story = Facts(plan=False)
    story.add(facts.RECEIVED, request={"description": "Build it", "priority": 9})
    story.plan("a")
    (one,) = made(story)
    assert one.refusal is not None
    assert one.refusal.error is not None
    assert "$.priority" in one.refusal.error.message


def test_a_subtask_that_goes_round_in_a_loop_is_refused_and_its_siblings_are_not() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "Build it", "something else", agent="a"))
    looping, other = made(story)
    assert looping.refusal is not None
    assert looping.refusal.error is not None
    assert looping.refusal.error.code == "loop"
    assert other.refusal is None


def test_a_continuation_whose_results_do_not_fit_is_refused() -> None:
    story = Facts()
    story.take(delegating(story.publish("r.1"), "one", "two"))
    for number in (1, 2):
        child = story.publish(f"r.1.{number}", name=f"w{number}", parent="r.1")
        story.take(result_of(child, result="x" * 150_000))
    (one,) = made(story)
    assert one.task.key == "r.1:1"
    assert one.refusal is not None


def test_nothing_of_a_paused_or_cancelled_request_is_published() -> None:
    for steer in (facts.PAUSE, facts.CANCEL):
        story = Facts("a")
        story.add(steer)
        assert made(story) == []
