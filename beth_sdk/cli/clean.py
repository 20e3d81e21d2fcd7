"""`beth clean`: delete files that are not needed any more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from beth_sdk.cli.in_use import refuse_in_use
from beth_sdk.cli.leftovers import Leftover, everything, remove, work_folders, work_of_ended
from beth_sdk.cli.options import ExitCode, bus_option, json_option, note, ports, settings_from, show, show_json
from beth_sdk.cli.paths import databases
from beth_sdk.cli.text import plural, size
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError
from beth_sdk.settings import Settings, parse_duration

DEFAULT_AGE = "30d"


@click.command()
@click.option("--older-than", "age", default=DEFAULT_AGE, show_default=True, help="How long ago a request ended.")
@click.option("--work", is_flag=True, help="All work folders, those of requests that go on too.")
@click.option("--all", "every", is_flag=True, help="All that Beth keeps in its home: requests, journals, everything.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@bus_option
@json_option
def clean(*, age: str, work: bool, every: bool, yes: bool, bus: str | None, as_json: bool) -> ExitCode:
    """Delete files that are not needed any more.

    Without --work and --all: the work folders of requests that ended a while ago. Shows what it would delete, and asks.

    With --work or --all it refuses while any process on this machine uses the embedded bus. Whether agents elsewhere
    are at work on a server it cannot see, and what is on a server stays.
    """
    if work and every:
        raise click.UsageError("--all deletes the work folders too: give one of the two")
    settings = settings_from(bus)
    if work or every:
        refuse_shared(settings.home)
        refuse_in_use(databases(settings))
    found = find(settings, older_than=_seconds(age), work=work, every=every)
    gone = [one for one in found if one.delete]
    if not as_json:
        show(lines(found))
    delete = bool(gone) and (yes or (not as_json and _asked(gone)))
    if delete:
        for one in gone:
            remove(one.path)
        if every:
            _remove_if_empty(settings)
    if as_json:
        show_json(document(found, deleted=delete))
    elif delete:
        click.echo(f"Deleted {size(sum(one.bytes for one in gone))}.")
    if gone and not delete and not as_json:
        return ExitCode.CANCELLED
    return ExitCode.DONE


def find(settings: Settings, *, older_than: float, work: bool, every: bool) -> list[Leftover]:
    """What is there, and which of it is to be deleted."""
    if every:
        return everything(settings.home, databases(settings))
    if work:
        return [Leftover.of(folder, "work folder", delete=True) for folder in work_folders(settings.home)]
    if not work_folders(settings.home):
        return []  # without looking into a journal, which would make one where there is none

    async def ended() -> list[Leftover]:
        clock = SystemClock()
        async with ports(settings) as both:
            return await work_of_ended(settings.home, both.journal, older_than=older_than, now=clock.wall())

    return asyncio.run(ended())


def refuse_shared(home: Path) -> None:
    """Raises `ConfigurationError` for a home that is the user's own, or above it: `work` and `logs` may be theirs."""
    if Path.home().is_relative_to(home):
        raise ConfigurationError(f"BETH_HOME is {home}, which is not Beth's alone: delete by hand what is not needed")


def lines(found: Sequence[Leftover]) -> list[str]:
    """What people see before they are asked."""
    gone = [one for one in found if one.delete]
    kept = [one for one in found if not one.delete]
    shown = [f"delete  {one.path}  {size(one.bytes)}  {one.why}" for one in gone]
    shown += [f"keep    {one.path}  {size(one.bytes)}  {one.why}" for one in kept]
    return shown if gone else [*shown, "There is nothing to delete."]


def document(found: Sequence[Leftover], *, deleted: bool) -> dict[str, Any]:
    """What `--json` prints; without --yes, what would be deleted."""

    def entry(one: Leftover) -> dict[str, Any]:
        return {"path": str(one.path), "bytes": one.bytes, "why": one.why}

    return {
        "deleted": deleted,
        "delete": [entry(one) for one in found if one.delete],
        "keep": [entry(one) for one in found if not one.delete],
    }


def _asked(gone: Sequence[Leftover]) -> bool:
    if not sys.stdin.isatty():
        note("nothing was deleted: give --yes where nobody can be asked")
        return False
    total = size(sum(one.bytes for one in gone))
    return click.confirm(f"Delete {plural(len(gone), 'entry', 'entries')}, {total}?")


def _seconds(age: str) -> float:
    try:
        return parse_duration(age)
    except ValueError as error:
        raise click.UsageError(f"--older-than: {error}") from None


def _remove_if_empty(settings: Settings) -> None:
    try:
        settings.home.rmdir()
    except OSError:  # something of somebody else is in it
        note(f"{settings.home} stays: it holds files that are not Beth's")
