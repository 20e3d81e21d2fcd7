"""What people want of a request reaches its tasks."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import (
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
from beth_agent_beth.fold import facts
from beth_sdk import history, schema
from beth_sdk.bus.base import BEGINNING
from beth_sdk.errors import BusUnavailable
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Control
from beth_sdk.publish import control_topic


async def told(office: Office, role: str) -> list[tuple[str, str | None]]:
    """The control messages to a role: kind and task."""
    page = await office.bus.read(control_topic(role), BEGINNING)
    controls = [schema.decode(Control, message.body) for _, message in page]
    return [(one.kind, one.task_id) for one in controls]


# -- cancel -----------------------------------------------------------------------------------


async def test_a_task_that_nobody_began_is_ended_at_once(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await requests.cancel(office.bus, office.journal, "r", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert (state.status, state.reason) == ("cancelled", "enough")
    ended = (await office.task("r.1")).ended[0]
    assert ended["result"]["status"] == "cancelled"
    assert ended["result"]["error"]["message"] == "enough"


async def test_a_task_that_somebody_does_is_told_to_stop_and_its_result_is_waited_for(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await office.journal.take(history.stream_of("r.1"), "worker", 60)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert not state.ended
    assert (await office.task("r.1")).cancel_reason == "enough"
    assert await told(office, "a") == [("cancel", "r.1")]
    state = await beth.attend("r", inputs(result_of(await office.one_queued("a"), "cancelled")))
    assert state is not None
    assert state.status == "cancelled"


async def test_a_task_that_had_ended_by_then_keeps_its_result(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await office.end(result_of(await office.one_queued("a"), result="done"))
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert (state.status, state.tasks["r.1"].status) == ("complete", "complete")


async def test_cancelling_one_task_leaves_the_others_alone(office: Office) -> None:
    await office.submit("a", "b")
    beth = office.beth()
    await beth.attend("r")
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert {one.id: one.status for one in state.tasks.values()} == {"r.1": "cancelled", "r.2": "published"}
    assert (await office.task("r.2")).cancel_reason is None


async def test_cancelling_a_task_that_asks_ends_it(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(asking(await office.one_queued("a"))))
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert (state.status, state.reason) == ("failed", "a cancelled: enough")


async def test_cancelling_a_delegating_task_reaches_its_subtasks(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), "one", "two")))
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    state = await beth.attend("r")
    assert state is not None
    assert {one.status for one in state.tasks.values()} == {"cancelled"}
    assert (await office.task("r.1.2")).ended[0]["result"]["status"] == "cancelled"


async def test_a_request_that_was_cancelled_before_anything_happened_publishes_nothing(office: Office) -> None:
    await office.submit("a", "b")
    await requests.cancel(office.bus, office.journal, "r", "never mind")
    state = await office.beth().attend("r")
    assert state is not None
    assert state.status == "cancelled"
    assert await office.queued("a", "b") == []


async def test_a_worker_that_took_the_task_in_this_very_moment_is_told(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.submit()
    await office.beth().attend("r")
    journal = Through(office.journal)
    stream = history.stream_of("r.1")

    async def overtaken(name: str, new: list[Fact], **options: object) -> object:
        if name == stream and new[0].kind == history.ENDED:
            office.clock.advance(1000)
            await office.journal.take(stream, "worker", 60)
        return await office.journal.append(name, new, **options)  # type: ignore[arg-type]

    journal.append = overtaken  # type: ignore[attr-defined]
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    state = await office.beth(journal=journal.as_journal).attend("r")
    assert state is not None
    assert list(state.outstanding) == ["r.1"]
    assert (await office.task("r.1")).ended == {}
    assert await told(office, "a") == [("cancel", "r.1")]
    assert "fenced" not in caplog.messages, "the request is still hers"


# -- pause and resume -------------------------------------------------------------------------


async def test_a_pause_reaches_published_tasks_and_keeps_others_from_being_published(office: Office) -> None:
    await office.submit("a", "b: a")
    beth = office.beth()
    await beth.attend("r")
    await requests.pause(office.bus, office.journal, "r")
    await beth.attend("r")
    assert (await office.task("r.1")).paused
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    assert await office.queued("b") == []
    await requests.resume(office.bus, office.journal, "r")
    await beth.attend("r")
    assert [task.id for task in await office.queued("b")] == ["r.2"]


async def test_a_pause_that_the_task_knows_of_is_not_written_again(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await requests.pause(office.bus, office.journal, "r")
    before = (await office.task("r.1")).version
    await beth.attend("r")
    assert (await office.task("r.1")).version == before
    assert await told(office, "a") == []


async def test_a_resume_reaches_a_task_that_has_not_parked_yet(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await requests.pause(office.bus, office.journal, "r")
    await beth.attend("r")
    await requests.resume(office.bus, office.journal, "r")
    await beth.attend("r")
    assert not (await office.task("r.1")).paused
    assert await told(office, "a") == [("resume", "r.1")]


async def test_a_parked_task_is_continued_by_a_resume_once(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await requests.pause(office.bus, office.journal, "r.1")
    await beth.attend("r", inputs(parked(task)))
    assert await office.queued("a") == []
    await requests.resume(office.bus, office.journal, "r.1")
    await beth.attend("r")
    await beth.attend("r")
    assert [one.key for one in await office.queued("a")] == ["r.1:1"]


async def test_a_task_that_was_paused_and_resumed_before_it_began_does_not_park(office: Office) -> None:
    await office.submit("a", "b: a")
    beth = office.beth()
    await beth.attend("r")
    await requests.pause(office.bus, office.journal, "r.2")
    await beth.attend("r")
    await requests.resume(office.bus, office.journal, "r.2")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    assert [one.id for one in await office.queued("b")] == ["r.2"]
    assert not (await office.task("r.2")).paused


async def test_a_delegating_task_that_is_paused_goes_on_only_when_it_is_resumed(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), "one")))
    await requests.pause(office.bus, office.journal, "r.1")
    await beth.attend("r")
    assert (await office.task("r.1.1")).paused
    await beth.attend("r", inputs(result_of(await office.one_queued("helper"))))
    assert await office.queued("a") == []
    await requests.resume(office.bus, office.journal, "r.1")
    await beth.attend("r")
    assert [one.key for one in await office.queued("a")] == ["r.1:1"]


@pytest.mark.parametrize("order", ["answer, pause", "pause, answer"])
async def test_an_answer_and_a_pause_may_come_in_any_order(office: Office, order: str) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(asking(await office.one_queued("a"))))
    for what in order.split(", "):
        if what == "pause":
            await requests.pause(office.bus, office.journal, "r")
        else:
            assert await requests.answer(office.bus, office.journal, "r.1", "red")
    await beth.attend("r")
    assert await office.queued("a") == []
    await requests.resume(office.bus, office.journal, "r")
    await beth.attend("r")
    task = await office.one_queued("a")
    assert task.answer is not None
    assert task.answer.text == "red"
    assert not (await office.task("r.1")).paused


# -- crashes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["append", "take", "drop"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_anywhere_a_cancel_is_passed_on_by_the_next_beth(office: Office, verb: str, when: str) -> None:
    for nth in range(1, 100):
        name = f"r-{nth}"
        await office.submit("a", "b", request_id=name)
        await office.beth().attend(name)
        await requests.cancel(office.bus, office.journal, name, "enough")
        life = Life(nth)
        journal = Through(office.journal, life)
        getattr(journal, when)[verb] = life.hit
        try:
            await office.beth(journal=journal.as_journal).attend(name)
        except Killed:
            office.clock.advance(1000)
        state = await office.beth().attend(name)
        assert state is not None
        assert (state.status, state.passed_on) == ("cancelled", state.last_steer)
        assert (await office.kinds(name)).count(facts.TAKEN) == 2
        if not life.over:
            break
    assert nth > 3


async def test_an_outage_in_the_middle_is_made_up_for(office: Office) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    beth = office.beth(bus=bus.as_bus)
    await beth.attend("r")
    for number in (1, 2):
        await office.journal.take(history.stream_of(f"r.{number}"), "worker", 60)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    bus.before["append"] = once(BusUnavailable("away"), lambda topic, *_: topic == "control.b")
    with pytest.raises(BusUnavailable):
        await beth.attend("r")
    await beth.attend("r")
    assert [await told(office, role) for role in ("a", "b")] == [[("cancel", "r.1")] * 2, [("cancel", "r.2")]]
