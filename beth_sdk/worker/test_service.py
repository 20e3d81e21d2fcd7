"""A service in its process: told to stop, watched by hooks, and well as long as its bus answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from beth_sdk.bus.base import Bus, Cursor
from beth_sdk.clock import Clock
from beth_sdk.errors import BusUnavailable
from beth_sdk.hookspecs import HookSink
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings
from beth_sdk.worker.conftest import Bench, Logged, settled, soon
from beth_sdk.worker.health import Health, check
from beth_sdk.worker.service import ServiceRun

SETTINGS = Settings.from_environment({"HOME": "/tmp"})


class Waiting:
    """A service that does nothing until it is told to stop, and then perhaps fails."""

    def __init__(self, fails: BaseException | None = None) -> None:
        self.got: tuple[Any, ...] = ()
        self._fails = fails

    async def run(
        self, bus: Bus, journal: Journal, settings: Settings, stop: asyncio.Event, *, clock: Clock, hooks: HookSink
    ) -> None:
        self.got = (bus, journal, settings, clock, hooks)
        await stop.wait()
        if self._fails is not None:
            raise self._fails


Running = Callable[[Waiting], ServiceRun]


@pytest.fixture
def service_run(bench: Bench) -> Running:
    def make(service: Waiting) -> ServiceRun:
        return ServiceRun(
            service,
            "beth",
            "beth-1",
            bus=bench.bus,
            journal=bench.journal,
            settings=SETTINGS,
            hooks=bench.hooks,
            clock=bench.clock,
            health=Health(bench.health_file, "beth", "beth-1", bench.clock),
        )

    return make


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_service_gets_the_ports_and_runs_until_it_is_told_to_stop(
    bench: Bench, service_run: Running, how: str
) -> None:
    service = Waiting()
    run = service_run(service)
    running = asyncio.ensure_future(run.run())
    await settled()
    assert service.got == (bench.bus, bench.journal, SETTINGS, bench.clock, bench.hooks)
    assert not run.drained.is_set()
    getattr(run, how)()
    await soon(running)
    assert run.drained.is_set()


async def test_hooks_come_in_pairs_with_how_long_it_was_up(bench: Bench, service_run: Running) -> None:
    run = service_run(Waiting())
    running = asyncio.ensure_future(run.run())
    await settled()
    bench.clock.advance(60)
    run.stop()
    await soon(running)
    assert [(name, record.uptime) for name, record in bench.hooks.seen] == [
        ("before_start", None),
        ("after_start", 0.0),
        ("before_stop", 60.0),
        ("after_stop", 60.0),
    ]


async def test_a_service_that_fails_raises_its_error_and_the_hooks_are_told(bench: Bench, service_run: Running) -> None:
    run = service_run(Waiting(ValueError("odd")))
    run.stop()
    with pytest.raises(ValueError, match="odd"):
        await soon(run.run())
    assert bench.hooks.names == ["before_start", "after_start", "before_stop", "after_stop"]
    assert run.drained.is_set()


async def test_a_service_that_exits_has_failed(service_run: Running) -> None:
    run = service_run(Waiting(SystemExit(3)))
    run.stop()
    with pytest.raises(RuntimeError, match=r"exit\(3\)"):
        await soon(run.run())


async def test_a_service_is_well_as_long_as_its_bus_answers_and_after_an_outage_again(
    bench: Bench, service_run: Running, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = asyncio.Event()
    tail = bench.bus.tail

    async def sometimes(topic: str) -> Cursor:
        if down.is_set():
            raise BusUnavailable("down")
        return await tail(topic)

    monkeypatch.setattr(bench.bus, "tail", sometimes)
    run = service_run(Waiting())
    running = asyncio.ensure_future(run.run())
    seen = []
    for state in (down.clear, down.set, down.clear):
        state()
        for _ in range(8):
            await settled()
            bench.clock.advance(5)
        await settled()
        seen.append(check(bench.health_file, bench.clock) is None)
    assert seen == [True, False, True]
    assert logged("the bus does not answer")[0] == {"error": "down"}
    run.stop()
    await soon(running)
