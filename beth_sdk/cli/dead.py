"""`beth dead`: the tasks that were given up on; look at them, try them again, or be done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click

from beth_sdk import dead_letters
from beth_sdk.bus.base import Bus
from beth_sdk.cli.dead_text import letter_lines, list_lines
from beth_sdk.cli.options import ExitCode, Ports, bus_option, json_option, note, ports, settings_from, show, show_json
from beth_sdk.cli.queues import queues_option
from beth_sdk.clock import SystemClock
from beth_sdk.dead_letters import DeadLetter
from beth_sdk.errors import BethError
from beth_sdk.settings import Settings

Deal = Callable[[Ports, DeadLetter], Awaitable[dict[str, Any]]]
"""Deals with one dead letter and says what it did."""


@click.group()
def dead() -> None:
    """Dead letters: tasks that were given up on."""


@dead.command("list")
@click.option("--all", "every", is_flag=True, help="Those that were redriven or dropped too.")
@queues_option
@bus_option
@json_option
def list_(every: bool, queues: Sequence[str], bus: str | None, as_json: bool) -> None:
    """Every dead letter, oldest first."""
    found = asyncio.run(_read(settings_from(bus), queues))
    letters = [letter for letter in found if every or letter.state == "dead"]
    if as_json:
        show_json({"dead": [letter.to_json() for letter in letters]})
    else:
        show(list_lines(letters, states=every))


@dead.command("show")
@click.argument("name")
@queues_option
@bus_option
@json_option
def show_(name: str, queues: Sequence[str], bus: str | None, as_json: bool) -> None:
    """One dead letter: why it died, every attempt, and the task itself. NAME is its task's id, or its key."""
    (letter,) = asyncio.run(_find(settings_from(bus), queues, [name]))
    if as_json:
        show_json(letter.to_json())
    else:
        show(letter_lines(letter))


@dead.command("redrive")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every dead task.")
@queues_option
@bus_option
@json_option
def redrive(names: tuple[str, ...], every: bool, queues: Sequence[str], bus: str | None, as_json: bool) -> ExitCode:
    """Try dead tasks again, with all their attempts again; each goes on from its journal."""

    async def deal(both: Ports, letter: DeadLetter) -> dict[str, Any]:
        task = await dead_letters.redrive(both.bus, both.journal, letter, SystemClock())
        return {"key": letter.key, "redriven": True, "continuation": task.continuation}

    if bool(names) == every:
        raise click.UsageError("name the dead letters, or give --all")
    return asyncio.run(_deal_with(settings_from(bus), queues, names, deal, "redriven", as_json=as_json))


@dead.command("drop")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@queues_option
@bus_option
@json_option
def drop(names: tuple[str, ...], queues: Sequence[str], bus: str | None, as_json: bool) -> ExitCode:
    """Be done with dead letters. They stay in their topic; `beth dead list --all` shows them."""

    async def deal(both: Ports, letter: DeadLetter) -> dict[str, Any]:
        await dead_letters.drop(both.bus, letter, SystemClock())
        return {"key": letter.key, "dropped": True}

    return asyncio.run(_deal_with(settings_from(bus), queues, names, deal, "dropped", as_json=as_json))


# -- inside -----------------------------------------------------------------------------------


async def _read(settings: Settings, queues: Sequence[str]) -> list[DeadLetter]:
    async with ports(settings) as both:
        return await _all(both.bus, queues)


async def _all(bus: Bus, queues: Sequence[str]) -> list[DeadLetter]:
    letters = [letter for queue in queues for letter in await dead_letters.list_dead(bus, queue)]
    return sorted(letters, key=lambda letter: letter.at)


async def _find(settings: Settings, queues: Sequence[str], names: Sequence[str]) -> list[DeadLetter]:
    async with ports(settings) as both:
        return [await dead_letters.find_dead(both.bus, queues, name) for name in names]


async def _deal_with(
    settings: Settings, queues: Sequence[str], names: Sequence[str], deal: Deal, done: str, *, as_json: bool
) -> ExitCode:
    """Deal with the letters of these names, or with all dead tasks. All names are looked up before anything is done."""
    async with ports(settings) as both:
        if names:
            letters = [await dead_letters.find_dead(both.bus, queues, name) for name in names]
        else:
            letters = [one for one in await _all(both.bus, queues) if one.state == "dead" and one.task is not None]
        outcomes = [await _outcome(both, letter, deal) for letter in letters]
    if as_json:
        show_json({done: outcomes})
    else:
        for outcome in outcomes:
            if "error" in outcome:
                note(outcome["error"]["message"])
            else:
                click.echo(f"{outcome['key']} {done}")
        if not outcomes:
            click.echo("Nothing is dead.")
    return ExitCode.FAILED if any("error" in outcome for outcome in outcomes) else ExitCode.DONE


async def _outcome(both: Ports, letter: DeadLetter, deal: Deal) -> dict[str, Any]:
    try:
        return await deal(both, letter)
    except BethError as error:
        return {"key": letter.key, "error": {"code": error.code, "message": str(error)}}
