"""What people say about requests."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, asking, inputs, parked, plan_of, result_of
from beth_agent_beth.fold import facts
from beth_sdk import history, schema
from beth_sdk.bus.base import BEGINNING
from beth_sdk.errors import ConfigurationError, InvalidMessage, MessageTooLarge
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Answer, Control


async def nudges(office: Office) -> list[str | None]:
    page = await office.bus.read("control.beth", BEGINNING)
    return [schema.decode(Control, message.body).request_id for _, message in page]


async def asked(office: Office, **question: object) -> None:
    """A request whose only task asks something."""
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(asking(await office.one_queued("a"), **question)))  # type: ignore[arg-type]


# -- submit -----------------------------------------------------------------------------------


async def test_a_request_is_journaled_and_beth_is_nudged(office: Office) -> None:
    name = await requests.submit(
        office.bus, office.journal, "Build it", acceptance_criteria=["it works"], plan=plan_of("a"), priority=1
    )
    state = await office.state(name)
    assert state.request["description"] == "Build it"
    assert state.request["acceptance_criteria"] == ["it works"]
    assert state.request["priority"] == 1
    assert state.received_at == office.clock.wall()
    assert await nudges(office) == [name]


async def test_ids_that_are_made_up_are_good_and_differ() -> None:
    made = {requests.new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(requests.good_id(one) and one.startswith("beth-") and len(one) == 13 for one in made)


async def test_the_same_id_twice_is_one_request(office: Office) -> None:
    for text in ("first", "second"):
        await requests.submit(office.bus, office.journal, text, plan=plan_of("a"), request_id="mine")
    assert await office.kinds("mine") == [facts.RECEIVED]
    assert (await office.state("mine")).request["description"] == "first"


@pytest.mark.parametrize("name", ["", "a.b", "../x", "a b", "x" * 65, "-a", "a\n", "ä"])
async def test_an_id_that_tasks_could_not_be_named_after_is_refused(office: Office, name: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        await requests.submit(office.bus, office.journal, "Build it", plan=plan_of("a"), request_id=name)
    assert refused.value.path == "$.id"
    assert [stream async for stream in office.journal.streams("")] == []


async def test_the_longest_id_will_do_for_tasks_and_their_subtasks(office: Office) -> None:
    name = "x" * requests.MAX_ID
    await office.submit(request_id=name)
    await office.beth().attend(name)
    assert (await office.one_queued("a")).id == f"{name}.1"


async def test_an_empty_or_oversize_request_is_refused_and_nothing_is_written(office: Office) -> None:
    with pytest.raises(InvalidMessage):
        await requests.submit(office.bus, office.journal, " \n", plan=plan_of("a"))
    with pytest.raises(MessageTooLarge) as refused:
        await requests.submit(office.bus, office.journal, "x" * 70_000, plan=plan_of("a"))
    assert refused.value.limit == requests.MAX_REQUEST_BYTES
    assert [stream async for stream in office.journal.streams("")] == []


# -- answer -----------------------------------------------------------------------------------


async def test_the_first_answer_counts_and_whoever_gave_it_is_told_so(office: Office) -> None:
    await asked(office)
    assert await requests.answer(office.bus, office.journal, "r.1", "red")
    assert not await requests.answer(office.bus, office.journal, "r.1", "blue")
    assert (await office.state()).answers == {"r.1:0": "red"}


async def test_the_only_question_of_a_request_may_be_answered_by_its_name(office: Office) -> None:
    await office.submit("a")
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(asking(await office.one_queued("a"))))
    assert await requests.answer(office.bus, office.journal, "r", "red")
    await beth.attend("r")
    assert (await office.one_queued("a")).continuation == 1


async def test_an_answer_that_comes_when_its_task_has_gone_on_does_not_count(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(asking(task)))
    assert await requests.answer(office.bus, office.journal, "r.1", "this")
    await beth.attend("r")
    assert not await requests.answer(office.bus, office.journal, "r.1", "that")
    assert (await office.one_queued("a")).answer == Answer(question="ask:0", text="this")


async def test_an_answer_that_is_no_option_is_refused_with_the_options(office: Office) -> None:
    await asked(office, options=["red", "blue"])
    with pytest.raises(ConfigurationError, match=r"'green' is no answer.*red \| blue"):
        await requests.answer(office.bus, office.journal, "r.1", "green")


async def test_a_task_that_asks_nothing_takes_no_answer(office: Office) -> None:
    await office.submit()
    await office.beth().attend("r")
    with pytest.raises(ConfigurationError, match=r"r\.1 waits for no answer: it is published"):
        await requests.answer(office.bus, office.journal, "r.1", "red")


async def test_a_paused_task_is_resumed_and_not_answered(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await requests.pause(office.bus, office.journal, "r")
    await beth.attend("r", inputs(parked(await office.one_queued("a"))))
    with pytest.raises(ConfigurationError, match=r"beth resume r\.1"):
        await requests.answer(office.bus, office.journal, "r.1", "resume")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("r.9", r"r has no task 'r\.9'; `beth status r`"), ("no.1", r"no request is called 'no'; `beth list`")],
)
async def test_what_does_not_exist_is_said_to_be_missing(office: Office, name: str, problem: str) -> None:
    await office.submit()
    with pytest.raises(ConfigurationError, match=problem):
        await requests.answer(office.bus, office.journal, name, "red")


# -- cancel, pause, resume --------------------------------------------------------------------


async def test_a_request_that_has_ended_is_not_steered(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    before = await office.kinds()
    for steer in (requests.pause, requests.resume):
        with pytest.raises(ConfigurationError, match="r has ended: complete"):
            await steer(office.bus, office.journal, "r")
    with pytest.raises(ConfigurationError, match=r"r\.1 has ended: complete"):
        await requests.cancel(office.bus, office.journal, "r.1", "")
    assert await office.kinds() == before


async def test_a_pause_is_told_at_once_to_what_it_concerns_and_runs(office: Office) -> None:
    await office.submit("a", "b", "c: a b")
    await office.beth().attend("r")
    await requests.pause(office.bus, office.journal, "r.1")
    assert [(await office.task(f"r.{n}")).paused for n in (1, 2, 3)] == [True, False, False]
    await requests.pause(office.bus, office.journal, "r")
    assert [(await office.task(f"r.{n}")).paused for n in (1, 2, 3)] == [True, True, False]


# -- reopen -----------------------------------------------------------------------------------


async def test_reopening_takes_back_a_pause(office: Office) -> None:
    await office.submit()
    await requests.pause(office.bus, office.journal, "r")
    assert await requests.reopen(office.bus, office.journal, "r") == "r"
    assert not (await office.state()).paused


async def test_reopening_takes_back_the_pauses_of_single_tasks(office: Office) -> None:
    await office.submit("a", "b")
    await office.beth().attend("r")
    for task_id in ("r.1", "r.2"):
        await requests.pause(office.bus, office.journal, task_id)
    await requests.reopen(office.bus, office.journal, "r.1")
    assert [one.paused for one in (await office.state()).tasks.values()] == [False, True]
    await requests.reopen(office.bus, office.journal, "r")
    assert [one.paused for one in (await office.state()).tasks.values()] == [False, False]


async def test_reopening_what_was_not_paused_writes_nothing(office: Office) -> None:
    await office.submit()
    await requests.reopen(office.bus, office.journal, "r")
    assert await office.kinds() == [facts.RECEIVED]


async def test_reopening_a_failed_request_has_it_go_on_with_what_was_redriven(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task, "failed")))
    await requests.reopen(office.bus, office.journal, "r")
    assert (await office.state()).ended, "nothing was redriven"
    again = task.with_(continuation=1)
    fact = Fact(history.REDRIVEN, {"continuation": 1, "task": again.to_json()})
    await office.journal.append(history.stream_of("r.1"), [fact], key="redriven")
    await requests.reopen(office.bus, office.journal, "r")
    assert not (await office.state()).ended
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert (await office.kinds()).count(facts.REDRIVEN) == 1
    assert state.tasks["r.1"].continuation == 1


# -- looking ----------------------------------------------------------------------------------


async def test_the_newest_request_is_the_one_that_was_received_last(office: Office) -> None:
    for name in ("b", "c", "a"):
        await office.submit(request_id=name)
        office.clock.advance(1)
    assert await requests.newest(office.journal) == "a"
    await requests.cancel(office.bus, office.journal, "a", "")
    await office.beth().attend("a")
    assert await requests.newest(office.journal) == "a"
    assert await requests.newest_open(office.journal) == "c"


async def test_where_there_is_no_request_that_is_said(office: Office) -> None:
    with pytest.raises(ConfigurationError, match="there is no request yet"):
        await requests.newest(office.journal)
    with pytest.raises(ConfigurationError, match="there is no open request"):
        await requests.newest_open(office.journal)


async def test_of_other_requests_only_those_go_on_that_wait_for_nobody(office: Office) -> None:
    beth = office.beth()
    for name in ("mine", "new", "running", "paused", "asking", "over"):
        await office.submit(request_id=name)
        if name == "paused":
            await requests.pause(office.bus, office.journal, name)
        if name != "new":
            await beth.attend(name)
    tasks = {task.request_id: task for task in await office.queued("a")}
    await beth.attend("asking", inputs(asking(tasks["asking"])))
    await beth.attend("over", inputs(result_of(tasks["over"])))
    assert await requests.others_going_on(office.journal, "mine") == ["new", "running"]


async def test_the_roles_of_a_request_are_those_of_its_plan_and_then_of_what_is_left(office: Office) -> None:
    await office.submit("a", "b: a")
    assert requests.roles_of(await office.state()) == {"a", "b"}
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    assert requests.roles_of(await office.state()) == {"b"}
