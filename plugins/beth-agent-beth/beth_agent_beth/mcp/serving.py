"""The process behind `beth mcp`: it serves one client, and on an embedded bus plays the installed agents meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from beth_agent_beth.commands.leaving import end_soon
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.server import server_of
from beth_agent_beth.mcp.wire import Wire
from beth_agent_beth.running import ROLE, embedded, play, team
from beth_agent_beth.terminal.signals import Interrupts
from beth_sdk import logs
from beth_sdk.cli.text import one_line
from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError
from beth_sdk.plugins import InstalledAgent
from beth_sdk.redact import redact
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host

PATIENCE = 6.0
"""Seconds that running tasks get to reach their next step when the client has gone; after that they are interrupted,
and handed over as well. Less than the 10 that container runtimes wait before they kill."""

INTERRUPTED = 1.5
"""Seconds that interrupted tasks get to hand over; what still blocks is left to its lease. Clients kill a server two
seconds after they told it to end."""

log = logs.get(__name__)

Say = Callable[[str], None]


async def serve(
    settings: Settings, wire: Wire, clock: Clock, *, models: Sequence[str], log_file: Path, say: Say
) -> None:
    """Serve the client until it is gone or a signal comes, then hand over what runs.

    Raises `ConfigurationError` where Beth herself is missing.
    """
    agents = _agents(say) if embedded(settings) else []
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(Host(settings, clock=clock))
        access = Access(settings, host, clock, models)
        server = server_of(access, log_file)
        with Interrupts() as interrupts:
            async with wire.streams() as (incoming, outgoing):
                work = (
                    server.run(incoming, outgoing, server.create_initialization_options()),
                    _playing(access, agents, say),
                    interrupts.first.wait(),
                )
                waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(one) for one in work]
                ended, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in rest:
                    one.cancel()
                await asyncio.wait(waiting)
            insisting = interrupts.second if interrupts.first.is_set() else interrupts.first
            if not await _handed_over(host, clock, insisting):
                log.warning("something still blocks; its tasks go on elsewhere once their leases have run out")
                stack.pop_all()  # it ends with this process
        end_soon(0)  # a thread that agent code left behind must not hold up the end
    for one in ended:
        one.result()


def _agents(say: Say) -> list[InstalledAgent]:
    working, broken = team()
    for one in broken:
        _tell(say, f"left out: {one.error}")
    if all(one.role != ROLE for one in working):
        raise ConfigurationError("beth-agent-beth is not installed, so nobody can look after a request")
    return working


async def _playing(access: Access, agents: Sequence[InstalledAgent], say: Say) -> None:
    """Play these agents for good. One that ends with an error is told of to whoever asks: a client shows its user what
    a tool answers, and of a server that has ended no more than that."""
    try:
        for line in await _started(access.host, agents):
            _tell(say, line)
        await access.host.wait()
    except Exception as error:  # noqa: BLE001 - of whatever kind: it was an agent's
        access.trouble.append(one_line(redact(str(error) or type(error).__name__)))
        _tell(say, access.trouble[0])
    await asyncio.Event().wait()


async def _started(host: Host, agents: Sequence[InstalledAgent]) -> list[str]:
    """Beside the loop: importing agents takes seconds, and the client waits for its first answer."""
    starting = asyncio.ensure_future(asyncio.to_thread(play, host, agents, {ROLE}))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=INTERRUPTED)  # what starts after the stop would not be stopped
        raise


async def _handed_over(host: Host, clock: Clock, insisting: asyncio.Event) -> bool:
    """Stop at the step boundaries, or at once when time is up or somebody insists; False where something blocks."""
    stopping = asyncio.ensure_future(host.stop())
    insists = asyncio.ensure_future(insisting.wait())
    patience = asyncio.ensure_future(clock.sleep(PATIENCE))
    await asyncio.wait({stopping, insists, patience}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        host.kill()
        grace = asyncio.ensure_future(clock.sleep(INTERRUPTED))
        await asyncio.wait({stopping, grace}, return_when=asyncio.FIRST_COMPLETED)
        grace.cancel()
    insists.cancel()
    patience.cancel()
    if stopping.done():
        stopping.result()
    return stopping.done()


def _tell(say: Say, line: str) -> None:
    log.warning(line)
    say(line)
