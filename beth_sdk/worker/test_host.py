"""One process with its agents and services: opened, played, stopped, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beth_sdk import openers, schema
from beth_sdk.agent import Agent, Service
from beth_sdk.bus.base import BEGINNING, Bus, Queue
from beth_sdk.clock import Clock
from beth_sdk.conftest import Site
from beth_sdk.errors import ConfigurationError, PluginError, UnknownScheme
from beth_sdk.hookspecs import HookSink
from beth_sdk.journal.base import Journal
from beth_sdk.messages import Control, Result
from beth_sdk.plugins import InstalledAgent
from beth_sdk.publish import publish_task, send_control
from beth_sdk.settings import Settings
from beth_sdk.testing import ManualClock
from beth_sdk.worker.conftest import Acting, Gate, Logged, a_manifest, a_task, complete, soon
from beth_sdk.worker.host import DEFAULT_RESULTS, Host, instance_name, terms_of


@dataclass(frozen=True)
class Made(InstalledAgent):
    """Installed, for all that a host can tell."""

    player: Agent | Service | None = None

    def load(self) -> Agent | Service:
        if self.player is None:
            raise PluginError("beth.agents", self.name, self.distribution, "broken")
        return self.player


def installed(player: Agent | Service | None, more: str = "") -> InstalledAgent:
    return Made("developer", "beth-developer", "1.2.0", None, a_manifest(more), None, player)


def settings(path: Path, scheme: str = "memory", **changes: Any) -> Settings:
    url = f"memory://{path}" if scheme == "memory" else f"sqlite:///{path}/beth.db"
    return Settings(**{"bus_url": url, "journal_url": url, "home": path, **changes})


class Remembering(Acting):
    """An agent that remembers in which thread it was set up and closed."""

    def __init__(self) -> None:
        super().__init__(complete)
        self.threads: list[str] = []

    async def setup(self) -> None:
        self.threads.append(threading.current_thread().name)

    async def close(self) -> None:
        self.threads.append(threading.current_thread().name)


class Watching:
    """A service that says what it got, and when it was told to stop."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.ready = threading.Event()
        self.stopped = False
        self.ports: tuple[Bus, Journal] | None = None
        self._fails = fails

    async def run(
        self, bus: Bus, journal: Journal, settings: Settings, stop: asyncio.Event, *, clock: Clock, hooks: HookSink
    ) -> None:
        self.ports = (bus, journal)
        self.ready.set()
        if self._fails is not None:
            raise self._fails
        await stop.wait()
        self.stopped = True


def threads() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("beth-")}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def host(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Host]:
    async with Host(settings(tmp_path), clock=clock) as host:
        yield host


async def publish(host: Host) -> None:
    await host.call(publish_task(host.bus, a_task(), journal_id=host.journal.id))


async def result(host: Host) -> Result:
    """The first result, once it is there."""
    page = await soon(host.call(host.bus.read("results.beth", BEGINNING, wait=1000)))
    return schema.decode(Result, page[0][1].body)


# -- playing ------------------------------------------------------------------------------


async def test_a_host_plays_an_agent(host: Host) -> None:
    agent = Acting(complete)
    host.play(installed(agent), instance="developer-7")
    await publish(host)
    found = await result(host)
    assert (found.status, found.instance) == ("complete", "developer-7")
    assert agent.manifest.role == "developer"
    assert agent.settings is host.settings


async def test_agents_run_on_loops_of_their_own_apart_from_the_bus(host: Host) -> None:
    agent = Remembering()
    host.play(installed(agent))
    await publish(host)
    await result(host)
    assert {"beth-bus", "beth-developer"} <= threads()
    await soon(host.stop())
    assert agent.threads == ["beth-developer", "beth-developer"]


async def test_a_host_plays_a_service_on_the_loop_of_its_ports(host: Host) -> None:
    service = Watching()
    host.play(installed(service))
    await asyncio.to_thread(service.ready.wait, 10)
    assert service.ports == (host.bus, host.journal)
    assert threads() == {"beth-bus"}
    await soon(host.stop())
    assert service.stopped


