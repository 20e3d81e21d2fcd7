"""`beth doctor`: checks of this machine and of what is installed, each with what to do where it is not well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from beth_sdk.cli.checks import Check, CheckFunction, run_checks
from beth_sdk.cli.machine_checks import check_database, check_home, check_python, check_umask, check_variables
from beth_sdk.cli.options import ExitCode, bus_option, json_option, settings_from, show, show_json
from beth_sdk.cli.service_checks import check_agents, check_bus, check_journal
from beth_sdk.cli.text import one_line, plural
from beth_sdk.errors import SettingError
from beth_sdk.plugins import discover_checks

OWN: tuple[tuple[str, CheckFunction], ...] = (
    ("python", check_python),
    ("variables", check_variables),
    ("home", check_home),
    ("umask", check_umask),
    ("database", check_database),
    ("bus", check_bus),
    ("journal", check_journal),
    ("agents", check_agents),
)

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@bus_option
@json_option
def doctor(bus: str | None, as_json: bool) -> ExitCode:
    """Check this machine and what is installed on it.

    Writes a message and takes a hold to see how long that takes, and loads every agent. Exits with 1 if any check
    fails; warnings are no failure.
    """
    found = asyncio.run(examine(bus))
    if as_json:
        show_json(document(found))
    else:
        show(lines(found))
    return ExitCode.FAILED if _count(found, "fail") else ExitCode.DONE


async def examine(bus: str | None) -> list[Check]:
    """What every check finds. Where the settings are wrong, that is all there is to say."""
    try:
        settings = settings_from(bus)
    except SettingError as error:
        return [Check("settings", "fail", str(error), f"correct {error.variable}")]
    checks, problems = discover_checks()
    broken = [
        Check("checks", "fail", str(problem), f"mend, upgrade or uninstall {problem.distribution}")
        for problem in problems
    ]
    return [*await run_checks([*OWN, *checks.items()], settings), *broken]


def document(found: Sequence[Check]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"ok": not _count(found, "fail"), "checks": [asdict(check) for check in found]}


def lines(found: Sequence[Check]) -> list[str]:
    """What people see: a line for each check, with what to do below it, and a summary."""
    width = max((len(check.name) for check in found), default=0)
    shown = []
    for check in found:
        mark = click.style(check.status.ljust(4), fg=COLOURS[check.status])
        shown.append(f"{mark}  {one_line(check.name).ljust(width)}  {one_line(check.message)}")
        if check.status != "ok" and check.fix:
            shown.append(f"{' ' * (width + 8)}→ {one_line(check.fix)}")
    return [*shown, "", summary(found)]


def summary(found: Sequence[Check]) -> str:
    """All of it in a line."""
    failures, warnings = _count(found, "fail"), _count(found, "warn")
    if not failures and not warnings:
        return "Everything is well."
    parts = [plural(count, noun) for count, noun in ((failures, "failure"), (warnings, "warning")) if count]
    return f"{' and '.join(parts)} in {plural(len(found), 'check')}."


def _count(found: Sequence[Check], status: str) -> int:
    return sum(check.status == status for check in found)
