"""How requests stand, without adding them up."""

from __future__ import annotations

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, inputs, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.journaled import catch_up, standing_of, standings
from beth_sdk.journal.base import Fact


async def test_catching_up_folds_what_is_new_and_says_whether_anything_was(office: Office) -> None:
    await office.submit()
    state = RequestState("r")
    seen: list[str] = []
    assert await catch_up(office.journal, state, lambda entry: seen.append(entry.fact.kind))
    assert not await catch_up(office.journal, state)
    await office.beth().attend("r")
    assert await catch_up(office.journal, state, lambda entry: seen.append(entry.fact.kind))
    assert seen == [facts.RECEIVED, facts.PLANNED, facts.PUBLISHING]
    assert list(state.outstanding) == ["r.1"]


async def test_a_request_stands_as_its_facts_say(office: Office) -> None:
    assert not (await standing_of(office.journal, "r")).open
    await office.submit()
    received = office.clock.wall()
    beth = office.beth()
    await beth.attend("r")
    assert (await standing_of(office.journal, "r")).open
    await requests.pause(office.bus, office.journal, "r.1")
    assert not (await standing_of(office.journal, "r")).paused
    await requests.pause(office.bus, office.journal, "r")
    assert (await standing_of(office.journal, "r")).paused
    await requests.resume(office.bus, office.journal, "r")
    office.clock.advance(5)
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task, "failed")))
    found = await standing_of(office.journal, "r")
    assert (found.received_at, found.ended_at, found.status, found.paused) == (received, received + 5, "failed", False)
    again = Fact(facts.REDRIVEN, {"task": task.with_(continuation=1).to_json()})
    await office.journal.append(facts.stream_of("r"), [again], key="redriven")
    assert (await standing_of(office.journal, "r")).open


async def test_archived_requests_and_streams_without_a_request_are_left_out(office: Office) -> None:
    for name in ("one", "two"):
        await office.submit(request_id=name)
    await office.journal.archive(facts.stream_of("one"))
    await office.journal.append(facts.stream_of("three"), [Fact(facts.CANCEL, {})], key="x")
    assert [one.id async for one in standings(office.journal)] == ["two"]
