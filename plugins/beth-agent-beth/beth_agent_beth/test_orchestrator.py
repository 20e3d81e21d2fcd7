"""What Beth does about one request at a time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Self

import pytest

from beth_agent_beth import facts, requests
from beth_agent_beth.conftest import (
    TTL,
    Killed,
    Life,
    Office,
    Through,
    asking,
    delegating,
    inputs,
    once,
    parked,
    result_of,
)
from beth_agent_beth.orchestrator import Orchestrator
from beth_sdk import history
from beth_sdk.bus.base import BEGINNING
from beth_sdk.clock import SystemClock
from beth_sdk.errors import BusUnavailable, JournalUnavailable
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result, Task

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


# -- crashes and outages ----------------------------------------------------------------------


async def test_a_task_is_journaled_before_it_is_published(office: Office) -> None:
    await office.submit()
    bus = Through(office.bus)
    seen: list[str] = []

    def look(*_: object) -> None:
        seen.extend(kind for kind, *_ in office.journal._store.stream(STREAM).entries)

    bus.before["publish"] = look
    await office.beth(bus=bus.as_bus).attend("r")
    assert seen == [facts.RECEIVED, facts.PLANNED, facts.PUBLISHING]


async def test_a_beth_killed_between_append_and_publish_publishes_when_she_is_started_again(office: Office) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    bus.before["publish"] = once(Killed(), lambda queue, *_: queue == "tasks.b")
    with pytest.raises(Killed):
        await office.beth(bus=bus.as_bus).attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.1"]
    await office.beth().attend("r", reconcile=True)
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"]
    assert (await office.kinds()).count(facts.PUBLISHING) == 2


async def test_what_an_outage_kept_from_being_published_is_published_by_the_next_attempt(office: Office) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    bus.before["publish"] = once(BusUnavailable("away"), lambda queue, *_: queue == "tasks.a")
    beth = office.beth(bus=bus.as_bus)
    with pytest.raises(BusUnavailable):
        await beth.attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"], "the others were tried"
    await beth.attend("r")
    assert [task.id for task in await office.queued("a", "b")] == ["r.1"]


async def test_an_append_whose_answer_was_lost_is_not_done_twice(office: Office) -> None:
    await office.submit("a")
    journal = Through(office.journal)
    journal.after["append"] = once(JournalUnavailable("away"), lambda stream, new: new[0].kind == facts.PUBLISHING)
    beth = office.beth(journal=journal.as_journal)
    with pytest.raises(JournalUnavailable):
        await beth.attend("r")
    await beth.attend("r")
    assert [task.id for task in await office.queued("a")] == ["r.1"]
    assert await office.kinds() == [facts.RECEIVED, facts.PLANNED, facts.PUBLISHING]


async def killed_once(office: Office, verb: str, when: str, nth: int) -> bool:
    """Take a request to its end, the first Beth killed at the nth call of that verb; returns whether she was."""
    name = f"r-{verb}-{when}-{nth}"
    await office.submit("a", "b: a", request_id=name)
    life = Life(nth)
    journal, bus = Through(office.journal, life), Through(office.bus, life)
    for one in (journal, bus):
        getattr(one, when)[verb] = life.hit
    beth = office.beth(bus=bus.as_bus, journal=journal.as_journal)
    results: list[Result] = []
    while not (await office.state(name)).ended:
        try:
            await beth.attend(name, inputs(*results), reconcile=True)
        except Killed:
            office.clock.advance(TTL + 1)  # whatever she held runs out
            beth = office.beth()
        else:
            results = [await office.end(result_of(task)) for task in await office.queued("a", "b")]
    kinds = await office.kinds(name)
    assert (await office.state(name)).status == "complete"
    assert (kinds.count(facts.PUBLISHING), kinds.count(facts.TAKEN), kinds.count(facts.ENDED)) == (2, 2, 1)
    return life.over


@pytest.mark.parametrize(("verb", "least"), [("append", 6), ("publish", 2), ("take", 3), ("drop", 3)])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_anywhere_she_goes_on_and_each_task_has_one_result(
    office: Office, verb: str, when: str, least: int
) -> None:
    kills = 0
    while await killed_once(office, verb, when, kills + 1):
        kills += 1
    assert kills >= least


async def test_results_that_never_arrived_are_taken_from_the_journals_of_their_tasks(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    await office.end(result_of(await office.one_queued("a")))
    await office.beth().attend("r", reconcile=True)
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"]


async def test_a_task_without_an_end_is_published_again_only_to_be_the_same_task(office: Office) -> None:
    await office.submit()
    await office.beth().attend("r")
    await office.beth().attend("r", reconcile=True)
    assert len(await office.queued("a")) == 1


# -- several Beths ----------------------------------------------------------------------------


async def test_two_beths_at_once_publish_each_task_once_and_accept_one_result_each(office: Office) -> None:
    await office.submit("a", "b", "c: a b", "d: c")
    clock = SystemClock()
    beths = [office.beth(clock=clock), office.beth(clock=clock)]
    await asyncio.gather(*(beth.attend("r") for beth in beths))
    done: list[str] = []
    while tasks := await office.queued("a", "b", "c", "d"):
        done += [task.id for task in tasks]
        both = inputs(*(result_of(task) for task in tasks))
        await asyncio.gather(*(beth.attend("r", both) for beth in beths))
    assert done == ["r.1", "r.2", "r.3", "r.4"]
    kinds = await office.kinds()
    assert (kinds.count(facts.PUBLISHING), kinds.count(facts.TAKEN), kinds.count(facts.ENDED)) == (4, 4, 1)


async def test_the_same_beth_may_be_asked_twice_at_once(office: Office) -> None:
    await office.submit("a", "b")
    beth = office.beth()
    await asyncio.gather(*(beth.attend("r") for _ in range(5)))
    assert (await office.kinds()).count(facts.PLANNED) == 1
    assert len(await office.queued("a", "b")) == 2


async def test_a_beth_that_was_fenced_sees_what_the_other_did_and_goes_on_from_there(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.submit("a", "b: a")
    journal = Through(office.journal)
    slow = office.beth(journal=journal.as_journal)
    await slow.attend("r")
    task = await office.one_queued("a")
    other = office.beth()

    async def overtake() -> None:
        office.clock.advance(TTL + 1)
        await other.attend("r", inputs(result_of(task, result="other")))

    async def frozen_append(*arguments: Any, **options: Any) -> Any:
        del journal.append
        await overtake()
        return await office.journal.append(*arguments, **options)

    journal.append = frozen_append  # type: ignore[attr-defined]
    state = await slow.attend("r", inputs(result_of(task, result="slow")))
    assert state is not None
    assert state.tasks["r.1"].result is not None
    assert state.tasks["r.1"].result.result == "other"
    assert [one.id for one in await office.queued("b")] == ["r.2"]
    assert (await office.kinds()).count(facts.TAKEN) == 1
    assert caplog.messages.count("fenced") == 1
    assert state.version == (await office.state()).version


async def test_what_another_beth_published_may_have_to_be_published_again(office: Office) -> None:
    await office.submit("a", "b: a")
    dying, beth = office.beth(), office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    assert not beth.others_work("r")
    await dying.attend("r", inputs(result_of(task)))
    await office.queued("b")  # as if she had died before
    await beth.attend("r", inputs(result_of(task)))
    assert beth.others_work("r")
    await beth.attend("r", reconcile=True)
    assert not beth.others_work("r")


async def test_nothing_is_kept_of_a_request_that_ended(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await finish(office, beth, "a")
    assert (beth._states, dict(beth._locks), beth._interrupted, beth._others_work) == ({}, {}, set(), set())


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


# -- redrive ----------------------------------------------------------------------------------


async def redrive(office: Office, task: Task) -> Task:
    """What `beth dead redrive` journals."""
    again = task.with_(continuation=task.continuation + 1)
    data = {"continuation": again.continuation, "task": again.to_json()}
    await office.journal.append(history.stream_of(task.id), [Fact(history.REDRIVEN, data)], key="redriven")
    return again


async def failed(office: Office, beth: Orchestrator) -> Task:
    """A request of two tasks of which the first failed."""
    await office.submit("a", "b: a")
    await beth.attend("r")
    task = await office.one_queued("a")
    state = await beth.attend("r", inputs(await office.end(result_of(task, "failed"))))
    assert state is not None
    assert state.status == "failed"
    return task


async def test_a_redriven_task_reopens_its_request(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert state.status == "running"
    await beth.attend("r", inputs(result_of(again)))
    assert [task.id for task in await office.queued("b")] == ["r.2"]


async def test_the_result_of_a_redriven_task_counts_also_when_nobody_told_beth_of_the_redrive(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    await beth.attend("r", inputs(result_of(again)))
    assert [task.id for task in await office.queued("b")] == ["r.2"]
    assert (await office.state()).status == "running"


async def test_a_task_that_failed_and_was_redriven_while_beth_was_away_is_taken_in_at_once(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    task = await office.one_queued("a")
    await office.end(result_of(task, "failed"))
    again = await redrive(office, task)
    state = await office.beth().attend("r", reconcile=True)
    assert state is not None
    assert state.status == "running"
    assert state.tasks["r.1"].continuation == again.continuation
    assert facts.ENDED not in await office.kinds()


async def test_the_end_of_a_redriven_task_is_taken_from_its_journal(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    await office.end(result_of(again))
    await beth.attend("r", reconcile=True)
    assert [task.id for task in await office.queued("b")] == ["r.2"]


async def test_redriving_a_subtask_of_a_task_that_is_over_harms_nobody(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), "one")))
    child = await office.one_queued("helper")
    await beth.attend("r", inputs(result_of(child, "failed")))
    await beth.attend("r", inputs(result_of(await office.one_queued("a"), "failed")))
    again = await redrive(office, child)
    state = await beth.attend("r", inputs(result_of(again)))
    assert state is not None
    assert (state.status, state.tasks["r.1.1"].status) == ("failed", "complete")


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
