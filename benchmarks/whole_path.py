"""A no-op task through the whole path: publish, receive, decode, hooks, take, execute, ended, result, ack, read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from beth_sdk import Agent, Context, Result, Task, schema
from beth_sdk.bus.base import BEGINNING, Cursor
from beth_sdk.manifest import Manifest, parse_manifest
from beth_sdk.plugins import InstalledAgent
from beth_sdk.publish import publish_task
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host

ROLE = "noop"
RESULTS = "results.bench"


class Noop(Agent):
    """Does nothing, and says so in as many bytes as the raw side writes."""

    async def execute(self, task: Task, ctx: Context) -> Result:
        return Result.complete("x" * 450)


@dataclass(frozen=True)
class Installed:
    """Stands for an installed package, so that a benchmark installs none."""

    manifest: Manifest
    distribution: str = "noop"
    version: str = "1.0"

    def load(self) -> Agent:
        return Noop()


def a_task(name: str) -> Task:
    """A task of about 500 bytes."""
    payload = {"description": "x" * 300}
    fields = {"id": name, "type": "noop", "agent": ROLE, "payload": payload, "reply_to": RESULTS}
    return schema.parse(Task, {**fields, "timestamp": "2026-01-30T10:00:00Z"})


async def live(path: Path, tasks: int, concurrency: int) -> tuple[list[float], float]:
    """Seconds from each publish to its result with one outstanding (empty otherwise), and tasks a second."""
    url = f"sqlite:///{path}"
    settings = Settings(bus_url=url, journal_url=url, home=path.parent)
    manifest = parse_manifest(
        f'manifest_version = 1\nrole = "{ROLE}"\ndescription = "does nothing"\nclass = "bench:Noop"\n'
        f"[limits]\nconcurrency = {concurrency}\n"
    )
    async with Host(settings) as host:
        host.play(cast("InstalledAgent", Installed(manifest)))
        work = one_by_one(host, tasks) if concurrency == 1 else many(host, tasks, concurrency)
        return await host.call(work)


async def one_by_one(host: Host, tasks: int) -> tuple[list[float], float]:
    """Publish a task when the result of the one before has arrived."""
    bus, cursor, latencies = host.bus, BEGINNING, []
    started = time.perf_counter()
    for number in range(tasks):
        before = time.perf_counter()
        await publish_task(bus, a_task(f"one-{number}"), journal_id=host.journal.id)
        [(cursor, _)] = await bus.read(RESULTS, cursor, wait=60)
        latencies.append(time.perf_counter() - before)
    return latencies, tasks / (time.perf_counter() - started)


async def many(host: Host, tasks: int, concurrency: int) -> tuple[list[float], float]:
    """Keep `concurrency` tasks on their way."""
    bus = host.bus
    numbers = iter(range(tasks))
    started = time.perf_counter()

    async def publish() -> None:
        for number in numbers:
            await publish_task(bus, a_task(f"many-{number}"), journal_id=host.journal.id)

    async def count() -> None:
        cursor, left = Cursor(BEGINNING), tasks
        while left:
            page = await bus.read(RESULTS, cursor, wait=60, limit=500)
            cursor, left = page[-1][0], left - len(page)

    await asyncio.gather(count(), *(publish() for _ in range(concurrency)))
    return [], tasks / (time.perf_counter() - started)
