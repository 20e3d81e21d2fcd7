"""`beth serve ROLE`: one role in this process until it is told to stop; what a container runs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from beth_sdk import logs
from beth_sdk.cli.options import ExitCode, Override, bus_option, settings_from
from beth_sdk.cli.parent import die_with_parent
from beth_sdk.entry_points import reason_of
from beth_sdk.errors import BethError
from beth_sdk.plugins import InstalledAgent, discover_variables, find_agent
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host, instance_name

EXIT_GRACE = 2.0
"""Seconds the interpreter may take to exit when everything was handed over: it would wait for threads that agent code
left behind, however long those take."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command()
@click.argument("role")
@bus_option
@click.option("--concurrency", metavar="N", help="How many tasks at a time, instead of BETH_CONCURRENCY.")
@click.option("--instance", metavar="NAME", help="The name of this process, instead of BETH_INSTANCE.")
@click.option("--parent-pipe", type=int, hidden=True)
def serve(
    role: str, bus: str | None, concurrency: str | None, instance: str | None, parent_pipe: int | None
) -> ExitCode:
    """Run one agent in this process, as a container does.

    SIGTERM or Ctrl-C: takes nothing new, hands running tasks over at their next step and exits with 0. A second one
    does not wait for the steps that run; a third kills.
    """
    if parent_pipe is not None:
        die_with_parent(parent_pipe)
    settings = settings_from(
        bus,
        Override("--concurrency", "BETH_CONCURRENCY", concurrency),
        Override("--instance", "BETH_INSTANCE", instance),
    )
    installed = find_agent(role)
    assert installed.manifest is not None
    # A service reads its name from the settings, so that it is the same in all that this process says.
    settings = replace(settings, instance=settings.instance or instance_name(installed.role))
    logs.configure(settings, role=installed.role, instance=settings.instance)
    _warn_of_variables(installed.manifest.environment)
    asyncio.run(run(installed, settings))
    _exit_soon()
    return ExitCode.DONE


async def run(installed: InstalledAgent, settings: Settings) -> None:
    """Play the role until a signal says to stop. Raises what kept it from playing, in words for people."""
    try:
        async with Host(settings) as host:
            with _told_by_signals(host) as told:
                host.play(installed)
                await _until_told(host, told)
    except BethError:
        raise
    except Exception as error:
        raise BethError(f"{installed.role} ended with an error: {reason_of(error)}") from error


async def _until_told(host: Host, told: asyncio.Event) -> None:
    """Until it is told to stop, or until the role ends by itself (drained). Raises what the role raised."""
    ended = asyncio.ensure_future(host.wait())
    telling = asyncio.ensure_future(told.wait())
    await asyncio.wait({ended, telling}, return_when=asyncio.FIRST_COMPLETED)
    telling.cancel()
    if not ended.done():
        await host.stop()
    await ended


def _warn_of_variables(passed_on: Iterable[str]) -> None:
    """Of those that nothing reads; `passed_on` to the agent are read by it."""
    declared, problems = discover_variables()
    for problem in problems:
        logs.get("beth.serve").warning("a plugin's variables cannot be read", reason=str(problem))
    logs.warn_of_unknown_variables(also=[*passed_on, *(name for variable in declared for name in variable.names)])


@contextmanager
def _told_by_signals(host: Host) -> Iterator[asyncio.Event]:
    """Set by the first signal. The second does not wait for steps, and the third finds no handler any more."""
    loop = asyncio.get_running_loop()
    log = logs.get("beth.serve")
    told = asyncio.Event()

    def on_signal(number: int) -> None:
        log.info("signal", name=signal.Signals(number).name, stops="now" if told.is_set() else "at the next step")
        if told.is_set():
            host.kill()
            for one in SIGNALS:
                loop.remove_signal_handler(one)
                signal.signal(one, signal.SIG_DFL)
        told.set()

    for one in SIGNALS:
        loop.add_signal_handler(one, on_signal, one)
    try:
        yield told
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)


def _exit_soon() -> None:
    """See to it that this process exits, even where agent code left threads behind that go on."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ExitCode.DONE)

    timer = threading.Timer(EXIT_GRACE, leave)
    timer.daemon = True
    timer.start()
