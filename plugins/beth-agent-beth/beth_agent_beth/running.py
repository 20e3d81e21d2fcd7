"""Running a request to its end: on an embedded bus with the agents in this process, on a server by watching."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.following import follow
from beth_agent_beth.models import lacks
from beth_agent_beth.orchestration.outcome import waits_for_a_person
from beth_agent_beth.terminal.display import Display
from beth_agent_beth.terminal.signals import Interrupts
from beth_sdk import logs
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BethError, ConfigurationError, PluginError
from beth_sdk.history import TaskHistory, read_history
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.messages import Event
from beth_sdk.plugins import InstalledAgent, discover_agents
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host

EMBEDDED = ("sqlite", "memory")
"""Schemes of buses that need no server: whoever runs a request there runs its agents too."""

ROLE = "beth"

KILL_GRACE = 2.0
"""Seconds that interrupted tasks get to hand over after the second Ctrl-C; what still blocks is left to its lease."""

SAY_SO = 1.0
"""Seconds of waiting for other requests' tasks after which it is said."""

QUIET = 30.0
"""Seconds without a fact or an event after which a watcher is told that nobody may be at work."""

MOST_BEGUN = 100
"""Tasks whose journal is looked at for how long they have been at work; of more, only what events tell."""

Opening = Callable[[Bus, Journal], Coroutine[Any, Any, str]]
"""What to do first; returns the request's id."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How far the request came while it was watched."""

    state: RequestState
    interrupted: bool = False


def embedded(settings: Settings) -> bool:
    """Whether this bus needs no server."""
    return settings.bus_url.partition(":")[0] in EMBEDDED


def team() -> tuple[list[InstalledAgent], list[InstalledAgent]]:
    """The installed agents that work, Beth among them, and those that are broken."""
    installed = discover_agents()
    return [one for one in installed if one.error is None], [one for one in installed if one.error is not None]


def roles() -> set[str]:
    """The roles that can be played here."""
    return set().union(*(_queues_of(one) for one in team()[0])) - {ROLE}


def players(needed: set[str]) -> list[InstalledAgent]:
    """The installed agents that play these roles."""
    return [one for one in team()[0] if _queues_of(one) & needed]


def _queues_of(agent: InstalledAgent) -> set[str]:
    """The roles under which tasks reach an agent: its own, and its aliases."""
    aliases = agent.manifest.aliases if agent.manifest is not None else ()
    return {agent.role, *(alias.removeprefix("tasks.") for alias in aliases)}


async def run_here(settings: Settings, clock: Clock, opening: Opening, display: Display) -> Ending:
    """Play every installed agent in this process until the request has ended or waits for a person.

    The first Ctrl-C pauses the request and stops at the next step boundary; the second stops at once.
    """
    working, broken = team()
    for one in broken:
        display.say([f"left out: {one.error}"])
    if all(one.role != ROLE for one in working):
        raise ConfigurationError("beth-agent-beth is not installed, so nobody can look after a request")
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(Host(settings, clock=clock))
        with Interrupts() as interrupts:
            ending = await _Here(host, clock, display, interrupts).run(opening, working)
            if not await _stopped(host, clock, display, interrupts):
                stack.pop_all()  # what still blocks ends with this process
        if ending.interrupted:
            return Ending(await host.call(requests.read(host.journal, ending.state.id)), interrupted=True)
        return ending


def play(host: Host, agents: Iterable[InstalledAgent], needed: set[str]) -> list[str]:
    """Start these agents here; returns what is to be said of those that cannot be. Raises `PluginError` where that is
    Beth, or plays a role that is `needed`. One that is not and whose model lacks a key is left out, which only the log
    says: whoever needs it hears of it before."""
    left_out = []
    for agent in agents:
        wanted = bool(_queues_of(agent) & {ROLE, *needed})
        lacking = None if wanted else lacks(agent, host.settings, os.environ)
        if lacking is not None:
            logs.get("beth.run").info("left out", role=agent.role, reason=lacking)
            continue
        try:
            host.play(agent)
        except PluginError as error:
            if wanted:
                raise
            left_out.append(f"left out: {error}")
    return left_out


