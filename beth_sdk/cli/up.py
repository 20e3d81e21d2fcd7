"""`beth up`: every installed agent in a process of its own, watched over by this one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from beth_sdk.cli.options import ExitCode, Override, bus_option, json_option, note, overridden, settings_from
from beth_sdk.cli.supervised import Screen
from beth_sdk.cli.supervisor import Place, Supervisor
from beth_sdk.cli.text import plural
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import ConfigurationError, UnknownRole
from beth_sdk.plugins import InstalledAgent, discover_agents
from beth_sdk.settings import Settings

MOST = 1000
"""Processes of one role at most."""

# SIGHUP: the terminal was closed.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@click.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@click.option("--scale", "scales", multiple=True, metavar="ROLE=N", help="How many processes of a role; one without.")
@bus_option
@json_option
def up(roles: tuple[str, ...], scales: tuple[str, ...], bus: str | None, as_json: bool) -> ExitCode:
    """Run every installed agent, each in a process of its own.

    With ROLEs, only those. Their output comes out here, each line marked with role and number. One that crashes is
    started again, after a delay of one second up to thirty.

    SIGTERM or Ctrl-C: every process hands its tasks over at the next step, and is waited for. A second one kills.
    Where this process is killed, its processes end too.

    --json: a line for each event (started, exited, restarting) on standard output.
    """
    settings = settings_from(bus)
    check_bus(settings)
    found = discover_agents()
    for agent in found:
        if agent.error is not None:
            note(f"left out: {agent.error}")
    places = places_of(chosen_roles(found, roles), parse_scales(scales))
    environ = overridden(os.environ, [Override("--bus", "MESSAGE_BUS_URL", bus)])
    return asyncio.run(run(places, environ, SystemClock(), as_json=as_json))


async def run(places: Sequence[Place], environ: Mapping[str, str], clock: Clock, *, as_json: bool) -> ExitCode:
    """Watch over a process for each place until a signal ends it, or until all have ended for good."""
    shown = environ.get("BETH_LOG_FORMAT") or ("text" if sys.stderr.isatty() else "json")
    alone = len({place.role for place in places}) == 1
    width = max(len(place.name) for place in places)
    screen = Screen(width, clock, as_json=as_json)
    supervisor = Supervisor(
        places,
        command,
        lambda place: environment_of(place, environ, alone=alone, log_format=shown),
        clock=clock,
        tell=screen.tell,
        output=screen.output,
    )
    screen.on_gone = supervisor.stop
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        if len(received) == 1:
            waits_for = ", ".join(place.name for place in supervisor.running)
            screen.say(f"stopping; waiting for {waits_for or 'nobody'} (again: kill)")
            supervisor.stop()
        else:
            screen.say("killing")
            supervisor.kill()

    loop = asyncio.get_running_loop()
    for one in SIGNALS:
        loop.add_signal_handler(one, on_signal, one)
    codes = await supervisor.run()
    return exit_code_of(codes, told=len(received))


# -- who --------------------------------------------------------------------------------------


def check_bus(settings: Settings) -> None:
    """Raises `ConfigurationError` for a bus or journal that processes cannot share."""
    for url in (settings.bus_url, settings.journal_url):
        if url.startswith("memory:"):
            raise ConfigurationError(f"{url} lives in one process only: name a file or a server")


def chosen_roles(found: Sequence[InstalledAgent], roles: Sequence[str]) -> list[str]:
    """The roles to run: those named, or all that work. Raises `UnknownRole`, the error of a broken one that was named,
    and `ConfigurationError` where nothing is left."""
    sound = [agent.role for agent in found if agent.error is None]
    for role in roles:
        if role not in sound:
            broken = next((agent.error for agent in found if agent.error is not None and agent.role == role), None)
            raise broken or UnknownRole(role, sorted(sound))
    chosen = list(dict.fromkeys(roles)) or sound
    if not chosen:
        raise ConfigurationError("no agent is installed that could be run; `beth agents` says more")
    return chosen


def parse_scales(scales: Sequence[str]) -> dict[str, int]:
    """`developer=2` → {"developer": 2}. Raises `UsageError`."""
    parsed: dict[str, int] = {}
    for text in scales:
        found = re.fullmatch(r"([^=]+)=([0-9]{1,4})", text)
        if found is None or int(found[2]) > MOST:
            raise click.UsageError(f"--scale {text}: write ROLE=N, with N from 0 to {MOST}")
        parsed[found[1]] = int(found[2])
    return parsed


def places_of(roles: Sequence[str], scales: Mapping[str, int]) -> list[Place]:
    """One place for each role, or as many as its scale says. Raises `UsageError`, `ConfigurationError`."""
    for role, count in scales.items():
        if role not in roles:
            known = ", ".join(sorted(roles))
            raise click.UsageError(f"--scale {role}={count}: {role} is not among what is run: {known}")
    places = [Place(role, index) for role in roles for index in range(1, scales.get(role, 1) + 1)]
    if not places:
        raise ConfigurationError("every role is scaled to 0, so there is nothing to run")
    return places


# -- how --------------------------------------------------------------------------------------


def command(place: Place, lifeline: int) -> list[str]:
    """How a place's process is started: by this very Python, with nothing imported from the current folder (-P)."""
    return [sys.executable, "-P", "-m", "beth_sdk.cli", "serve", place.role, "--parent-pipe", str(lifeline)]


def environment_of(place: Place, environ: Mapping[str, str], *, alone: bool, log_format: str) -> dict[str, str]:
    """This process's environment, without what two processes must not have in common.

    `alone`: all processes play the same role, so that SUBSCRIBE_TOPICS can be meant for it.
    """
    environment = {**environ, "BETH_LOG_FORMAT": log_format}
    environment.pop("BETH_LOG_FORMAT_FILE", None)
    if "BETH_INSTANCE" in environ:
        environment["BETH_INSTANCE"] = f"{environ['BETH_INSTANCE']}-{place.role}-{place.index}"
    if "BETH_HEALTH_FILE" in environ:
        file = Path(environ["BETH_HEALTH_FILE"])
        environment["BETH_HEALTH_FILE"] = str(file.with_name(f"{file.name}.{place.role}-{place.index}"))
    if not alone:
        environment.pop("SUBSCRIBE_TOPICS", None)
        environment.pop("SUBSCRIBE_TOPICS_FILE", None)
    return environment


def exit_code_of(codes: Mapping[Place, int], *, told: int) -> ExitCode:
    """What `up` exits with, after `told` signals: stopping as told is success, whatever the processes made of it."""
    if told:
        return ExitCode.DONE if told == 1 else ExitCode.INTERRUPTED
    if all(code == 0 for code in codes.values()):
        return ExitCode.DONE
    note(f"{plural(sum(code != 0 for code in codes.values()), 'process', 'processes')} ended for good with an error")
    return ExitCode.FAILED
