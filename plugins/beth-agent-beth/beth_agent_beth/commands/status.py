"""`beth status` and `beth list`: what the journal says of requests."""

from __future__ import annotations

import asyncio
import json
import time

import click

from beth_agent_beth import requests
from beth_agent_beth.completing import REQUEST
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.outcome import summary_of, word_of
from beth_agent_beth.terminal import view
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from
from beth_sdk.cli.text import one_line
from beth_sdk.settings import Settings


@click.command()
@click.argument("request", required=False, shell_complete=REQUEST)
@bus_option
@json_option
def status(request: str | None, bus: str | None, as_json: bool) -> None:
    """Show a request: its tasks, what it waits for, what it brought. Without a name, the newest."""
    state = asyncio.run(_read(settings_from(bus), request))
    if as_json:
        click.echo(json.dumps(summary_of(state), ensure_ascii=False))
        return
    click.echo(f"{state.id} {word_of(state)}: {one_line(state.request['description'])}")
    if state.reason:
        click.echo(f"  {one_line(state.reason)}")
    for one in state.tasks.values():
        click.echo(f"  {view.plain(one, None, 0.0)}")
    for line in view.questions(state):
        click.echo(line)


@click.command(name="list")
@click.option("--open", "only_open", is_flag=True, help="Only those that have not ended.")
@bus_option
@json_option
def list_(only_open: bool, bus: str | None, as_json: bool) -> None:
    """List the requests that the journal has, oldest first."""
    found = [one for one in asyncio.run(_all(settings_from(bus))) if not (only_open and one.ended)]
    if as_json:
        click.echo(json.dumps([_row(one) for one in found], ensure_ascii=False))
        return
    now = time.time()
    rows = [
        (one.id, word_of(one), view.duration(max(0.0, now - one.received_at)), view.first_line(one, 60))
        for one in found
    ]
    for line in view.table(rows) or ["no requests"]:
        click.echo(line)


async def _read(settings: Settings, request: str | None) -> RequestState:
    async with ports(settings) as open_:
        return await requests.read(open_.journal, request or await requests.newest(open_.journal))


async def _all(settings: Settings) -> list[RequestState]:
    async with ports(settings) as open_:
        found = [state async for state in requests.every(open_.journal)]
    return sorted(found, key=lambda state: state.received_at)


def _row(state: RequestState) -> dict[str, object]:
    return {
        "request_id": state.id,
        "status": word_of(state),
        "description": state.request["description"],
        "received_at": state.received_at,
        "ended_at": state.ended_at,
        "tasks": len(state.tasks),
    }
