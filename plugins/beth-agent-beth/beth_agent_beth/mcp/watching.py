"""Waiting for news of a request: a question, the end of a task, the end of the request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from contextlib import suppress

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.following import follow
from beth_agent_beth.mcp import outputs
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import WatchRequest
from beth_agent_beth.mcp.report import SHORT, cut, status_of
from beth_agent_beth.orchestration.outcome import summary_of, waits_for_a_person, word_of
from beth_sdk.messages import FINAL_STATUSES, Event

HEARTBEAT = 5.0
"""Seconds after which a client that wants to know hears of the call even where nothing happens."""

APART = 0.5
"""Seconds between two notifications; of what comes faster the newest is told."""

KEPT = 20
"""Lines that a call tells of what was done while it waited."""

GOING_ON = ("received", "running")

TOLD = ("accepted", "step", "progress", "handed_over", "denied")


async def watch(access: Access, arguments: WatchRequest, caller: Caller) -> outputs.Watched:
    """Wait until there are news, or for as long as was asked for."""
    watching = _Watch(access, arguments)
    telling = asyncio.ensure_future(watching.tell(caller))
    try:
        state = await access.call(watching.wait())
    finally:
        watching.left = True  # whoever calls it off: the wait is on another loop
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)  # a client that cannot be told is gone
    told = status_of(state, access.trouble)
    return outputs.Watched(
        **dict(told), changed=state.ended or news_of(state) != watching.before, happened=list(watching.happened)
    )


def news_of(state: RequestState) -> Hashable:
    """What is worth coming back for: this differs then."""
    word = word_of(state)
    ended = frozenset((one.id, one.continuation) for one in state.tasks.values() if one.status in FINAL_STATUSES)
    asked = frozenset((one["task_id"], one["text"]) for one in summary_of(state)["questions"])
    return word if word not in GOING_ON else None, ended, asked


class _Watch:
    """`wait` runs on the loop of the bus, all else on the server's."""

    def __init__(self, access: Access, arguments: WatchRequest) -> None:
        self.before: Hashable = None
        self.happened: deque[str] = deque(maxlen=KEPT)
        self.left = False
        self._access = access
        self._state = RequestState(arguments.request_id)
        self._seconds = arguments.seconds
        self._after = arguments.after_version
        self._began = access.clock.monotonic()
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()

    async def wait(self) -> RequestState:
        """Raises `ConfigurationError` for a request that does not exist."""
        access, state = self._access, self._state
        cursor = await access.bus.tail("events")
        await requests.catch_up(access.journal, state, lambda _: self._folded())
        if not state.request:
            return await requests.read(access.journal, state.id)  # says what is wrong
        if self._after is None and not summary_of(state)["questions"]:
            self.before = news_of(state)
        return await follow(
            access.bus,
            access.journal,
            state,
            cursor=cursor,
            seen=self._seen,
            changed=lambda _: None,
            over=self._over,
        )

    def _folded(self) -> None:
        if self._after is not None and self._state.version <= self._after:
            self.before = news_of(self._state)

    def _over(self, state: RequestState) -> bool:
        if self.left or self._elapsed() >= self._seconds:
            return True
        return state.ended or waits_for_a_person(state) or news_of(state) != self.before

    def _elapsed(self) -> float:
        return self._access.clock.monotonic() - self._began

    def _seen(self, event: Event) -> None:
        one = self._state.tasks.get(event.task_id or "")
        if one is None or event.kind not in TOLD:
            return
        line = f"{one.agent} {one.name}: {event.kind.replace('_', ' ')} {event.message or ''}"
        self._loop.call_soon_threadsafe(self._heard, cut(" ".join(line.split()), SHORT))

    def _heard(self, line: str) -> None:
        self.happened.append(line)
        self._something.set()

    async def tell(self, caller: Caller) -> None:
        """Keep the client posted."""
        clock = self._access.clock
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), HEARTBEAT)
            self._something.clear()
            line = self.happened[-1] if self.happened else "waiting for news"
            await caller.progress(round(self._elapsed(), 3), max(self._seconds, self._elapsed()), line)
            await clock.sleep(APART)
