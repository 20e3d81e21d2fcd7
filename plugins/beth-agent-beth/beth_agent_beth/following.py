"""Following a request: its events as they come, its facts as they change."""

from __future__ import annotations

from collections.abc import Callable

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.journaled import catch_up
from beth_sdk import schema
from beth_sdk.bus.base import Bus, Cursor
from beth_sdk.errors import ContractError, CursorExpired
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.messages import Event

WAIT = 1.0
"""Seconds between two looks at the facts where no event says that there is something to see."""


async def follow(
    bus: Bus,
    journal: Journal,
    state: RequestState,
    *,
    cursor: Cursor,
    seen: Callable[[Event], None],
    changed: Callable[[RequestState], None],
    over: Callable[[RequestState], bool],
    folded: Callable[[Entry], None] | None = None,
) -> RequestState:
    """Watch until `over` says so. `seen` gets each of the request's events, `changed` the state after each change, and
    `folded` before that each fact which made it.

    Events may be lost, so every round looks at the facts as well.
    """
    while True:
        if await catch_up(journal, state, folded):
            changed(state)
        if over(state):
            return state
        try:
            page = await bus.read("events", cursor, wait=WAIT, limit=200)
        except CursorExpired as expired:
            cursor = Cursor(expired.oldest)
            continue
        for cursor, message in page:  # noqa: B007 - the cursor is where the next round goes on
            try:
                event = schema.decode(Event, message.body)
            except ContractError:
                continue
            if event.request_id == state.id:
                seen(event)
