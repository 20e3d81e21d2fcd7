"""`beth doctor`: checks of this machine and of what is installed, each with what to do where it is not well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from beth_sdk.cli.checks import Check, CheckFunction, Unowned, run_checks, run_recoveries
from beth_sdk.cli.machine_checks import check_database, check_home, check_python, check_umask, check_variables
from beth_sdk.cli.options import ExitCode, bus_option, json_option, settings_from, show, show_json
from beth_sdk.cli.service_checks import check_agents, check_bus, check_journal
from beth_sdk.cli.text import one_line, plural
from beth_sdk.errors import PluginError, SettingError
from beth_sdk.plugins import discover_checks, discover_recoveries

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
@click.option("--recover", is_flag=True, help="Instead, list what no request owns any more. Deletes nothing.")
@bus_option
@json_option
def doctor(*, recover: bool, bus: str | None, as_json: bool) -> ExitCode:
    """Check this machine and what is installed on it.

    Writes a message and takes a hold to see how long that takes, and loads every agent. Exits with 1 if any check
    fails; warnings are no failure.
    """
    if recover:
        return _recover(bus, as_json=as_json)
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
    return [*await run_checks([*OWN, *checks.items()], settings), *_broken(problems)]


def _recover(bus: str | None, *, as_json: bool) -> ExitCode:
    functions, problems = discover_recoveries()
    found, failed = asyncio.run(run_recoveries(list(functions.items()), settings_from(bus)))
    failed += _broken(problems)
    if as_json:
        show_json({"unowned": [asdict(one) for one in found], "failed": [asdict(check) for check in failed]})
    else:
        # Where something could not be asked, that nothing was found says nothing.
        show([*(unowned_lines(found) if found or not failed else []), *(lines(failed) if failed else [])])
    return ExitCode.FAILED if failed else ExitCode.DONE


def _broken(problems: Sequence[PluginError]) -> list[Check]:
    return [
        Check("checks", "fail", str(problem), f"mend, upgrade or uninstall {problem.distribution}")
        for problem in problems
    ]


def unowned_lines(found: Sequence[Unowned]) -> list[str]:
    """What people see of what nobody owns: each with its place, and the command that removes it."""
    shown: list[str] = []
    for one in found:
        shown += [f"{one_line(one.name)}  in {one_line(one.place)}"]
        shown += [f"    {one_line(one.why)}", f"    → {one_line(one.remove)}"]
    if not found:
        return ["There is nothing that no request owns."]
    return [*shown, "", f"{plural(len(found), 'entry', 'entries')} without an owner; nothing was deleted."]


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
