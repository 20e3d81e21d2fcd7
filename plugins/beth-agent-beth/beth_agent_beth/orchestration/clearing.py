"""Deleting the clones of tasks that are over, beside everything else Beth does: none of it holds up a request.

Nothing of it is journaled. A clone is deleted when its task's work is in the branch, or its task was cancelled; that of
a task that failed stays until its request is archived, for somebody may have it tried again, and what git ignores is
only there. What a Beth that was killed left is found by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_kit.workspace import clearing
from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError, JournalError
from beth_sdk.journal.base import Journal
from beth_sdk.logs import Log

PAUSE = 0.2
"""Seconds between two looks at the disk, however often a request changes meanwhile."""

LAST_WAIT = 5.0
"""Seconds that what is still to be deleted gets when Beth is told to stop."""

OVER = ("complete", "cancelled")


class Clearing:
    """For the requests of one Beth, whose clones are under `home`."""

    def __init__(self, home: Path, journal: Journal, clock: Clock, log: Log) -> None:
        self._home = home
        self._journal = journal
        self._clock = clock
        self._log = log
        self._changed: dict[str, RequestState] = {}
        self._something = asyncio.Event()

    def changed(self, state: RequestState) -> None:
        """Look, soon, whether clones of this request can go."""
        self._changed[state.id] = state
        self._something.set()

    async def forever(self) -> None:
        """Delete what can go, as requests change; first what another Beth left."""
        await self.look_around()
        while True:
            await self._something.wait()
            await self._clock.sleep(PAUSE)
            await self.clear()

    async def look_around(self) -> None:
        """Have a look at every request that has clones on this machine."""
        for request_id in await asyncio.to_thread(clearing.requests_with_clones, self._home):
            if request_id not in self._changed:
                try:
                    self.changed(await requests.read(self._journal, request_id))
                except ConfigurationError:
                    pass  # a task of nobody's request, or another journal's: not hers to delete
                except JournalError as error:
                    self._log.warning("clones were not looked at", request_id=request_id, error=str(error))

    async def clear(self) -> None:
        """Delete what can go of the requests that changed."""
        self._something.clear()
        while self._changed:
            request_id, state = self._changed.popitem()
            await self._guarded(request_id, lambda state=state: self._clear(state))  # type: ignore[misc]

    async def finish(self) -> None:
        """Delete what can go before Beth stops, unless that takes too long."""
        clearing_up = asyncio.ensure_future(self.clear())
        await asyncio.wait({clearing_up}, timeout=LAST_WAIT)
        clearing_up.cancel()
        await asyncio.gather(clearing_up, return_exceptions=True)

    async def archived(self, request_id: str) -> None:
        """Delete whatever a request still has: nobody can have it tried again."""

        async def whatever() -> None:
            found = await asyncio.to_thread(clearing.tasks_with_clones, self._home, request_id)
            await clearing.clear(self._home, request_id, found, self._clock)

        await self._guarded(request_id, whatever)

    async def _clear(self, state: RequestState) -> None:
        there = await asyncio.to_thread(clearing.tasks_with_clones, self._home, state.id)
        over = [task_id for task_id in there if _over(state, task_id)]
        if over or state.ended:
            stay = await clearing.clear(self._home, state.id, over, self._clock)
            self._log.debug("clones deleted", request_id=state.id, tasks=len(over) - len(stay))
            for task_id in stay:
                self._log.warning("a clone stays: a program in it does not end", task_id=task_id)

    async def _guarded(self, request_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """A clone that stays harms nothing but the disk's room."""
        try:
            await work()
        except OSError as error:
            self._log.warning("a clone was not deleted", request_id=request_id, error=str(error))


def _over(state: RequestState, task_id: str) -> bool:
    """Whether nobody needs a task's clone any more."""
    one = state.tasks.get(task_id)
    if one is None:  # such as the copy in which packages are set up
        return state.ended and state.status in OVER
    return one.status in OVER and task_id not in state.to_merge