async def test_several_play_side_by_side(host: Host) -> None:
    service, agent = Watching(), Acting(complete)
    host.play(installed(service))
    host.play(installed(agent))
    await publish(host)
    assert (await result(host)).status == "complete"
    await soon(host.stop())
    assert service.stopped
    assert agent.closed


async def test_an_agent_that_cannot_be_loaded_is_named_and_nothing_else_suffers(host: Host) -> None:
    with pytest.raises(PluginError, match="broken"):
        host.play(installed(None))
    assert threads() == {"beth-bus"}
    host.play(installed(Acting(complete)))
    await publish(host)
    assert (await result(host)).status == "complete"


# -- ending -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_an_idle_host_stops_without_waiting_for_the_receive_that_is_under_way(
    tmp_path: Path, clock: ManualClock, scheme: str
) -> None:
    async with Host(settings(tmp_path, scheme), clock=clock) as host:
        agent = Acting(complete)
        host.play(installed(agent))
        await publish(host)
        await result(host)
        await soon(host.stop())  # no time passes on this clock: whoever waited for the receive would wait forever
        assert agent.closed
    assert threads() == set()


async def test_leaving_the_host_stops_everybody_and_a_stop_before_it_is_harmless(
    tmp_path: Path, clock: ManualClock
) -> None:
    agent = Acting(complete)
    async with Host(settings(tmp_path), clock=clock) as host:
        host.play(installed(agent))
        await publish(host)
        await result(host)
        await soon(host.stop())
        await soon(host.stop())
    assert agent.closed
    assert threads() == set()


async def test_an_agent_whose_setup_raises_ends_the_host_with_that_error(host: Host, logged: Logged) -> None:
    class Unready(Acting):
        async def setup(self) -> None:
            raise ConfigurationError("no model is configured; set LLM_MODEL")

    host.play(installed(Watching()))
    host.play(installed(Unready(complete)))
    with pytest.raises(ConfigurationError, match="set LLM_MODEL"):
        await soon(host.wait())
    await soon(host.stop())
    assert logged("ended with an error") == [{"role": "developer", "error": "no model is configured; set LLM_MODEL"}]


async def test_a_service_that_fails_ends_the_host_with_its_error(host: Host) -> None:
    host.play(installed(Watching(ValueError("odd"))))
    with pytest.raises(ValueError, match="odd"):
        await soon(host.wait())


async def test_a_host_that_plays_nobody_need_not_be_waited_for(host: Host) -> None:
    await soon(host.wait())


async def test_a_worker_that_drained_ends_the_waiting_without_an_error(host: Host) -> None:
    host.play(installed(Acting(complete)))
    await publish(host)
    await result(host)
    await host.call(send_control(host.bus, "developer", schema.parse(Control, {"kind": "drain"})))
    waiting = asyncio.ensure_future(host.wait())
    await soon(host.call(_closed_soon(host)))
    await soon(waiting)


async def _closed_soon(host: Host) -> None:
    """A receive that is under way ends when something is published, or with the bus."""
    (playing,) = host._playing
    await playing.part.drained.wait()
    await host.bus.close()


class Held(Acting):
    """An agent in the middle of a step that nobody ends."""

    def __init__(self) -> None:
        self.reached = threading.Event()

        async def execute(task: Any, ctx: Any) -> Result:
            gate = Gate()

            async def step() -> str:
                self.reached.set()
                return await gate()

            return Result.complete(await ctx.step("gate", step, repeat="safe"))

        super().__init__(execute)


async def test_a_kill_interrupts_what_runs_and_hands_it_over(host: Host, clock: ManualClock) -> None:
    agent = Held()
    host.play(installed(agent, "limits = {concurrency = 1}"))
    await publish(host)
    assert await asyncio.to_thread(agent.reached.wait, 10)
    stopping = asyncio.ensure_future(host.stop())
    host.kill()
    await soon(stopping)
    kinds = [entry.fact.kind for entry in await host.call(_facts(host))]
    assert kinds == ["started", "handed_over"]


async def _facts(host: Host) -> list[Any]:
    return [entry async for entry in host.journal.read("task/task-1")]


