"""`beth submit`: hand a request in and leave."""

from __future__ import annotations

import asyncio
import json

import click

from beth_agent_beth import requests
from beth_agent_beth import workflow as workflows
from beth_agent_beth.commands.reading import read_request
from beth_agent_beth.commands.run import criteria_option, workflow_option
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from
from beth_sdk.errors import ConfigurationError


@click.command()
@click.argument("request", metavar="REQUEST|FILE")
@criteria_option
@workflow_option
@click.option("--priority", type=click.IntRange(0, 4), default=2, show_default=True, help="0 first … 4 last.")
@click.option("--id", "request_id", help="The request's id; submitting the same id twice is one request.")
@bus_option
@json_option
def submit(
    request: str,
    *,
    criteria: tuple[str, ...],
    workflow: str,
    priority: int,
    request_id: str | None,
    bus: str | None,
    as_json: bool,
) -> None:
    """Hand a request in for the agents that run elsewhere, and print its id."""
    if request_id is not None and not requests.good_id(request_id):
        raise click.BadParameter(f"{request_id!r}; accepted: {requests.ACCEPTED_IDS}", param_hint="--id")
    wanted = read_request(request, criteria)
    plan = workflows.load(workflow)
    settings = settings_from(bus)
    if settings.bus_url.startswith("memory:"):
        raise ConfigurationError("an in-memory bus ends with this process; use `beth run`, or another --bus")

    async def hand_in() -> str:
        async with ports(settings) as open_:
            return await requests.submit(
                open_.bus,
                open_.journal,
                wanted.description,
                acceptance_criteria=wanted.criteria,
                plan=plan,
                priority=priority,
                request_id=request_id,
            )

    name = asyncio.run(hand_in())
    click.echo(json.dumps({"request_id": name}) if as_json else name)
