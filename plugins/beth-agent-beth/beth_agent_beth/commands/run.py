"""`beth run` and `beth resume`: a request to its end, with the agents in this process where the bus is embedded."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from beth_agent_beth import recorded, requests
from beth_agent_beth.commands.asking import Given, asked, request_options, told_by_environment
from beth_agent_beth.commands.conversing import answered, input_option, somebody_there
from beth_agent_beth.commands.exits import exit_code
from beth_agent_beth.commands.leaving import leave
from beth_agent_beth.completing import OPEN
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.models import check, chosen, rows
from beth_agent_beth.orchestration.outcome import summary_of
from beth_agent_beth.orchestration.workspaces import reason_of
from beth_agent_beth.running import Ending, Opening, embedded, players, run_here, watch
from beth_agent_beth.terminal import view
from beth_agent_beth.terminal.display import Display, display_for
from beth_kit.model.choice import RECORD, REPLAY, Choice, table
from beth_kit.workspace.errors import WorkspaceError
from beth_sdk import logs
from beth_sdk.bus.base import Bus
from beth_sdk.cli.options import bus_option, json_option, note, ports, settings_from
from beth_sdk.cli.text import one_line
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError
from beth_sdk.journal.base import Journal
from beth_sdk.private import make_private
from beth_sdk.settings import Settings

WAITING = "waiting for a server"
"""What a worker logs that tries something again and again, because nothing may be lost."""


@click.command()
@request_options
@input_option
@bus_option
@json_option
def run(
    given: Given,
    *,
    no_input: bool,
    bus: str | None,
    as_json: bool,
) -> None:
    """Have a request done and watch it until it ends.

    REQUEST is the request in words, a file that holds it (text, or a task as JSON), or - for standard input. On the
    embedded bus the installed agents run in this process; on a server they run elsewhere, and this submits and watches.

    With --repo the work begins with what is committed there, and ends as a branch of a repository of Beth's own; `beth
    merge` brings it back. Nothing in the repository itself is changed.

    The first Ctrl-C stops at the next step and prints how to go on; a second one stops at once.
    """
    settings = settings_from(bus)
    request_ = asked(settings, given)
    _to_its_end(
        settings,
        request_.submit,
        request_.needed,
        request_.environment,
        request_.models,
        no_input=no_input,
        as_json=as_json,
    )


@click.command()
@click.argument("name", metavar="[REQUEST|TASK]", required=False, shell_complete=OPEN)
@input_option
@bus_option
@json_option
def resume(name: str | None, *, no_input: bool, bus: str | None, as_json: bool) -> None:
    """Go on with a request that was interrupted, paused or answered; without a name, with the newest that is open."""
    settings = settings_from(bus)
    state = asyncio.run(_going_on(settings, name))

    needed = set() if state.ended else requests.roles_of(state)
    environment = state.request.get("environment", {})
    _to_its_end(settings, _again(name or state.id), needed, environment, no_input=no_input, as_json=as_json)


async def _going_on(settings: Settings, name: str | None) -> RequestState:
    async with ports(settings) as open_:
        request_id = await requests.newest_open(open_.journal) if name is None else requests.request_of(name)
        return await requests.read(open_.journal, request_id)


def _to_its_end(
    settings: Settings,
    opening: Opening,
    needed: set[str],
    environment: Mapping[str, str],
    models: Sequence[str] = (),
    *,
    no_input: bool,
    as_json: bool,
) -> None:
    """`needed`: the roles that it takes; `environment`: what their agents are told by variables."""
    clock = SystemClock()
    here = embedded(settings)
    with told_by_environment(environment if here else {}):
        choices = _models(settings, needed, models) if here else []
        log_to_file(settings)
        began = time.monotonic()
        if choices and not as_json:
            _show_table(table(choices))
        while True:
            with display_for(json=as_json, clock=clock) as display, worried(display.say):
                ending = asyncio.run(_drive(settings, clock, opening, display))
            if not asked_right_there(settings, ending, no_input=no_input, as_json=as_json):
                break
            opening = _again(ending.state.id)
    if here and RECORD in environment:
        _record(Path(environment[RECORD]), ending.state, clock)
    tell(ending, time.monotonic() - began, as_json=as_json, models=rows(choices))


def asked_right_there(settings: Settings, ending: Ending, *, no_input: bool, as_json: bool) -> bool:
    """Ask what a request waits for, if somebody is there; returns whether it can go on."""
    if ending.interrupted or ending.state.ended or not somebody_there(no_input=no_input, as_json=as_json):
        return False
    return answered(settings, ending.state)


def _again(name: str) -> Opening:
    async def go_on(bus: Bus, journal: Journal) -> str:
        return await requests.reopen(bus, journal, name)

    return go_on


def _show_table(text: str) -> None:
    """Each row on its line, also where the terminal is narrower than the table."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in text.splitlines():
        click.echo(line if width is None else one_line_of(line, width))


def one_line_of(line: str, width: int) -> str:
    """The line, cut to the terminal's width."""
    return line if len(line) <= width else f"{line[: max(0, width - 1)].rstrip()}…"


def _record(folder: Path, state: RequestState, clock: SystemClock) -> None:
    try:
        recorded.write(folder, state)
        asyncio.run(recorded.write_source(folder, state, clock))
    except (WorkspaceError, OSError) as error:
        note(f"the recording in {folder} is not complete: {reason_of(error)}")


def _models(settings: Settings, needed: set[str], options: Sequence[str]) -> list[Choice]:
    """The models that these roles are going to ask, where they ask any; none where all calls are replayed.

    Raises `ConfigurationError` for whatever would stop a call.
    """
    if os.environ.get(REPLAY):
        return []
    found = chosen(players(needed), settings, os.environ, options)
    check(found)
    return found


def log_to_file(settings: Settings) -> None:
    """Keep the log of what runs in this process out of the picture: it goes to `<home>/logs/beth.log`. Raises
    `ConfigurationError` where nothing can be written there."""
    folder = settings.home / "logs"
    try:
        make_private(folder)
        stream = (folder / "beth.log").open("a", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"BETH_HOME={settings.home}: {reason}; set BETH_HOME to a folder of yours") from None
    logging.raiseExceptions = False  # a log that cannot be written is no reason to fill the terminal
    logs.configure(settings, stream=stream)


class Worries(logging.Handler):
    """Says what everything waits for, each thing once: a disk that is full, a server that is gone."""

    def __init__(self, say: Callable[[Sequence[str]], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        fields = getattr(record, "fields", {})
        if record.getMessage() != WAITING or "error" not in fields:
            return
        error = one_line(str(fields["error"]))
        if error not in self._said:
            self._said.add(error)
            self._say([f"waiting: {error}"])


@contextmanager
def worried(say: Callable[[Sequence[str]], None]) -> Iterator[None]:
    """Has worries said while it is entered."""
    handler = Worries(say)
    logging.getLogger("beth").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("beth").removeHandler(handler)


async def _drive(settings: Settings, clock: SystemClock, opening: Opening, display: Display) -> Ending:
    if embedded(settings):
        return await run_here(settings, clock, opening, display)
    async with ports(settings) as open_:
        request_id = await opening(open_.bus, open_.journal)
        return await watch(open_.bus, open_.journal, request_id, display)


def tell(ending: Ending, seconds: float, *, as_json: bool, models: Sequence[Mapping[str, Any]] = ()) -> NoReturn:
    """Say how it ended, and exit accordingly. `models`: those that were asked, as data."""
    state = ending.state
    if as_json:
        told = {**summary_of(state), "models": list(models), "interrupted": ending.interrupted}
        click.echo(json.dumps(told, ensure_ascii=False))
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
