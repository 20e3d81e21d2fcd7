"""Following `control.<role>`: a nudge makes a running task look into its journal now, not at its next step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from beth_sdk import schema
from beth_sdk.bus.base import Bus, Cursor, Message
from beth_sdk.clock import Clock
from beth_sdk.errors import BusError, ContractError, CursorExpired
from beth_sdk.logs import Log
from beth_sdk.messages import Control
from beth_sdk.publish import control_topic
from beth_sdk.worker.health import Health
from beth_sdk.worker.insist import LONGEST_DELAY
from beth_sdk.worker.run import TaskRun

CONTROL_WAIT = 5.0
"""Seconds one look at the control messages waits: the longest that a bus which answers leaves the health file alone."""


class ControlListener:
    """What is lost here only comes later: what counts stands in the journal."""

    def __init__(
        self,
        runs: Collection[TaskRun],
        *,
        role: str,
        bus: Bus,
        clock: Clock,
        log: Log,
        health: Health,
        drain: Callable[[], None],
    ) -> None:
        self._runs = runs
        self._topic = control_topic(role)
        self._bus = bus
        self._clock = clock
        self._log = log
        self._health = health
        self._drain = drain
        self._to_look: set[TaskRun] = set()
        self._looking: dict[TaskRun, asyncio.Task[None]] = {}

    async def forever(self) -> None:
        """Heed what is said from now on, until cancelled."""
        cursor: Cursor | None = None
        while True:
            try:
                if cursor is None:
                    cursor = await self._bus.tail(self._topic)
                page = await self._bus.read(self._topic, cursor, wait=CONTROL_WAIT)
            except CursorExpired:
                cursor = None
                continue
            except BusError as error:
                self._log.warning("cannot read control messages", error=str(error), again_in=LONGEST_DELAY)
                await self._clock.sleep(LONGEST_DELAY)
                continue
            self._health.alive(running=len(self._runs))
            for place, message in page:
                cursor = place
                self._heed(message)

    def _heed(self, message: Message) -> None:
        try:
            control = schema.decode(Control, message.body)
        except ContractError as error:
            self._log.warning("not a control message of this contract", error=str(error))
            return
        if control.kind == "drain":
            self._drain()
            return
        for run in self._runs:
            if run.hold is not None and control.task_id in {None, run.task.id}:
                self._to_look.add(run)
                if run not in self._looking:  # beside the listening: one journal that hangs must not end it
                    self._looking[run] = asyncio.ensure_future(self._look(run))

    async def _look(self, run: TaskRun) -> None:
        try:
            while run in self._to_look:
                self._to_look.discard(run)
                await run.look_again()
        except Exception as error:  # noqa: BLE001 - the task looks by itself at its next step
            self._log.warning("a control message had no effect", task_id=run.task.id, error=str(error))
        finally:
            self._to_look.discard(run)
            del self._looking[run]
