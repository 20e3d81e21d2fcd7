"""What a watcher knows of a request."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth.conftest import Facts, asking, delegating, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.terminal.live import Screen, above, touched_by
from beth_sdk.history import STARTED, STEP_DONE, TaskHistory, stream_of
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.messages import Event


def event(kind: str, message: str | None = None, task_id: str | None = "r.1", **data: Any) -> Event:
    fields = {"id": "e", "kind": kind, "timestamp": "2026-01-30T10:00:00Z", "task_id": task_id, "message": message}
    found = {name: value for name, value in fields.items() if value is not None}
    return Event.model_validate({**found, **({"data": data} if data else {})})


def looked(story: Facts, *events: Event, now: float = 0.0) -> Screen:
    """A screen that has seen these events, and then everything of the request."""
    screen = Screen()
    for one in events:
        screen.see(one, now)
    screen.look(story.state)
    return screen


def entry(kind: str, **data: Any) -> Entry:
    return Entry(Version(1), Fact(kind, data), 1, 0.0)


# -- what the events say ----------------------------------------------------------------------


def test_a_task_runs_once_somebody_has_accepted_it() -> None:
    story = Facts()
    story.publish("r.1")
    screen = looked(story)
    assert screen.word("r.1") == "queued"
    screen.see(event("accepted"), 100.0)
    screen.look(story.state)
    assert screen.word("r.1") == "running"
    assert screen.live["r.1"].started == 100.0


def test_a_step_takes_the_place_of_the_last_ones_progress() -> None:
    screen = Screen()
    for one in (event("accepted"), event("step", "compile"), event("progress", "half of it"), event("step", "link")):
        screen.see(one, 0.0)
    assert (screen.live["r.1"].step, screen.live["r.1"].message) == ("link", "")


def test_a_task_that_was_handed_over_is_queued_again_and_keeps_what_it_cost() -> None:
    story = Facts()
    story.publish("r.1")
    screen = looked(story, event("accepted"), event("model", "x", cost_usd=0.25), event("handed_over"))
    assert screen.word("r.1") == "queued"
    assert screen.cost("r.1") == 0.25


def test_events_of_no_task_and_of_other_kinds_change_nothing() -> None:
    screen = Screen()
    screen.see(event("progress", "x", task_id=None), 0.0)
    screen.see(event("log", "x"), 0.0)
    assert [live.message for live in screen.live.values()] == [""]


def test_what_events_say_cannot_steer_the_terminal() -> None:
    screen = Screen()
    for kind in ("step", "progress"):
        screen.see(event(kind, "\x1b[2J\nforged\r\x07"), 0.0)
    shown = screen.live["r.1"].step + screen.live["r.1"].message
    assert not any(mark in shown for mark in "\x1b\r\n\x07")


# -- money ------------------------------------------------------------------------------------


def test_calls_are_added_up_until_the_result_tells_what_all_of_them_cost() -> None:
    story = Facts()
    task = story.publish("r.1")
    screen = looked(story, event("accepted"), event("model", "x", cost_usd=0.25), event("model", "x", cost_usd=0.5))
    assert (screen.cost("r.1"), screen.spent) == (0.75, 0.75)
    story.take(result_of(task, usage={"cost_usd": 0.8}))
    screen.note(entry(facts.TAKEN, result={"task_id": "r.1"}))
    screen.look(story.state)
    assert screen.cost("r.1") == 0.8
    assert screen.spent == pytest.approx(0.8)


def test_a_continuation_goes_on_from_what_the_task_has_cost() -> None:
    story = Facts()
    question = {"id": "ask:0", "text": "Which?"}
    story.take(result_of(story.publish("r.1"), "needs_input", question=question, usage={"cost_usd": 0.5}))
    screen = looked(story)
    story.publish("r.1", 1)
    screen.see(event("accepted"), 0.0)
    screen.see(event("model", "x", cost_usd=0.25), 0.0)
    assert (screen.cost("r.1"), screen.spent) == (0.75, 0.75)


@pytest.mark.parametrize("cost", [None, "much", True])
def test_what_is_no_amount_costs_nothing(cost: object) -> None:
    screen = Screen()
    screen.see(event("model", "x", cost_usd=cost), 0.0)
    assert screen.spent is None


# -- who watches late -------------------------------------------------------------------------


def history(*entries: tuple[str, dict[str, Any]]) -> TaskHistory:
    found = TaskHistory()
    for number, (kind, data) in enumerate(entries, start=1):
        found.take_in(Entry(Version(number), Fact(kind, data), 1, 1000.0))
    assert stream_of("r.1") == "task/r.1"
    return found


STEP = {"name": "model", "n": 0, "digest": "d", "outcome": {}, "usage": {"cost_usd": 0.5}}


def test_a_task_that_was_at_work_before_anybody_watched_runs_since_its_journal_says_so() -> None:
    story = Facts()
    story.publish("r.1")
    screen = Screen()
    screen.begun("r.1", history((STARTED, {"continuation": 0, "instance": "w"}), (STEP_DONE, STEP)), 50.0, 1030.0)
    screen.look(story.state)
    assert screen.word("r.1") == "running"
    assert screen.live["r.1"].started == 20.0
    assert screen.cost("r.1") == 0.5


def test_a_task_that_nobody_has_begun_stays_queued() -> None:
    story = Facts()
    story.publish("r.1")
    screen = Screen()
    screen.begun("r.1", TaskHistory(), 50.0, 1030.0)
    screen.look(story.state)
    assert screen.word("r.1") == "queued"


# -- what changed -----------------------------------------------------------------------------


def test_each_change_of_a_task_is_told_once() -> None:
    story = Facts("a", "b: a")
    screen = Screen()
    assert screen.look(story.state) == []
    task = story.publish("r.1")
    screen.note(entry(facts.PUBLISHING, task={"id": "r.1"}))
    assert [one.id for one in screen.look(story.state)] == ["r.1"]
    assert screen.look(story.state) == []
    story.take(asking(task))
    story.publish("r.1", 1)
    screen.note(entry(facts.PUBLISHING, task={"id": "r.1"}))
    assert [one.id for one in screen.look(story.state)] == ["r.1"], "the next continuation"


def test_a_fact_that_may_change_any_task_has_all_looked_at() -> None:
    story = Facts("a", "b")
    screen = looked(story)
    for one in story.state.tasks.values():
        one.status = "cancelled"
    assert screen.look(story.state) == []
    screen.note(entry(facts.CANCEL))
    assert len(screen.look(story.state)) == 2


def test_what_no_fact_names_is_seen_after_as_many_looks_as_there_are_tasks() -> None:
    story = Facts("a", "b")
    screen = looked(story)
    story.state.tasks["r.2"].status = "failed"
    found = []
    for _ in range(3):
        screen.note(entry(facts.TAKEN, result={"task_id": "r.1"}))
        found += screen.look(story.state)
    assert [one.id for one in found] == ["r.2"]


def test_tasks_that_were_added_are_seen_whatever_the_fact_says() -> None:
    story = Facts("a")
    screen = looked(story)
    story.take(delegating(story.publish("r.1"), "one"))
    story.publish("r.1.1", name="w0", parent="r.1")
    assert "r.1.1" in [one.id for one in screen.look(story.state)]


@pytest.mark.parametrize(
    ("kind", "data", "tasks"),
    [
        (facts.TAKEN, {"result": {"task_id": "r.1"}}, ["r.1"]),
        (facts.MERGED, {"task": "r.1"}, ["r.1"]),
        (facts.ANSWERED, {"key": "r.1:0"}, ["r.1"]),
        (facts.ANSWERED, {"key": "question/1"}, None),
        (facts.PASSED_ON, {}, []),
        (facts.CANCEL, {}, None),
        ("of a later version", {}, None),
    ],
)
def test_a_fact_says_which_tasks_it_is_about(kind: str, data: dict[str, Any], tasks: list[str] | None) -> None:
    assert touched_by(entry(kind, **data)) == tasks


# -- which are shown --------------------------------------------------------------------------


def test_where_all_fit_all_are_chosen_in_their_order() -> None:
    assert looked(Facts("a", "b", "c")).chosen(3) == ["r.1", "r.2", "r.3"]


def test_where_not_all_fit_those_that_run_are_chosen_first_then_the_newest() -> None:
    story = Facts(*(f"t{n}" for n in range(9)))
    for number in (1, 2, 3, 4):
        story.take(result_of(story.publish(f"r.{number}")))
    story.publish("r.7")
    screen = looked(story, event("accepted", task_id="r.7"))
    assert screen.chosen(1) == ["r.7"]
    assert screen.chosen(4) == ["r.4", "r.5", "r.6", "r.7"], "one that is done, and those that come next"


def test_a_round_of_a_gate_belongs_to_the_gate_of_the_plan() -> None:
    story = Facts("gate", "fix", "gate-2", "fix-2")
    tasks = story.state.tasks
    tasks["r.2"].fixes, tasks["r.3"].again_of, tasks["r.4"].fixes = "r.1", "r.1", "r.3"
    assert [above(one, tasks) for one in tasks.values()] == [None, "r.1", "r.1", "r.1"]
