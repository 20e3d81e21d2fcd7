"""What Beth does about one request at a time."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Self

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import (
    Office,
    Through,
    asking,
    delegating,
    inputs,
    parked,
    result_of,
)
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_sdk import history
from beth_sdk.bus.base import BEGINNING
from beth_sdk.clock import SystemClock
from beth_sdk.journal.base import Fact

STREAM = facts.stream_of("r")


async def finish(office: Office, beth: Orchestrator, *roles: str) -> list[str]:
    """Have workers do what there is until nothing is left; returns the ids of the tasks in their order."""
    done: list[str] = []
    while tasks := await office.queued(*roles):
        for task in tasks:
            done.append(task.id)
            await beth.attend("r", inputs(result_of(task)))
    return done


# -- from a request to its end ----------------------------------------------------------------


async def test_a_request_goes_from_task_to_task_to_its_end(office: Office) -> None:
    await office.submit("a", "b: a", "c: b")
    beth = office.beth()
    await beth.attend("r")
    assert await finish(office, beth, "a", "b", "c") == ["r.1", "r.2", "r.3"]
    assert await office.kinds() == [
        facts.RECEIVED,
        facts.PLANNED,
        *[facts.PUBLISHING, facts.TAKEN] * 3,
        facts.ENDED,
    ]
    assert (await office.state()).status == "complete"


async def test_tasks_that_do_not_need_each_other_are_published_together(office: Office) -> None:
    await office.submit("a", "b", "c: a b")
    await office.beth().attend("r")
    assert [task.id for task in await office.queued("a", "b", "c")] == ["r.1", "r.2"]


async def test_a_task_is_published_once_all_it_needs_is_complete(office: Office) -> None:
    await office.submit("a", "b", "c: a b")
    beth = office.beth()
    await beth.attend("r")
    first, second = await office.queued("a", "b")
    await beth.attend("r", inputs(result_of(second)))
    assert await office.queued("c") == []
    await beth.attend("r", inputs(result_of(first)))
    assert [task.id for task in await office.queued("c")] == ["r.3"]


async def test_results_that_arrive_together_are_all_taken(office: Office) -> None:
    await office.submit("a", "b", "c: a b")
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(*(result_of(task) for task in await office.queued("a", "b"))))
    assert [task.id for task in await office.queued("c")] == ["r.3"]


async def test_published_tasks_name_the_journal_and_stay_in_the_trace_of_the_request(office: Office) -> None:
    await office.submit()
    await office.beth().attend("r")
    (delivery,) = await office.bus.receive(["tasks.a"], "test", 0)
    assert delivery.key == "r.1:0"
    assert delivery.headers["beth-journal"] == office.journal.id
    traceparent = (await office.state()).request["traceparent"]
    assert delivery.headers["traceparent"].split("-")[1] == traceparent.split("-")[1]


async def test_a_plan_that_cannot_be_made_ends_the_request_with_the_reason(office: Office) -> None:
    request = {"description": "Build it", "plan": {"name": "p", "task": [{"name": "a"}]}}
    await office.journal.append(STREAM, [Fact(facts.RECEIVED, {"request": request})], key="received")
    state = await office.beth().attend("r")
    assert state is not None
    assert (state.status, state.ended) == ("failed", True)
    assert state.reason.startswith("no plan could be made: plan: task.0.")
    assert "\n" not in state.reason


async def test_a_request_without_a_plan_of_its_own_gets_that_of_its_workflow(office: Office) -> None:
    request = {"description": "Build it", "workflow": "feature"}
    await office.journal.append(STREAM, [Fact(facts.RECEIVED, {"request": request})], key="received")
    await office.beth().attend("r")
    assert [task.id for task in await office.queued("product-manager", "developer")] == ["r.1"]


async def test_a_request_that_does_not_exist_is_left_alone(office: Office) -> None:
    assert await office.beth().attend("nothing") is None
    assert [name async for name in office.journal.streams("")] == []


async def test_a_stream_in_which_no_request_was_received_is_left_alone(office: Office) -> None:
    await office.journal.append(STREAM, [Fact(facts.CANCEL, {})], key="x")
    assert await office.beth().attend("r") is None
    assert await office.kinds() == [facts.CANCEL]


async def test_an_archived_request_is_left_alone(office: Office) -> None:
    await office.submit()
    await office.journal.archive(STREAM)
    assert await office.beth().attend("r") is None


async def test_hooks_see_a_request_its_plan_and_its_tasks(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    office.clock.advance(5)
    await finish(office, beth, "a")
    assert [name for name, _ in office.hooks.seen] == [
        "before_request",
        "before_plan",
        "after_plan",
        "before_publish",
        "after_publish",
        "after_request",
    ]
    last = office.hooks.seen[-1][1]
    assert (last.request_id, last.status, last.seconds) == ("r", "complete", 5.0)


async def test_watchers_are_told_of_each_change(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    assert len(await office.bus.read("events", BEGINNING)) == 1
    await beth.attend("r")
    assert len(await office.bus.read("events", BEGINNING)) == 1, "nothing changed"


async def test_nothing_is_kept_of_a_request_that_ended(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await finish(office, beth, "a")
    assert (beth._states, dict(beth._locks), beth._interrupted, beth._others_work) == ({}, {}, set(), set())


# -- which results count ----------------------------------------------------------------------


async def test_one_result_is_accepted_for_each_continuation(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task), result_of(task, "failed"), result_of(task)))
    assert (await office.kinds()).count(facts.TAKEN) == 1
    assert (await office.state()).status == "complete"


async def test_results_that_no_task_of_the_request_waits_for_change_nothing(office: Office) -> None:
    await office.submit("a", "b: a")
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    forged = [
        result_of(task, request_id="other"),
        result_of(task.with_(id="r.2")),
        result_of(task.with_(id="r.99")),
        result_of(task.with_(id="other.1")),
        result_of(task.with_(continuation=1)),
    ]
    before = await office.kinds()
    await beth.attend("r", inputs(*forged))
    assert await office.kinds() == before


async def test_a_result_without_a_requests_id_counts(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"), request_id=None)))
    assert (await office.state()).status == "complete"


async def test_a_late_result_does_not_bring_an_ended_request_back(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task)))
    before = await office.kinds()
    state = await beth.attend("r", inputs(result_of(task, "failed")))
    assert state is not None
    assert state.ended
    assert await office.kinds() == before


# -- what cannot be published -----------------------------------------------------------------


async def test_a_task_that_is_too_large_to_publish_fails_the_request_with_the_reason(office: Office) -> None:
    await office.submit({"name": "a", "agent": "a", "type": "act", "description": "x" * 300_000}, "b: a")
    state = await office.beth().attend("r")
    assert state is not None
    assert state.status == "failed"
    assert state.reason.startswith("a rejected: the task has 300,")
    assert "262,144" in state.reason
    assert state.tasks["r.1"].status == "rejected"
    assert await office.queued("a", "b") == []


async def test_a_loop_of_delegation_is_refused_and_told_to_whoever_asked(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(delegating(task, task.payload.description, agent="a")))
    again = await office.one_queued("a")
    assert again.key == "r.1:1"
    assert again.answer is not None
    (refusal,) = again.answer.results or []
    assert (refusal["task_id"], refusal["status"]) == ("r.1.1", "rejected")


# -- questions, subtasks ----------------------------------------------------------------------


async def test_an_answered_task_is_continued(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(asking(await office.one_queued("a"))))
    assert await office.queued("a") == []
    assert await requests.answer(office.bus, office.journal, "r.1", "red")
    await beth.attend("r")
    task = await office.one_queued("a")
    assert task.answer is not None
    assert (task.key, task.answer.text) == ("r.1:1", "red")


async def test_a_delegating_task_is_continued_with_the_results_of_its_subtasks(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), "one", "two")))
    children = await office.queued("helper")
    assert [child.id for child in children] == ["r.1.1", "r.1.2"]
    await beth.attend("r", inputs(*(result_of(child, result=child.id) for child in reversed(children))))
    task = await office.one_queued("a")
    assert task.answer is not None
    assert [one["result"] for one in task.answer.results or []] == ["r.1.1", "r.1.2"]


async def test_five_hundred_subtasks_are_published_a_hundred_at_a_time(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    journal = Through(office.journal)
    beth = office.beth(journal=journal.as_journal)
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), *(str(n) for n in range(500)))))
    assert len(await office.queued("helper")) == 500
    assert journal.calls.count("append") == 1 + 5


# -- pause ------------------------------------------------------------------------------------


async def test_a_pause_that_was_written_after_its_resume_does_not_park_the_task_again(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await history.pause(office.journal, "r.1", token="late")
    await beth.attend("r", inputs(parked(task)))
    assert (await office.one_queued("a")).key == "r.1:1"
    assert not (await office.task("r.1")).paused


# -- cost -------------------------------------------------------------------------------------


class Work:
    """Counts the Python calls made while it is on: what a task costs, the same on a busy machine as on a quiet one."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, _frame: object, event: str, _argument: object) -> None:
        if event == "call":
            self.calls += 1


