"""`beth cancel`, `beth pause` and `beth answer`: what people say of a request or of one of its tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.conversing import answered, somebody_there, waiting
from beth_agent_beth.completing import ASKING, OPEN
from beth_agent_beth.fold.questions import APPROVE
from beth_agent_beth.orchestration.outcome import word_of
from beth_agent_beth.plan import workflow
from beth_agent_beth.running import embedded
from beth_sdk.cli.options import ExitCode, Ports, bus_option, json_option, ports, settings_from
from beth_sdk.errors import ConfigurationError
from beth_sdk.settings import Settings

T = TypeVar("T")


@click.command()
@click.argument("name", metavar="REQUEST|TASK", shell_complete=OPEN)
@click.option("--reason", default="", help="Why; it stands in the result.")
@bus_option
@json_option
def cancel(name: str, reason: str, bus: str | None, as_json: bool) -> None:
    """Cancel a request or one of its tasks. What runs is stopped, programs it started included."""
    settings = settings_from(bus)
    _do(settings, lambda open_: requests.cancel(open_.bus, open_.journal, name, reason))
    _say(as_json, f"{name} is being cancelled{_hint(settings, name)}", name=name, cancelled=True)


@click.command()
@click.argument("name", metavar="REQUEST|TASK", shell_complete=OPEN)
@bus_option
@json_option
def pause(name: str, bus: str | None, as_json: bool) -> None:
    """Have a request or one of its tasks stop at the next step and wait, for as long as it takes."""
    _do(settings_from(bus), lambda open_: requests.pause(open_.bus, open_.journal, name))
    _say(as_json, f"{name} pauses at its next step; go on with: beth resume {name}", name=name, paused=True)


@click.command()
@click.argument("name", metavar="REQUEST|TASK", shell_complete=ASKING)
@click.argument("text", required=False)
@click.option("--plan", "file", metavar="FILE", help="Approve this plan in the place of the one that is proposed.")
@bus_option
@json_option
def answer(name: str, text: str | None, file: str | None, bus: str | None, as_json: bool) -> None:
    """Answer what a REQUEST or a TASK asks. Of several answers the first counts.

    Without TEXT it is asked for at the terminal. To a question about money the answer is the new total in US dollars,
    or stop.
    """
    settings = settings_from(bus)
    plan = None if file is None else workflow.load(str(Path(file).absolute()) if file.endswith(".toml") else file)
    if text is None and plan is not None:
        text = APPROVE
    if text is None:
        _asked_for(settings, name, as_json=as_json)
        return
    counted = _do(settings, lambda open_: requests.answer(open_.bus, open_.journal, name, text, plan=plan))
    if not counted:
        _say(as_json, f"{name} was answered before; the first answer counts", task_id=name, counted=False)
        raise SystemExit(ExitCode.FAILED)
    _say(as_json, f"{name} is answered{_hint(settings, name)}", task_id=name, counted=True)


def _asked_for(settings: Settings, name: str, *, as_json: bool) -> None:
    if not somebody_there(no_input=False, as_json=as_json):
        raise click.UsageError("say what the answer is: nobody can be asked for it here")
    state = _do(settings, lambda open_: requests.read(open_.journal, requests.request_of(name)))
    if not waiting(state):
        raise ConfigurationError(f"{name} waits for no answer: it is {word_of(state)}")
    if not answered(settings, state):
        raise SystemExit(ExitCode.WAITS)
    click.echo(f"answered{_hint(settings, name)}")


def _do(settings: Settings, what: Callable[[Ports], Awaitable[T]]) -> T:
    async def do() -> T:
        async with ports(settings) as open_:
            return await what(open_)

    return asyncio.run(do())


def _hint(settings: Settings, name: str) -> str:
    """What to do where nobody may be running who would act on it."""
    if not embedded(settings):
        return ""
    return f"; where no agents run, go on with: beth resume {requests.request_of(name)}"


def _say(as_json: bool, line: str, **fields: object) -> None:
    click.echo(json.dumps(fields) if as_json else line)
