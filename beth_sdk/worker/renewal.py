"""Renewing what a worker keeps: every hold and every delivery, at a third of the lease."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.errors import HoldLost, LeaseLost
from beth_sdk.journal.base import Hold, Journal
from beth_sdk.logs import Log
from beth_sdk.worker.run import TaskRun


class Renewal:
    """Two renewals may fail before a lease of `lease` seconds is lost. One that hangs holds no other up: neither the
    delivery's its hold's, nor one task's another's."""

    def __init__(
        self, runs: Collection[TaskRun], *, bus: Bus, journal: Journal, clock: Clock, log: Log, lease: float
    ) -> None:
        self._runs = runs
        self._bus = bus
        self._journal = journal
        self._clock = clock
        self._log = log
        self._lease = lease
        self._under_way: dict[tuple[TaskRun, str], asyncio.Task[None]] = {}

    async def forever(self) -> None:
        """Renew whatever runs, until cancelled; what is under way then is left to itself."""
        while True:
            await self._clock.sleep(self._lease / 3)
            for run in self._runs:
                if run.hold is not None:
                    self._begin(run, "hold", self._renew(run, run.hold))
                if run.taken:
                    self._begin(run, "delivery", self._extend(run))

    def _begin(self, run: TaskRun, what: str, work: Coroutine[Any, Any, None]) -> None:
        place = (run, what)
        if place in self._under_way:  # it hangs; another beside it would do no better
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._under_way[place] = task
        task.add_done_callback(lambda _: self._under_way.pop(place))

    async def _renew(self, run: TaskRun, hold: Hold) -> None:
        try:
            await self._journal.renew(hold)
        except HoldLost as lost:
            if run.hold is not None:  # otherwise it ended meanwhile, and gave its hold up itself
                run.fence(lost, "renewal")
        except Exception as error:  # noqa: BLE001 - the next renewal may do better; two may fail
            self._log.warning("a hold was not renewed", stream=hold.stream, error=str(error))

    async def _extend(self, run: TaskRun) -> None:
        try:
            await self._bus.extend(run.delivery)
        except LeaseLost:
            # Harmless: whoever gets its copy finds the hold, and goes back.
            self._log.debug("a delivery was lost", key=run.delivery.key)
        except Exception as error:  # noqa: BLE001 - a lost delivery is harmless
            self._log.warning("a delivery was not extended", key=run.delivery.key, error=str(error))