async def chain(office: Office, count: int, request_id: str) -> float:
    """The calls for each task of a request of `count` tasks, each of which needs the one before."""
    tasks = [{"name": f"t{n}", "agent": "a", "type": "act", "needs": [f"t{n - 1}"] if n else []} for n in range(count)]
    await office.submit(*tasks, request_id=request_id)
    beth, work = office.beth(clock=SystemClock()), Work()  # a manual clock looks through all its sleepers
    with work:
        await beth.attend(request_id)
    while found := await office.queued("a"):
        results = inputs(*(result_of(task) for task in found))
        with work:
            await beth.attend(request_id, results)
    assert (await office.state(request_id)).status == "complete"
    return work.calls / count


async def fan(office: Office, count: int, request_id: str) -> float:
    """The calls for each task of a request of `count` tasks that need nothing."""
    await office.submit(*({"name": f"t{n}", "agent": "a", "type": "act"} for n in range(count)), request_id=request_id)
    beth, work = office.beth(clock=SystemClock()), Work()  # a manual clock looks through all its sleepers
    with work:
        await beth.attend(request_id)
    for task in await office.queued("a"):
        results = inputs(result_of(task))
        with work:
            await beth.attend(request_id, results)
    return work.calls / count


@pytest.mark.parametrize("shape", [chain, fan])
async def test_a_task_costs_the_same_in_a_long_request_as_in_a_short_one(
    office: Office, shape: Callable[[Office, int, str], Awaitable[float]]
) -> None:
    short = await shape(office, 50, "short")
    long = await shape(office, 500, "long")
    assert long < 1.3 * short
