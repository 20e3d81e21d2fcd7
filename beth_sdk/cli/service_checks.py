"""Checks of what a service needs: the bus, the journal, and the agents that are installed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from beth_sdk import openers
from beth_sdk.bus.base import Message
from beth_sdk.cli.checks import Check
from beth_sdk.cli.text import plural
from beth_sdk.command import launch
from beth_sdk.errors import BethError, ConfigurationError, Held
from beth_sdk.plugins import InstalledAgent, discover_agents
from beth_sdk.redact import redact
from beth_sdk.settings import Settings

NAME = "doctor"
"""The topic and the stream that are written to; nobody else uses them."""

SLOW = 0.25
"""Seconds for a durable write beyond which every step of every task is felt."""


async def check_bus(settings: Settings) -> list[Check]:
    """Whether the bus can be opened and written, and how long that takes."""
    url = redact(settings.bus_url)
    try:
        bus = await openers.open_bus(settings.bus_url, retention=settings.retention)
    except BethError as error:
        return [_unreachable("bus", error, "MESSAGE_BUS_URL")]
    try:
        began = time.perf_counter()
        await bus.append(NAME, Message(NAME, b"{}"))
        took = time.perf_counter() - began
        durable = bus.capabilities.durable
    except BethError as error:
        return [_unreachable("bus", error, "MESSAGE_BUS_URL")]
    finally:
        await bus.close()
    found = [_answered("bus", url, took)]
    if not durable:
        found.append(Check("bus", "warn", f"{url} forgets everything when its process ends", "use sqlite or a server"))
    return found


async def check_journal(settings: Settings) -> list[Check]:
    """Whether the journal can be opened and written, and how long that takes."""
    url = redact(settings.journal_url)
    try:
        journal = await openers.open_journal(settings.journal_url)
    except BethError as error:
        return [_unreachable("journal", error, "BETH_JOURNAL_URL")]
    try:
        began = time.perf_counter()
        try:
            await journal.drop(await journal.take(NAME, f"{NAME}-{os.getpid()}", 1.0))
        except Held:  # another doctor is at work, and the journal has said so
            pass
        return [_answered("journal", url, (time.perf_counter() - began) / 2)]
    except BethError as error:
        return [_unreachable("journal", error, "BETH_JOURNAL_URL")]
    finally:
        await journal.close()


async def check_agents(_: Settings, environ: Mapping[str, str] | None = None) -> list[Check]:
    """Every installed agent: its manifest, its class imported, its program looked for."""
    agents = discover_agents()
    if not agents:
        return [Check("agents", "warn", "no agent is installed, so no task is ever done", "install an agent's package")]
    problems = [check for agent in agents for check in _problems(agent, os.environ if environ is None else environ)]
    working = len(agents) - len(problems)
    return [Check("agents", "ok", f"{plural(working, 'agent')} can be run"), *problems]


def _problems(agent: InstalledAgent, environ: Mapping[str, str]) -> list[Check]:
    name = f"agent {agent.role}"
    whose = f"{agent.distribution} {agent.version}"
    try:
        agent.load()
        if agent.manifest is not None and agent.manifest.command is not None:
            launch.arguments(agent.manifest, environ)
    except BethError as error:
        return [Check(name, "fail", f"{whose}: {error}", f"mend, upgrade or uninstall {agent.distribution}")]
    return []


def _answered(name: str, url: str, seconds: float) -> Check:
    took = f"{url}: a write takes {seconds * 1000:.1f} ms"
    if seconds > SLOW:
        return Check(name, "warn", took, "see what keeps the disk or the server busy")
    return Check(name, "ok", took)


def _unreachable(name: str, error: BethError, variable: str) -> Check:
    if isinstance(error, ConfigurationError):
        return Check(name, "fail", redact(str(error)), f"correct {variable}, or install what it needs")
    return Check(name, "fail", redact(str(error)), f"start the server, or correct {variable}")
