"""A task that is to be cancelled ends cancelled, also where its worker died and no other ever comes."""

from __future__ import annotations

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, result_of
from beth_agent_beth.test_service import ended, idle, meanwhile, next_task, serving, until
from beth_sdk import history
from beth_sdk.journal.base import Fact, Hold

LEASE = 60.0


async def taken(office: Office, task_id: str = "r.1") -> Hold:
    """A worker has the task, and paid for a step."""
    hold = await office.journal.take(history.stream_of(task_id), "worker", LEASE)
    step = {"name": "model", "n": 0, "digest": "d", "outcome": None, "usage": {"cost_usd": 0.25}}
    await office.journal.append(hold.stream, [Fact(history.STEP_DONE, step)], key="step", hold=hold)
    return hold


async def test_as_long_as_a_worker_has_the_task_its_own_end_is_waited_for(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await taken(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    for _ in range(2):
        state = await beth.attend("r", reconcile=True)
        assert state is not None
        assert not state.ended
        assert state.being_cancelled


async def test_once_its_hold_has_run_out_beth_ends_it_and_what_it_cost_is_kept(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await taken(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r")
    office.clock.advance(LEASE + 1)
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert (state.status, state.reason) == ("cancelled", "enough")
    assert not state.being_cancelled
    result = state.tasks["r.1"].result
    assert result is not None
    assert result.usage is not None
    assert result.usage.cost_usd == 0.25


async def test_one_task_that_was_cancelled_ends_alone(office: Office) -> None:
    await office.submit("a", "b")
    beth = office.beth()
    await beth.attend("r")
    await taken(office)
    await requests.cancel(office.bus, office.journal, "r.1", "enough")
    await beth.attend("r")
    office.clock.advance(LEASE + 1)
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert {one.id: one.status for one in state.tasks.values()} == {"r.1": "cancelled", "r.2": "published"}


async def test_the_service_looks_again_without_being_told(office: Office) -> None:
    async with serving(office):
        await office.submit()
        await next_task(office, "a")
        await taken(office)
        await requests.cancel(office.bus, office.journal, "r", "enough")
        await until(office, "r", lambda state: state.passed_on == state.last_steer)
        assert await meanwhile(office, ended(office)) == "cancelled"


async def test_a_beth_who_comes_later_looks_again_too(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await taken(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r")
    async with serving(office):
        await idle(office)
        assert await meanwhile(office, ended(office)) == "cancelled"


async def test_a_worker_that_was_only_slow_is_believed_if_it_is_first(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    hold = await taken(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r")
    task = (await office.state()).tasks["r.1"].task
    assert task is not None
    result = result_of(task, result="just in time")
    data = {"continuation": 0, "result": result.to_json()}
    await office.journal.append(hold.stream, [Fact(history.ENDED, data)], key="1:ended", hold=hold)
    office.clock.advance(LEASE + 1)
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert state.tasks["r.1"].status == "complete"
