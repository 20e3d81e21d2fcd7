"""`beth run` and `beth resume`: a request to its end, with the agents in this process where the bus is embedded."""

from __future__ import annotations

import asyncio
import json
import time
from typing import NoReturn

import click

from beth_agent_beth import requests, view, workflow
from beth_agent_beth.commands.exits import exit_code
from beth_agent_beth.commands.leaving import leave
from beth_agent_beth.commands.reading import read_request
from beth_agent_beth.display import Display, display_for
from beth_agent_beth.outcome import summary_of
from beth_agent_beth.running import Ending, Opening, embedded, roles, run_here, watch
from beth_sdk import logs
from beth_sdk.bus.base import Bus
from beth_sdk.cli.options import bus_option, json_option, ports, settings_from
from beth_sdk.clock import SystemClock
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings

criteria_option = click.option(
    "--criteria", "-c", multiple=True, metavar="TEXT", help="An acceptance criterion; may be given several times."
)
workflow_option = click.option(
    "--workflow", "-w", default="feature", show_default=True, help="A workflow's name, or the path of a .toml file."
)


@click.command()
@click.argument("request", metavar="REQUEST|FILE")
@criteria_option
@workflow_option
@click.option("--priority", type=click.IntRange(0, 4), default=2, show_default=True, help="0 first … 4 last.")
@bus_option
@json_option
def run(
    request: str, *, criteria: tuple[str, ...], workflow: str, priority: int, bus: str | None, as_json: bool
) -> None:
    """Have a request done and watch it until it ends.

    REQUEST is the request in words, a file that holds it (text, or a task as JSON), or - for standard input. On the
    embedded bus the installed agents run in this process; on a server they run elsewhere, and this submits and watches.

    The first Ctrl-C stops at the next step and prints how to go on; a second one stops at once.
    """
    settings = settings_from(bus)
    wanted = read_request(request, criteria)
    plan = load_plan(workflow, settings)

    async def submit(bus: Bus, journal: Journal) -> str:
        return await requests.submit(
            bus, journal, wanted.description, acceptance_criteria=wanted.criteria, plan=plan, priority=priority
        )

    _to_its_end(settings, submit, as_json=as_json)


@click.command()
@click.argument("name", metavar="[REQUEST|TASK]", required=False)
@bus_option
@json_option
def resume(name: str | None, bus: str | None, as_json: bool) -> None:
    """Go on with a request that was interrupted, paused or answered; without a name, with the newest that is open."""
    settings = settings_from(bus)

    async def go_on(bus: Bus, journal: Journal) -> str:
        return await requests.reopen(bus, journal, name or await requests.newest_open(journal))

    _to_its_end(settings, go_on, as_json=as_json)


def load_plan(name: str, settings: Settings) -> workflow.Plan:
    """A workflow by name; on the embedded bus somebody here must play each of its roles."""
    plan = workflow.load(name)
    if embedded(settings):
        workflow.check_roles(plan, roles())
    return plan


def _to_its_end(settings: Settings, opening: Opening, *, as_json: bool) -> None:
    clock = SystemClock()
    log_to_file(settings)
    began = time.monotonic()
    with display_for(json=as_json, clock=clock) as display:
        ending = asyncio.run(_drive(settings, clock, opening, display))
    tell(ending, time.monotonic() - began, as_json=as_json)


def log_to_file(settings: Settings) -> None:
    """Keep the log of what runs in this process out of the picture: it goes to `<home>/logs/beth.log`."""
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    logs.configure(settings, stream=(folder / "beth.log").open("a", encoding="utf-8"))


async def _drive(settings: Settings, clock: SystemClock, opening: Opening, display: Display) -> Ending:
    if embedded(settings):
        return await run_here(settings, clock, opening, display)
    async with ports(settings) as open_:
        request_id = await opening(open_.bus, open_.journal)
        return await watch(open_.bus, open_.journal, request_id, display)


def tell(ending: Ending, seconds: float, *, as_json: bool) -> NoReturn:
    """Say how it ended, and exit accordingly."""
    state = ending.state
    if as_json:
        click.echo(json.dumps({**summary_of(state), "interrupted": ending.interrupted}, ensure_ascii=False))
    else:
        for line in _told(ending, seconds):
            click.echo(line)
    leave(exit_code(state, interrupted=ending.interrupted))


def _told(ending: Ending, seconds: float) -> list[str]:
    state = ending.state
    if state.ended:
        return view.closing(state, seconds)
    if ending.interrupted:
        return [f"interrupted; go on with: beth resume {state.id}"]
    questions = view.questions(state)
    what = "waiting for an answer; then" if questions else "paused;"
    return [*questions, f"{what} go on with: beth resume {state.id}"]
