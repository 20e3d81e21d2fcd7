"""`beth watch`: see a request that others run."""

from __future__ import annotations

import asyncio
import time

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.conversing import input_option
from beth_agent_beth.commands.run import asked_right_there, tell
from beth_agent_beth.completing import REQUEST
from beth_agent_beth.running import Ending, embedded
from beth_agent_beth.running import watch as watching
from beth_agent_beth.terminal.display import Display, display_for
from beth_sdk.cli.in_use import is_in_use
from beth_sdk.cli.options import ExitCode, bus_option, json_option, ports, settings_from
from beth_sdk.cli.paths import databases
from beth_sdk.clock import SystemClock
from beth_sdk.settings import Settings


@click.command()
@click.argument("request", required=False, shell_complete=REQUEST)
@input_option
@bus_option
@json_option
def watch(request: str | None, *, no_input: bool, bus: str | None, as_json: bool) -> None:
    """Watch a request until it ends or waits for an answer; without a name, the newest that is open.

    At a terminal what it waits for is asked right there. Ctrl-C ends the watching, never the request.
    """
    settings = settings_from(bus)
    began = time.monotonic()
    alone = nobody_else(settings)
    while True:
        with display_for(json=as_json, clock=SystemClock()) as display:
            ending = asyncio.run(_watch(settings, request, display, alone=alone))
        if not asked_right_there(settings, ending, no_input=no_input, as_json=as_json):
            break
        request = ending.state.id
    if ending.interrupted and not as_json:
        click.echo(f"{ending.state.id} goes on; watch it with: beth watch {ending.state.id}")
        raise SystemExit(ExitCode.INTERRUPTED)
    tell(ending, time.monotonic() - began, as_json=as_json)


def nobody_else(settings: Settings) -> bool:
    """Whether no process on this machine uses the embedded bus or journal. On a server that cannot be seen."""
    if not embedded(settings):
        return False
    files = databases(settings)
    return bool(files) and not any(is_in_use(one) for one in files if one.exists())


async def _watch(settings: Settings, request: str | None, display: Display, *, alone: bool) -> Ending:
    async with ports(settings) as open_:
        name = request or await requests.newest_open(open_.journal)
        if alone and not (await requests.read(open_.journal, name)).ended:
            display.say([f"no Beth is at work on this bus now; go on with: beth resume {name}"])
        return await watching(open_.bus, open_.journal, name, display, told=alone)
