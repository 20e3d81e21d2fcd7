"""`beth health`: whether the service that writes a health file is well. Runs every few seconds, so imports little."""

from __future__ import annotations

import os
from pathlib import Path

import click

from beth_sdk.cli.options import ExitCode, settings_from
from beth_sdk.clock import SystemClock
from beth_sdk.worker.health import check


@click.command()
@click.option("--file", "path", metavar="F", help="The health file, instead of BETH_HEALTH_FILE.")
def health(path: str | None) -> ExitCode:
    """Whether the service here is well, for a container.

    For HEALTHCHECK in a Dockerfile: exits with 0 where the file that the service keeps fresh says that the bus
    answered a moment ago, otherwise with 1.
    """
    file = _file(path)
    if file is None:
        click.echo("no health file is known: set BETH_HEALTH_FILE for the service and for this, or name it with --file")
        return ExitCode.FAILED
    problem = check(file, SystemClock())
    click.echo(problem or "well")
    return ExitCode.FAILED if problem else ExitCode.DONE


def _file(path: str | None) -> Path | None:
    if path is not None:
        return Path(path)
    if os.environ.get("BETH_HEALTH_FILE_FILE"):  # rare enough to take the long way
        return settings_from(None).health_file
    named = os.environ.get("BETH_HEALTH_FILE")
    return Path(named).expanduser() if named else None
