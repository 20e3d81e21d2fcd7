"""What all deliveries of a worker share: its ports, its loops, and the terms it works on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beth_sdk import retry
from beth_sdk.agent import Agent
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.hookspecs import HookSink
from beth_sdk.journal.base import Journal
from beth_sdk.logs import Log
from beth_sdk.manifest import Manifest
from beth_sdk.worker.events import EventSink
from beth_sdk.worker.loops import LoopThread


@dataclass(frozen=True, slots=True)
class Terms:
    """What settings and manifest agree on for this worker. Durations in seconds."""

    queues: Sequence[str]
    instance: str
    version: str
    """`distribution version` of the agent package."""
    lease: float
    concurrency: int
    max_attempts: int
    publish_topic: str
    stop_grace: float
    backoff: retry.Backoff = retry.Backoff()

    @property
    def package_version(self) -> str:
        """The version alone, as a task's `requires` means it."""
        return self.version.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a delivery meets. `draining` is set once the worker was told to stop; `random` gives a number in [0, 1)."""

    agent: Agent
    manifest: Manifest
    terms: Terms
    bus: Bus
    journal: Journal
    events: EventSink
    hooks: HookSink
    clock: Clock
    log: Log
    bus_loop: LoopThread
    agent_loop: LoopThread
    draining: asyncio.Event
    random: Callable[[], float]
