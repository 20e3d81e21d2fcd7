"""Requests as the journal has them: folded from all their facts, or just how they stand, told from the facts' kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_sdk.journal.base import Entry, Journal


async def catch_up(journal: Journal, state: RequestState, seen: Callable[[Entry], None] | None = None) -> bool:
    """Fold what is new, showing each entry to `seen`; returns whether anything was."""
    before = state.version
    async for entry in journal.read(facts.stream_of(state.id), after=state.version or None):
        state.take_in(entry)
        if seen is not None:
            seen(entry)
    return state.version != before


@dataclass(slots=True)
class Standing:
    """How a request stands, cheap enough to look through thousands. `received_at` and `ended_at` in seconds since the
    Unix epoch; `received_at` is None for a request that does not exist. `status` is final, or `open`."""

    id: str
    received_at: float | None = None
    ended_at: float | None = None
    status: str = "open"
    paused: bool = False

    @property
    def open(self) -> bool:
        return self.received_at is not None and self.ended_at is None


async def standing_of(journal: Journal, request_id: str) -> Standing:
    """How one request stands."""
    found = Standing(request_id)
    async for entry in journal.read(facts.stream_of(request_id)):
        match entry.fact.kind:
            case facts.RECEIVED:
                found.received_at = entry.at
            case facts.ENDED:
                found.ended_at, found.status = entry.at, str(entry.fact.data["status"])
            case facts.REDRIVEN:
                found.ended_at, found.status = None, "open"
            case facts.PAUSE | facts.RESUME if entry.fact.data.get("task_id") is None:
                found.paused = entry.fact.kind == facts.PAUSE
    return found


async def standings(journal: Journal) -> AsyncIterator[Standing]:
    """How every request stands that is not archived."""
    async for stream in journal.streams(facts.PREFIX):
        found = await standing_of(journal, stream.removeprefix(facts.PREFIX))
        if found.received_at is not None:
            yield found
