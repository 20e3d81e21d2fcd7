"""One process: a bus and a journal on a loop of their own, and the agents and services that share them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import secrets
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from beth_sdk import logs, openers
from beth_sdk import manifest as manifests
from beth_sdk.agent import Agent, Service
from beth_sdk.bus.base import DEFAULT_LEASE, Bus
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.hooks import HookQueue
from beth_sdk.journal.base import Journal
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import InstalledAgent, load_hook_plugins
from beth_sdk.settings import Settings
from beth_sdk.worker.health import Health
from beth_sdk.worker.loops import LoopThread
from beth_sdk.worker.service import ServiceRun
from beth_sdk.worker.surroundings import Terms
from beth_sdk.worker.worker import Worker

T = TypeVar("T")

DEFAULT_RESULTS = "results.beth"
"""Where a result goes whose task has no `reply_to`, without PUBLISH_TOPIC."""

HOOKS_WAIT = 2.0
"""Seconds that hook plugins get for the records that wait when the process ends."""


@dataclass(frozen=True, slots=True)
class _Playing:
    """Someone who plays a role in this process; a service has no loop of its own."""

    role: str
    part: Worker | ServiceRun
    done: concurrent.futures.Future[None]
    agent_loop: LoopThread | None


class Host:
    """Opens bus and journal, runs agents and services until `stop`. Use as an async context manager."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.bus: Bus
        self.journal: Journal
        self._loop = LoopThread("beth-bus")
        self._playing: list[_Playing] = []
        self._hooks: HookQueue
        self._log = logs.get("beth.host")

    async def __aenter__(self) -> Self:
        plugins, broken = load_hook_plugins()
        for error in broken:
            self._log.error("a plugin was left out", error=str(error))
        self._hooks = HookQueue(plugins)
        self._loop.start()
        opened: list[Bus | Journal] = []
        try:
            self.bus = await self.call(
                openers.open_bus(self.settings.bus_url, clock=self.clock, retention=self.settings.retention)
            )
            opened.append(self.bus)
            self.journal = await self.call(openers.open_journal(self.settings.journal_url, clock=self.clock))
        except BaseException:
            for port in opened:
                await self.call(port.close())
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
            await self.call(self.journal.close())
        finally:
            await self._close()

    async def _close(self) -> None:
        await asyncio.to_thread(self._loop.close)
        await asyncio.to_thread(self._hooks.close, HOOKS_WAIT)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine on the loop that owns bus and journal."""
        return await self._loop.call(work)

    @property
    def hooks(self) -> HookQueue:
        """The hook plugins of this process."""
        return self._hooks

    def play(self, installed: InstalledAgent, *, instance: str | None = None) -> None:
        """Start an installed agent or service here. Raises `PluginError`, `SettingError`."""
        assert installed.manifest is not None
        manifest = installed.manifest
        name = instance or self.settings.instance or instance_name(manifest.role)
        player = installed.load()
        version = f"{installed.distribution} {installed.version}"
        if isinstance(player, Agent):
            self._play_agent(player, manifest, name, version, self.settings.health_file)
            return
        part = self._service_run(player, manifest.role, name)
        self._playing.append(_Playing(manifest.role, part, self._loop.submit(part.run()), None))
        beside = getattr(player, "agent", None)
        if isinstance(beside, Agent):  # the service's health is that of both
            self._play_agent(beside, manifest, name, version, None)

    def _play_agent(
        self, agent: Agent, manifest: Manifest, instance: str, version: str, health_file: Path | None
    ) -> None:
        terms = terms_of(manifest, self.settings, instance, version)
        agent.manifest, agent.settings = manifest, self.settings
        agent_loop = LoopThread(f"beth-{manifest.role}").start()
        worker = self._loop.submit(self._worker(agent, terms, agent_loop, health_file)).result()
        self._playing.append(_Playing(manifest.role, worker, self._loop.submit(worker.run()), agent_loop))

    async def wait(self) -> None:
        """Until one of the players has ended; raises what it raised."""
        if self._playing:
            ended, _ = await asyncio.wait(
                [_ending(one.done) for one in self._playing], return_when=asyncio.FIRST_COMPLETED
            )
            for one in ended:
                one.result()

    async def stop(self) -> None:
        """Have every worker hand over and every service stop, wait for them, and close the bus."""
        self.stop_soon()
        await asyncio.gather(*(self._drained(one) for one in self._playing))
        try:
            await self.call(self.bus.close())
        finally:
            await self._gone()

    def stop_soon(self) -> None:
        """Tell everybody to stop at the next step boundary, without waiting."""
        for one in self._playing:
            self._loop.loop.call_soon_threadsafe(one.part.stop)

    def kill(self) -> None:
        """Tell everybody to stop at once, without waiting."""
        for one in self._playing:
            self._loop.loop.call_soon_threadsafe(one.part.kill)

    # -- inside -------------------------------------------------------------------------------

    async def _worker(self, agent: Agent, terms: Terms, agent_loop: LoopThread, health_file: Path | None) -> Worker:
        role = agent.manifest.role
        return Worker(
            agent,
            agent.manifest,
            terms,
            bus=self.bus,
            journal=self.journal,
            bus_loop=self._loop,
            agent_loop=agent_loop,
            hooks=self._hooks,
            clock=self.clock,
            log=logs.get("beth.worker").bind(role=role, instance=terms.instance),
            health=Health(health_file, role, terms.instance, self.clock),
        )

    def _service_run(self, service: Service, role: str, instance: str) -> ServiceRun:
        return ServiceRun(
            service,
            role,
            instance,
            bus=self.bus,
            journal=self.journal,
            settings=self.settings,
            hooks=self._hooks,
            clock=self.clock,
            health=Health(self.settings.health_file, role, instance, self.clock),
        )

    async def _drained(self, one: _Playing) -> None:
        drained = asyncio.wrap_future(self._loop.submit(_until(one.part.drained)))
        await asyncio.wait({_ending(one.done), drained}, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    async def _gone(self) -> None:
        ended = await asyncio.gather(*(_ending(one.done) for one in self._playing), return_exceptions=True)
        for one, outcome in zip(self._playing, ended, strict=True):
            if isinstance(outcome, Exception):
                self._log.error("ended with an error", role=one.role, error=str(outcome))
            if one.agent_loop is not None:
                await asyncio.to_thread(one.agent_loop.close)
        self._playing.clear()


def terms_of(manifest: Manifest, settings: Settings, instance: str, version: str) -> Terms:
    """What a worker of this role does here: the settings win over the manifest."""
    limits = manifests.effective_limits(manifest, settings)
    return Terms(
        queues=manifests.effective_queues(manifest, settings),
        instance=instance,
        version=version,
        lease=limits.lease_seconds or DEFAULT_LEASE,
        concurrency=limits.concurrency,
        max_attempts=limits.attempts,
        publish_topic=settings.publish_topic or DEFAULT_RESULTS,
        stop_grace=settings.stop_grace,
    )


def instance_name(role: str) -> str:
    """A name for this process's agent that no other has: role, host, process and four random hex digits."""
    return f"{role}-{socket.gethostname().split('.')[0]}-{os.getpid()}-{secrets.token_hex(2)}"


def _ending(done: concurrent.futures.Future[None]) -> asyncio.Future[None]:
    """The end of a player, to be awaited here; whoever does not ask how it ended need not."""
    ending = asyncio.wrap_future(done)
    ending.add_done_callback(lambda over: over.cancelled() or over.exception())
    return ending


async def _until(event: asyncio.Event) -> None:
    await event.wait()
