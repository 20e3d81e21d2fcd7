"""`beth dev ROLE`: for whoever writes an agent: a task that was done, done again whenever a file is saved."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from beth_agent_beth.dev import comparing
from beth_agent_beth.dev.changing import Files
from beth_agent_beth.dev.past import Past, find
from beth_agent_beth.dev.scratch import in_environment, laid_out, scratch_home, variables, work_changed
from beth_agent_beth.dev.trying import Try, tried
from beth_kit.model.choice import REPLAY
from beth_sdk.cli.completing import TASK, roles
from beth_sdk.cli.log_text import LogLines
from beth_sdk.cli.options import ExitCode, bus_option, json_option, note, ports, settings_from, show, show_json
from beth_sdk.cli.steps import Tellers
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BethError, ConfigurationError, UnknownRole
from beth_sdk.plugins import InstalledAgent, discover_agents
from beth_sdk.settings import Settings

NO_TURNS = "roles: {}\n"
"""A transcript that says nothing: what stands for a model whose recorded replies are given instead."""


@click.command()
@click.argument("role", shell_complete=roles)
@click.option(
    "--task", "task_id", help="Which task; the newest that the role has ended, unless given.", shell_complete=TASK
)
@click.option("--replay", metavar="DIR", help="Take the task from this recording, instead of this home.")
@click.option("--model", metavar="MODEL", help="Ask this model, instead of taking the recorded replies.")
@click.option("--once", is_flag=True, help="Do it once, and do not wait for files to change.")
@bus_option
@json_option
def dev(
    role: str, *, task_id: str | None, replay: str | None, model: str | None, once: bool, bus: str | None, as_json: bool
) -> ExitCode:
    """Have a ROLE do a task again that it has done, as the agent is now, and compare.

    The work begins at the same commit, in a scratch home that is removed afterwards: the request's branch and journal
    stay as they are. Its turns are shown as they happen, then the result beside that of then. Whenever a file of the
    agent's package is saved (prompts, schemas, skills, code), it is done again, until Ctrl-C.

    Without --model the recorded replies of the model are given as far as they fit, which costs nothing.
    """
    settings = settings_from(bus)
    installed = _installed(role)
    if replay is None:
        return _in_home(settings, installed, task_id, model, once=once or as_json, as_json=as_json)
    with scratch_home() as home:
        there = asyncio.run(_replayed(Path(replay).absolute(), home))
        return _in_home(there, installed, task_id, model, once=once or as_json, as_json=as_json)


def _in_home(
    settings: Settings, installed: InstalledAgent, task_id: str | None, model: str | None, *, once: bool, as_json: bool
) -> ExitCode:
    if once:
        return asyncio.run(_once(settings, installed, task_id, model, as_json=as_json))
    past = asyncio.run(_past(settings, installed, task_id))
    return asyncio.run(_again_and_again(settings, installed, past, model, SystemClock()))


def _installed(role: str) -> InstalledAgent:
    found = discover_agents()
    one = next((one for one in found if one.role == role or role in _aliases(one)), None)
    if one is None:
        raise UnknownRole(role, sorted(one.role for one in found if one.error is None))
    if one.error is not None:
        raise one.error
    return one


def _aliases(one: InstalledAgent) -> set[str]:
    manifest = one.manifest
    return set() if manifest is None else {alias.removeprefix("tasks.") for alias in manifest.aliases}


async def _past(settings: Settings, installed: InstalledAgent, task_id: str | None) -> Past:
    async with ports(settings) as open_:
        found = await find(open_.journal, {installed.role, *_aliases(installed)}, task_id)
        tellers = Tellers.installed(settings, found.task.id)
        return await find(open_.journal, {installed.role, *_aliases(installed)}, found.task.id, tellers)


# -- once -------------------------------------------------------------------------------------


async def _once(
    settings: Settings, installed: InstalledAgent, task_id: str | None, model: str | None, *, as_json: bool
) -> ExitCode:
    past = await _past(settings, installed, task_id)
    with scratch_home() as home:
        result, work = await _tried(settings, installed, past, model, home, quiet=as_json)
    if as_json:
        show_json(comparing.document(past, result, work))
    else:
        show(comparing.lines(past, result, work))
    return ExitCode.DONE if result.result.status == "complete" else ExitCode.FAILED


async def _tried(
    settings: Settings, installed: InstalledAgent, past: Past, model: str | None, home: Path, *, quiet: bool
) -> tuple[Try, list[str]]:
    nothing = home / "no-turns.yaml"
    nothing.write_text(NO_TURNS, encoding="utf-8")
    environ = variables(home, os.environ, model or f"scripted/{nothing}")
    own = Settings.from_environment(environ)
    task = await laid_out(past.task, past.request_id, settings, home)
    tellers = Tellers.installed(own, task.id)
    text = LogLines(task.id, tellers, live=True)
    with in_environment(environ):  # what the agent reads for itself must be of the scratch home too
        result = await tried(
            installed,
            past,
            task,
            own,
            environ,
            recorded=model is None,
            tellers=tellers,
            told=lambda entry: None if quiet else show(text.take_in(entry)),
            clock=SystemClock(),
        )
    now = next((one.commit for one in reversed(result.result.artifacts) if one.commit), None)
    return result, await work_changed(home, past.request_id, past.commit, now)


# -- whenever a file is saved -----------------------------------------------------------------


async def _again_and_again(
    settings: Settings, installed: InstalledAgent, past: Past, model: str | None, clock: Clock
) -> ExitCode:
    if installed.directory is None:
        raise ConfigurationError(f"{installed.role} is no package of files that could change; do it --once")
    files = Files(installed.directory)
    command = [sys.executable, "-m", "beth_sdk.cli", "dev", installed.role, "--once", "--task", past.task.id]
    command += ["--model", model] if model is not None else []
    environ = {**os.environ, **_places(settings)}
    while True:
        # A process of its own each time: nothing of the code and the files of before is left in it.
        process = await asyncio.create_subprocess_exec(*command, env=environ, start_new_session=True)
        try:
            changed = await _ended_and_changed(process, files, clock)
        finally:
            await _stopped(process)
        click.echo(f"\nchanged: {', '.join(changed[:5])}{' …' if len(changed) > 5 else ''}\n")


async def _ended_and_changed(process: asyncio.subprocess.Process, files: Files, clock: Clock) -> Sequence[str]:
    changing = asyncio.ensure_future(files.wait(clock))
    ending = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait({changing, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not changing.done():
            note(f"waiting for a file of {files.folder} to be saved; Ctrl-C ends")
        return await changing
    finally:
        changing.cancel()
        ending.cancel()


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _places(settings: Settings) -> dict[str, str]:
    return {
        "BETH_HOME": str(settings.home),
        "MESSAGE_BUS_URL": settings.bus_url,
        "BETH_JOURNAL_URL": settings.journal_url,
    }


# -- from a recording -------------------------------------------------------------------------


async def _replayed(folder: Path, home: Path) -> Settings:
    """The settings of a scratch home in which the recorded request was done again. Raises `BethError`."""
    environ = variables(home, os.environ, None)
    note(f"replaying {folder}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "beth_sdk.cli", "run", "--replay", str(folder), "--no-input", "--json"),
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    if process.returncode == ExitCode.USAGE:
        raise BethError(
            told.decode("utf-8", "replace").strip().removeprefix("beth: ") or f"{folder} cannot be replayed"
        )
    os.environ.pop(REPLAY, None)
    return Settings.from_environment(environ)
