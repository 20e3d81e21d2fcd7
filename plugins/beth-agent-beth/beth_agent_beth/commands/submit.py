"""`beth submit`: hand a request in and leave."""

from __future__ import annotations

import asyncio
import json

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.asking import Given, asked, request_options
from beth_sdk.cli.options import bus_option, json_option, note, ports, settings_from
from beth_sdk.errors import ConfigurationError


@click.command()
@request_options
@click.option("--id", "request_id", help="The request's id; submitting the same id twice is one request.")
@bus_option
@json_option
def submit(
    given: Given,
    *,
    request_id: str | None,
    bus: str | None,
    as_json: bool,
) -> None:
    """Hand a request in for the agents that run elsewhere, and print its id.

    What --model, --record and --replay say holds for `beth resume`; agents that run already go by their own environment
    (BETH_MODELS, BETH_RECORD, BETH_REPLAY). Beth reads --repo, so a PATH must be one of the machine that she runs on.
    """
    if request_id is not None and not requests.good_id(request_id):
        raise click.BadParameter(f"{request_id!r}; accepted: {requests.ACCEPTED_IDS}", param_hint="--id")
    settings = settings_from(bus)
    request_ = asked(settings, given, request_id=request_id, check_roles=False)
    if settings.bus_url.startswith("memory:"):
        raise ConfigurationError("an in-memory bus ends with this process; use `beth run`, or another --bus")

    async def hand_in() -> str:
        async with ports(settings) as open_:
            return await request_.submit(open_.bus, open_.journal)

    name = asyncio.run(hand_in())
    if request_.environment:
        note(f"`beth resume {name}` sets {', '.join(request_.environment)}; agents that run already keep their own")
    click.echo(json.dumps({"request_id": name}) if as_json else name)