class _Here:
    """One request in this process."""

    def __init__(self, host: Host, clock: Clock, display: Display, interrupts: Interrupts) -> None:
        self._host = host
        self._clock = clock
        self._display = display
        self._interrupts = interrupts
        self._left = False

    async def run(self, opening: Opening, working: list[InstalledAgent]) -> Ending:
        host, display = self._host, self._display
        request_id = await host.call(opening(host.bus, host.journal))
        display.say([request_id])
        state = await host.call(requests.read(host.journal, request_id))
        display.state(state)
        cursor = await host.call(host.bus.tail("events"))
        self._play(working, requests.roles_of(state))
        watching = asyncio.ensure_future(
            host.call(
                follow(
                    host.bus,
                    host.journal,
                    state,
                    cursor=cursor,
                    seen=display.event,
                    changed=display.state,
                    folded=display.fact,
                    over=lambda state: self._left or _over(state),
                )
            )
        )
        await self._name_others(request_id)
        return await self._until_over(watching, state)

    def _play(self, working: list[InstalledAgent], needed: set[str]) -> None:
        self._display.say(play(self._host, working, needed))
        missing = needed.difference(*(_queues_of(agent) for agent in working))
        if missing:
            self._display.say([f"no installed agent plays {', '.join(sorted(missing))}; those tasks wait"])

    async def _name_others(self, request_id: str) -> None:
        others = await self._host.call(requests.others_going_on(self._host.journal, request_id))
        if others:
            self._display.say([f"also going on here, because they are open: {', '.join(others)}"])

    async def _until_over(self, watching: asyncio.Future[RequestState], state: RequestState) -> Ending:
        broken = asyncio.ensure_future(self._host.wait())
        interrupted = asyncio.ensure_future(self._interrupts.first.wait())
        waiting: set[asyncio.Future[Any]] = {watching, broken, interrupted}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if broken.done() and not (watching.done() or interrupted.done()):
                broken.result()  # raises what an agent ended with; one that was told to drain just ended
                await asyncio.wait(waiting - {broken}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                self._interrupts.first.set()  # from here on Ctrl-C does not wait
                return Ending(watching.result())
        finally:
            self._left = True  # cancelling the wait does not end what runs on the loop of the bus
            for one in waiting:
                one.cancel()
        self._display.say(["stopping at the next step; Ctrl-C again stops at once"])
        try:
            await self._host.call(requests.pause(self._host.bus, self._host.journal, state.id))
        except BethError:
            pass  # it ended in this very moment
        return Ending(state, interrupted=True)


def _over(state: RequestState) -> bool:
    return state.ended or waits_for_a_person(state)


async def _stopped(host: Host, clock: Clock, display: Display, interrupts: Interrupts) -> bool:
    """Stop at the step boundaries, or at once after a second Ctrl-C; returns False where something still blocks."""
    stopping = asyncio.ensure_future(host.stop())
    second = asyncio.ensure_future(interrupts.second.wait())
    say_so = asyncio.ensure_future(clock.sleep(SAY_SO))
    await asyncio.wait({stopping, second, say_so}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done() and not second.done():
        display.say(["waiting until what still runs reaches its next step; Ctrl-C does not wait"])
        await asyncio.wait({stopping, second}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        host.kill()
        grace = asyncio.ensure_future(clock.sleep(KILL_GRACE))
        await asyncio.wait({stopping, grace}, return_when=asyncio.FIRST_COMPLETED)
        grace.cancel()
    for one in (second, say_so):
        one.cancel()
    if stopping.done():
        stopping.result()
    return stopping.done()


async def watch(
    bus: Bus,
    journal: Journal,
    request_id: str,
    display: Display,
    *,
    clock: Clock | None = None,
    told: bool = False,
) -> Ending:
    """Watch a request that others run, until it has ended or waits for a person. Ctrl-C only ends the watching. `told`:
    that nobody seems to be at work was said already."""
    cursor = await bus.tail("events")
    state = await requests.read(journal, request_id)
    quiet = _Quiet(display, state)
    for task_id in list(state.outstanding)[:MOST_BEGUN]:
        quiet.begun(task_id, await read_history(journal, task_id))
    display.state(state)
    with Interrupts() as interrupts:
        watching = asyncio.ensure_future(
            follow(
                bus,
                journal,
                state,
                cursor=cursor,
                seen=quiet.event,
                changed=display.state,
                folded=quiet.fact,
                over=_over,
            )
        )
        stop = asyncio.ensure_future(interrupts.first.wait())
        listening = asyncio.ensure_future(quiet.listen(clock or SystemClock(), told=told))
        await asyncio.wait({watching, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        listening.cancel()
        if watching.done():
            return Ending(watching.result())
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return Ending(state, interrupted=True)


class _Quiet:
    """Says once that nothing happens: who is at work elsewhere cannot be seen from here."""

    def __init__(self, display: Display, state: RequestState) -> None:
        self._display = display
        self._state = state
        self._heard = False
        self._at_work: set[str] = set()

    def begun(self, task_id: str, history: TaskHistory) -> None:
        if history.newest is not None and history.newest.outcome == "died":  # or goes on
            self._at_work.add(task_id)
        self._display.begun(task_id, history)

    def event(self, event: Event) -> None:
        self._heard = True
        if event.task_id is not None and event.kind == "accepted":
            self._at_work.add(event.task_id)
        self._display.event(event)

    def fact(self, entry: Entry) -> None:
        self._heard = True
        self._display.fact(entry)

    async def listen(self, clock: Clock, *, told: bool) -> None:
        """Wait until it is to be said. A task that somebody has begun may be quiet for longer: a model thinks."""
        while not told:
            self._heard = False
            await clock.sleep(QUIET)
            if not self._heard and self._at_work.isdisjoint(self._state.outstanding):
                said = f"nothing has happened for {QUIET:.0f} s: where no Beth runs, `beth up` starts all agents"
                self._display.say([said])
                told = True
