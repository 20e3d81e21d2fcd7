"""One execution of a task on the agent's loop: begun, limited in time and interrupted from the bus's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from beth_sdk.agent import Signal
from beth_sdk.clock import Clock
from beth_sdk.errors import LimitedBy
from beth_sdk.messages import Result
from beth_sdk.worker import results
from beth_sdk.worker.loops import LoopThread


class Execution:
    """May be interrupted before it has begun; it then never begins. On the bus's loop."""

    def __init__(self, agent_loop: LoopThread, clock: Clock) -> None:
        self.interrupted: BaseException | None = None
        """Why it was interrupted; of several reasons the first."""
        self._agent_loop = agent_loop
        self._clock = clock
        self._agent_task: asyncio.Task[Any] | None = None

    async def run(
        self, execute: Callable[[], Awaitable[Result]], *, wall: float | None, spent: float, by: LimitedBy = "manifest"
    ) -> Result | BaseException:
        """What came of it, whatever that is; where it was interrupted, why. A task may run for `wall` seconds, of
        which it has `spent` some before; `by`: whose limit that is."""
        timer = asyncio.ensure_future(self._stop_at(wall, spent, by))
        try:
            came_of_it = await self._agent_loop.call(self._on_agent_loop(execute))
        finally:
            timer.cancel()
        why = self.interrupted
        # An agent that saw that it shall stop may return what it has; but a result that was in time is one.
        if why is not None and (isinstance(why, Signal) or not isinstance(came_of_it, Result)):
            return why
        return came_of_it

    def interrupt(self, why: BaseException) -> None:
        """Have it cancelled. A second time, too: an agent may be slow to stop."""
        if self.interrupted is None:
            self.interrupted = why
        if self._agent_task is not None:
            self._agent_loop.loop.call_soon_threadsafe(self._agent_task.cancel)

    async def _on_agent_loop(self, execute: Callable[[], Awaitable[Result]]) -> Result | BaseException:
        # Told apart by who comes first: either this sees the interruption, or `interrupt` sees the task.
        self._agent_task = asyncio.current_task()
        if self.interrupted is not None:
            return self.interrupted
        try:
            return await execute()
        except BaseException as error:  # noqa: BLE001 - signals and cancellation are results here; the caller sorts them
            return error

    async def _stop_at(self, wall: float | None, spent: float, by: LimitedBy) -> None:
        if wall is not None:
            await self._clock.sleep(max(0.0, wall - spent))
            self.interrupt(results.wall_exceeded(wall, max(wall, spent), by))
