"""Events on their way to the bus: sent in the background, several at once, never in a task's way."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import Any

from beth_sdk import schema, trace
from beth_sdk.bus.base import Bus, Message
from beth_sdk.clock import Clock
from beth_sdk.errors import BethError
from beth_sdk.logs import Log
from beth_sdk.messages import Event, EventKind, Task, timestamp

TOPIC = "events"
WAITING_AT_MOST = 1000
AT_ONCE = 64


class EventSink:
    """A bounded queue in front of the topic `events`; lives on the bus's loop. Overflow is counted and dropped."""

    def __init__(self, bus: Bus, clock: Clock, log: Log) -> None:
        self.dropped = 0
        self._bus = bus
        self._clock = clock
        self._log = log
        self._waiting: deque[tuple[Event, str | None]] = deque()
        self._some = asyncio.Event()
        self._closing = False
        self._sender = asyncio.ensure_future(self._send())

    def emit(
        self,
        kind: EventKind,
        task: Task,
        instance: str,
        *,
        message: str | None = None,
        data: dict[str, Any] | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Send an event about a task; from the bus's loop."""
        if len(self._waiting) >= WAITING_AT_MOST:
            self.dropped += 1
            return
        fields: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "kind": kind,
            "timestamp": timestamp(self._clock.wall()),
            "task_id": task.id,
            "agent": task.agent,
            "instance": instance,
        }
        known = {"request_id": task.request_id, "message": message, "data": data}
        fields.update({name: value for name, value in known.items() if value is not None})
        try:
            event = schema.parse(Event, fields)
        except BethError as error:
            self._log.warning("an event that breaks the contract was dropped", error=str(error), task_id=task.id)
            return
        self._waiting.append((event, traceparent))
        self._some.set()

    async def close(self) -> None:
        """Send what waits, once, and stop."""
        self._closing = True
        self._some.set()
        await self._sender

    async def _send(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                outcomes = await asyncio.gather(
                    *(self._append(event, parent) for event, parent in batch), return_exceptions=True
                )
                lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
                if lost:
                    self.dropped += len(lost)
                    self._log.warning("events were lost", number=len(lost), error=str(lost[0]))
            if self._closing:
                return

    async def _append(self, event: Event, traceparent: str | None) -> None:
        headers = {"content-type": "application/json"}
        if traceparent:
            headers[trace.HEADER] = trace.child(traceparent)
        await self._bus.append(TOPIC, Message(event.request_id or event.task_id or "", schema.encode(event), headers))
