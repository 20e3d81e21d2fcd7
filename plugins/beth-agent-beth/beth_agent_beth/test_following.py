"""Following a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from beth_agent_beth.conftest import Office, Through, inputs, once, result_of
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.following import WAIT, follow
from beth_sdk import schema
from beth_sdk.bus.base import Bus, Message
from beth_sdk.errors import BusUnavailable, CursorExpired
from beth_sdk.messages import Event


class Watching:
    """Somebody who follows the request `r` until it has ended."""

    def __init__(self, office: Office, bus: Bus | None = None) -> None:
        self.events: list[str] = []
        self.states: list[str] = []
        self._office = office
        self._bus = bus or office.bus

    async def until(self, over: Callable[[RequestState], bool]) -> RequestState:
        return await follow(
            self._bus,
            self._office.journal,
            await self._office.state(),
            cursor=await self._office.bus.tail("events"),
            seen=lambda event: self.events.append(event.message or ""),
            changed=lambda state: self.states.append(state.status),
            over=over,
        )


def ended(state: RequestState) -> bool:
    return state.ended


async def tell(office: Office, message: str, request_id: str = "r") -> None:
    event = Event.model_validate(
        {
            "id": "e",
            "kind": "progress",
            "timestamp": "2026-01-30T10:00:00Z",
            "request_id": request_id,
            "message": message,
        }
    )
    await office.bus.append("events", Message(request_id, schema.encode(event)))


async def test_the_end_of_a_request_that_is_there_already_is_seen_at_once(office: Office) -> None:
    await office.submit()
    watching = Watching(office)
    assert (await watching.until(lambda _: True)).id == "r"
    assert watching.states == []


async def test_changes_and_events_are_seen_as_they_come(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    watching = Watching(office)
    following = asyncio.ensure_future(watching.until(ended))
    await office.clock.until_sleeping()
    await tell(office, "hello")
    await tell(office, "not for you", "other")
    await office.bus.append("events", Message("r", b"not json"))
    await beth.attend("r")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    state = await following
    assert state.status == "complete"
    assert "hello" in watching.events
    assert "not for you" not in watching.events
    assert watching.states[-1] == "complete"


async def test_a_change_whose_event_was_lost_is_seen_all_the_same(office: Office) -> None:
    await office.submit()
    deaf = Through(office.bus)

    async def swallow(*_: object) -> None:
        return

    deaf.append = swallow  # type: ignore[attr-defined]
    following = asyncio.ensure_future(Watching(office).until(lambda state: state.workflow is not None))
    await office.clock.until_sleeping()
    await office.beth(bus=deaf.as_bus).attend("r")
    assert not following.done()
    office.clock.advance(WAIT)
    assert (await following).workflow == "test"


async def test_events_that_were_trimmed_are_skipped(office: Office) -> None:
    await office.submit()
    bus = Through(office.bus)
    bus.before["read"] = once(CursorExpired("events", "1", "0"))
    following = asyncio.ensure_future(Watching(office, bus.as_bus).until(lambda state: state.workflow is not None))
    await office.clock.until_sleeping()
    await office.beth().attend("r")
    assert (await following).workflow == "test"


async def test_a_bus_that_is_gone_ends_the_following(office: Office) -> None:
    await office.submit()
    bus = Through(office.bus)
    bus.before["read"] = once(BusUnavailable("away"))
    with pytest.raises(BusUnavailable):
        await Watching(office, bus.as_bus).until(ended)
