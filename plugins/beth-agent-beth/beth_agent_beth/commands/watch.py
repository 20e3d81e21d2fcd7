"""`beth watch`: see a request that others run."""

from __future__ import annotations

import asyncio
import time

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.run import tell
from beth_agent_beth.display import Display, display_for
from beth_agent_beth.running import Ending
from beth_agent_beth.running import watch as watching
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from
from beth_sdk.clock import SystemClock
from beth_sdk.settings import Settings


@click.command()
@click.argument("request", required=False)
@bus_option
@json_option
def watch(request: str | None, bus: str | None, as_json: bool) -> None:
    """Watch a request until it ends or waits for an answer; without a name, the newest that is open.

    Ctrl-C ends the watching, never the request.
    """
    settings = settings_from(bus)
    began = time.monotonic()
    with display_for(json=as_json, clock=SystemClock()) as display:
        ending = asyncio.run(_watch(settings, request, display))
    if ending.interrupted and not as_json:
        click.echo(f"{ending.state.id} goes on; watch it with: beth watch {ending.state.id}")
        raise SystemExit(130)
    tell(ending, time.monotonic() - began, as_json=as_json)


async def _watch(settings: Settings, request: str | None, display: Display) -> Ending:
    async with ports(settings) as open_:
        name = request or await requests.newest_open(open_.journal)
        return await watching(open_.bus, open_.journal, name, display)
