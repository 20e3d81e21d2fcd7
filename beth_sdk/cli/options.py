"""What commands share, those of plugins too: options, exit codes, settings from options, bus and journal, output.

Cheap to import, because `beth --help` imports what plugins import from here.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from beth_sdk.errors import SettingError

if TYPE_CHECKING:  # importing these takes longer than all of `beth --help` may
    from beth_sdk.bus.base import Bus
    from beth_sdk.clock import Clock
    from beth_sdk.journal.base import Journal
    from beth_sdk.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """What `beth` exits with. A command's function returns one of them; None is DONE."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    WAITS = 4
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


# -- options ----------------------------------------------------------------------------------


def bus_option(function: F) -> F:
    """Adds `--bus URL`, passed as `bus`: the message bus, over MESSAGE_BUS_URL; for `settings_from`."""
    return click.option("--bus", metavar="URL", help="The message bus, instead of MESSAGE_BUS_URL.")(function)


def json_option(function: F) -> F:
    """Adds `--json`, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)


@dataclass(frozen=True, slots=True)
class Override:
    """An option that stands for an environment variable and wins over it; None where it was not given."""

    option: str
    variable: str
    value: str | None


def settings_from(bus: str | None, *further: Override, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of the environment (default: this process's) under `--bus` and further options.

    The journal follows the bus unless BETH_JOURNAL_URL names one. Raises `SettingError`, which names the option where
    that is where the wrong value came from.
    """
    from beth_sdk.settings import Settings

    given = [one for one in (Override("--bus", "MESSAGE_BUS_URL", bus), *further) if one.value is not None]
    try:
        return Settings.from_environment(overridden(os.environ if environ is None else environ, given))
    except SettingError as error:
        for one in given:
            if one.variable == error.variable:
                raise SettingError(one.option, error.value, error.accepted) from None
        raise


def overridden(environ: Mapping[str, str], given: Iterable[Override]) -> dict[str, str]:
    """The environment with the options' values in it; what a `…_FILE` says about the same variable is left out."""
    environment = dict(environ)
    for one in given:
        if one.value is not None:
            environment[one.variable] = one.value
            environment.pop(f"{one.variable}_FILE", None)
    return environment


# -- bus and journal --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ports:
    """An open bus and an open journal, for the event loop that opened them."""

    bus: Bus
    journal: Journal


@asynccontextmanager
async def ports(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Ports]:
    """Opens the bus and the journal of the settings, and closes both.

    Raises `UnknownScheme`, `PluginError`, `BusUnavailable`, `JournalUnavailable`.
    """
    from beth_sdk import openers

    bus = await openers.open_bus(settings.bus_url, clock=clock, retention=settings.retention)
    try:
        journal = await openers.open_journal(settings.journal_url, clock=clock)
        try:
            yield Ports(bus, journal)
        finally:
            await journal.close()
    finally:
        await bus.close()


# -- output -----------------------------------------------------------------------------------


def show(lines: Iterable[str]) -> None:
    """Print lines to standard output; colours are left out where nobody sees them."""
    for line in lines:
        click.echo(line)


def show_json(document: Any) -> None:
    """Print one JSON document on one line."""
    click.echo(json.dumps(document, ensure_ascii=False, separators=(", ", ": ")))


def note(message: str) -> None:
    """Print a line for people to standard error, where it disturbs no output."""
    click.echo(f"beth: {message}", err=True)
