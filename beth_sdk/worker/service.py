"""A service in its process: run until it is told to stop, with the hooks and the health file that a worker has too."""

from __future__ import annotations

import asyncio

from beth_sdk import logs
from beth_sdk.agent import Service
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.errors import BusError
from beth_sdk.hookspecs import HookSink, ServiceRecord
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings
from beth_sdk.worker.health import WRITE_EVERY, Health

log = logs.get(__name__)


class ServiceRun:
    """One service at work. Lives on the loop of bus and journal."""

    def __init__(
        self,
        service: Service,
        role: str,
        instance: str,
        *,
        bus: Bus,
        journal: Journal,
        settings: Settings,
        hooks: HookSink,
        clock: Clock,
        health: Health,
    ) -> None:
        self.drained = asyncio.Event()
        """Set once the bus may be closed."""
        self._service = service
        self._role = role
        self._instance = instance
        self._bus = bus
        self._journal = journal
        self._settings = settings
        self._hooks = hooks
        self._clock = clock
        self._health = health
        self._stop = asyncio.Event()
        self._began = clock.monotonic()

    def stop(self) -> None:
        """Tell the service to stop."""
        self._stop.set()

    def kill(self) -> None:
        """A service has no step boundaries to wait for: the same as `stop`."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until stopped. Raises what the service raises."""
        self._hooks.emit("before_start", ServiceRecord(self._role, self._instance))
        beating = asyncio.ensure_future(self._beat())
        stopping = asyncio.ensure_future(self._tell_of_the_stop())
        self._hooks.emit("after_start", self._record())
        try:
            await self._service.run(
                self._bus, self._journal, self._settings, self._stop, clock=self._clock, hooks=self._hooks
            )
        except SystemExit as error:
            raise RuntimeError(f"it called exit({error.code!r})") from error
        finally:
            self._stop.set()
            await stopping
            beating.cancel()
            self.drained.set()
            self._hooks.emit("after_stop", self._record())

    async def _tell_of_the_stop(self) -> None:
        await self._stop.wait()
        self._hooks.emit("before_stop", self._record())

    async def _beat(self) -> None:
        while True:
            try:
                await self._bus.tail("events")
                self._health.alive(running=0)
            except BusError as error:
                log.warning("the bus does not answer", error=str(error))
            await self._clock.sleep(WRITE_EVERY)

    def _record(self) -> ServiceRecord:
        return ServiceRecord(self._role, self._instance, self._clock.monotonic() - self._began)
