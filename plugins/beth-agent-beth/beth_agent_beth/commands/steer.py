"""`beth cancel`, `beth pause` and `beth answer`: what people say of a request or of one of its tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from beth_agent_beth import requests
from beth_agent_beth.running import embedded
from beth_sdk.cli.options import Ports, bus_option, json_option, ports, settings_from
from beth_sdk.settings import Settings

T = TypeVar("T")


@click.command()
@click.argument("name", metavar="REQUEST|TASK")
@click.option("--reason", default="", help="Why; it stands in the result.")
@bus_option
@json_option
def cancel(name: str, reason: str, bus: str | None, as_json: bool) -> None:
    """Cancel a request or one of its tasks. What runs is stopped, programs it started included."""
    settings = settings_from(bus)
    _do(settings, lambda open_: requests.cancel(open_.bus, open_.journal, name, reason))
    _say(as_json, f"{name} is being cancelled{_hint(settings, name)}", name=name, cancelled=True)


@click.command()
@click.argument("name", metavar="REQUEST|TASK")
@bus_option
@json_option
def pause(name: str, bus: str | None, as_json: bool) -> None:
    """Have a request or one of its tasks stop at the next step and wait, for as long as it takes."""
    _do(settings_from(bus), lambda open_: requests.pause(open_.bus, open_.journal, name))
    _say(as_json, f"{name} pauses at its next step; go on with: beth resume {name}", name=name, paused=True)


@click.command()
@click.argument("task")
@click.argument("text")
@bus_option
@json_option
def answer(task: str, text: str, bus: str | None, as_json: bool) -> None:
    """Answer the question of a TASK. Of several answers the first counts."""
    settings = settings_from(bus)
    counted = _do(settings, lambda open_: requests.answer(open_.bus, open_.journal, task, text))
    if not counted:
        _say(as_json, f"{task} was answered before; the first answer counts", task_id=task, counted=False)
        raise SystemExit(1)
    _say(as_json, f"{task} is answered{_hint(settings, task)}", task_id=task, counted=True)


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