async def test_being_told_to_stop_soon_waits_for_nobody(host: Host) -> None:
    service = Watching()
    host.play(installed(service))
    host.stop_soon()
    await soon(host.wait())
    assert service.stopped


async def test_not_waiting_for_the_end_any_more_ends_nobody(host: Host) -> None:
    service = Watching()
    host.play(installed(service))
    waiting = asyncio.ensure_future(host.wait())
    await asyncio.to_thread(service.ready.wait, 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not service.stopped
    await soon(host.stop())
    assert service.stopped


# -- opening ------------------------------------------------------------------------------


async def test_a_bus_that_cannot_be_opened_leaves_nothing_behind(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(UnknownScheme):
        async with Host(settings(tmp_path, bus_url="nonsense://x"), clock=clock):
            pass
    assert threads() == set()


async def test_a_journal_that_cannot_be_opened_closes_the_bus_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Bus] = []
    open_bus = openers.open_bus

    async def remember(url: str, **options: Any) -> Bus:
        opened.append(await open_bus(url, **options))
        return opened[0]

    monkeypatch.setattr(openers, "open_bus", remember)
    with pytest.raises(UnknownScheme):
        async with Host(settings(tmp_path, journal_url="nonsense://x"), clock=clock):
            pass
    assert threads() == set()
    with pytest.raises(Exception, match="closed"):
        await opened[0].declare(Queue("q"))


# -- hooks --------------------------------------------------------------------------------

SEEING = """
from beth_sdk.hookspecs import hookimpl
seen = []
@hookimpl
def before_start(record): seen.append(("before_start", record.role))
@hookimpl
def after_start(record): seen.append(("after_start", record.role))
@hookimpl
def before_task(record): seen.append(("before_task", record.task_id))
@hookimpl
def after_task(record): seen.append(("after_task", record.outcome))
@hookimpl
def before_stop(record): seen.append(("before_stop", record.role))
@hookimpl
def after_stop(record): seen.append(("after_stop", record.role))
"""


async def test_hook_plugins_see_everything_up_to_the_last_record_and_broken_ones_are_left_out(
    tmp_path: Path, clock: ManualClock, site: Site, logged: Logged
) -> None:
    site.distribution("seeing", {"beth.plugins": {"seeing": "seeing_plugin", "broken": "not_there"}})
    site.files({"seeing_plugin.py": SEEING})
    async with Host(settings(tmp_path), clock=clock) as host:
        host.play(installed(Acting(complete)))
        await publish(host)
        await result(host)
    import seeing_plugin  # type: ignore[import-not-found]

    seen = seeing_plugin.seen
    assert seen[:2] == [("before_start", "developer"), ("after_start", "developer")]
    assert seen.index(("before_task", "task-1")) < seen.index(("after_task", "complete"))
    assert seen.index(("before_stop", "developer")) < seen.index(("after_stop", "developer")) == len(seen) - 1
    assert len(logged("a plugin was left out")) == 1


# -- names and terms ----------------------------------------------------------------------


def test_an_instance_has_a_name_that_no_other_has() -> None:
    assert instance_name("developer").startswith("developer-")
    assert instance_name("developer") != instance_name("developer")


def test_settings_win_over_the_manifest(tmp_path: Path) -> None:
    manifest = a_manifest('limits = {attempts = 5, lease = "10s", concurrency = 4}')
    terms = terms_of(manifest, settings(tmp_path), "i", "d 1")
    assert (terms.max_attempts, terms.lease, terms.concurrency) == (5, 10.0, 4)
    assert (terms.publish_topic, terms.queues) == (DEFAULT_RESULTS, ("tasks.developer",))
    said = settings(
        tmp_path,
        max_attempts=1,
        lease=2.0,
        concurrency=3,
        publish_topic="results.x",
        subscribe_topics=("tasks.y",),
        stop_grace=7.0,
    )
    terms = terms_of(manifest, said, "i", "beth-developer 1.2.0")
    assert (terms.max_attempts, terms.lease, terms.concurrency, terms.stop_grace) == (1, 2.0, 3, 7.0)
    assert (terms.publish_topic, terms.queues, terms.package_version) == ("results.x", ("tasks.y",), "1.2.0")
