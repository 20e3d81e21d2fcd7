"""`beth plan`: a request's plan as a file, to be read, changed and handed back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.editing import edited, plan_now, proposed, remarks
from beth_agent_beth.completing import REQUEST
from beth_agent_beth.fold.questions import APPROVE
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.plan.plan_toml import written
from beth_sdk.cli.options import ExitCode, bus_option, json_option, note, ports, settings_from, show_json
from beth_sdk.errors import BethError, ConfigurationError
from beth_sdk.settings import Settings


@click.command()
@click.argument("request", required=False, shell_complete=REQUEST)
@click.option("--output", "-o", metavar="FILE", help="Write it there, instead of printing it.")
@click.option("--edit", is_flag=True, help="Open it in $EDITOR, and approve what was saved.")
@bus_option
@json_option
def plan(request: str | None, *, output: str | None, edit: bool, bus: str | None, as_json: bool) -> ExitCode:
    """Show the plan of a REQUEST as TOML: its tasks, what each needs and why it is there. Without a name, the newest.

    What it prints is what `beth run --workflow FILE` takes, and `beth answer REQUEST approve --plan FILE` for a plan
    that was proposed with --approve-plan.
    """
    settings = settings_from(bus)
    state = asyncio.run(_read(settings, request))
    if edit:
        return _edited(settings, state)
    found = plan_now(state)
    text = written(found, remarks(state))
    if output is not None:
        _write(Path(output), text)
        note(f"{output} has the plan of {state.id}")
    if as_json:
        show_json({"request_id": state.id, "proposed": proposed(state), "plan": found.model_dump(mode="json")})
    elif output is None:
        click.echo(text, nl=False)
    return ExitCode.DONE


def _edited(settings: Settings, state: RequestState) -> ExitCode:
    if not proposed(state):
        raise BethError(f"the plan of {state.id} waits for nobody's approval: only one that does can be changed")
    found = edited(state)
    if found is None:
        return ExitCode.CANCELLED

    async def approve() -> bool:
        async with ports(settings) as open_:
            return await requests.answer(open_.bus, open_.journal, state.id, APPROVE, plan=found)

    if not asyncio.run(approve()):
        click.echo(f"{state.id} was answered by somebody else meanwhile; the first answer counts")
        return ExitCode.FAILED
    click.echo(f"{state.id} goes by the plan with {len(found.task)} tasks; go on with: beth resume {state.id}")
    return ExitCode.DONE


async def _read(settings: Settings, request: str | None) -> RequestState:
    async with ports(settings) as open_:
        return await requests.read(open_.journal, request or await requests.newest(open_.journal))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from None
