"""`beth show`: what was committed for a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import click

from beth_kit.commands.finding import Found, find
from beth_kit.commands.history import Changed, Commit, changed, commits, with_files
from beth_kit.places import workspaces
from beth_sdk.cli.options import json_option, settings_from, show_json
from beth_sdk.cli.options import show as print_lines
from beth_sdk.cli.text import moment, one_line, plural
from beth_sdk.redact import redact


@click.command()
@click.argument("request", required=False)
@click.option("--stat", is_flag=True, help="The files of each commit, too.")
@json_option
def show(request: str | None, *, stat: bool, as_json: bool) -> None:
    """Show what was committed for a REQUEST, by role; without a name, for the one whose work began last.

    Each commit with its date (UTC), task, number of files and subject. With --json the files are always there.
    """
    found, made, files = asyncio.run(_read(request))
    if as_json:
        show_json(document(found, made, files))
    else:
        print_lines(lines(found, made, files, stat=stat))


async def _read(request: str | None) -> tuple[Found, list[Commit], tuple[Changed, ...]]:
    found = await find(workspaces(settings_from(None).home), request)
    made = await with_files(found.git, await commits(found.git, found.head, found.base))
    return found, made, await changed(found.git, found.base, found.head)


def document(found: Found, made: Sequence[Commit], files: Sequence[Changed]) -> dict[str, Any]:
    """What `--json` prints."""
    started = found.started
    return {
        "request": found.id,
        "repository": str(found.git.git_dir),
        "branch": found.repository.branch,
        "commit": found.head,
        "base": found.base,
        "from": None if started is None else {"address": redact(started.address), "branch": started.branch},
        "files": [_file(one) for one in files],
        "commits": [
            {
                "commit": one.commit,
                "role": one.role,
                "task": one.task,
                "at": one.at,
                "subject": one.subject,
                "merge": one.merge,
                "files": [_file(file) for file in one.files],
            }
            for one in made
        ],
    }


def lines(found: Found, made: Sequence[Commit], files: Sequence[Changed], *, stat: bool) -> list[str]:
    """What people see: the branch, where it started from, what changed in all; then the commits of each role."""
    shown = [f"{click.style(found.id, bold=True)}  {found.repository.branch} at {found.head[:12]}"]
    started = found.started
    if started is not None:
        branch = f" ({one_line(started.branch)})" if started.branch else ""
        shown.append(f"  from {one_line(redact(started.address))}{branch} at {found.base[:12]}")
    shown.append(f"  {plural(len(made), 'commit')}, {_total(files)}" if made else "  no commits yet")
    for role in dict.fromkeys(one.role for one in made):
        shown += ["", click.style(one_line(role), bold=True)]
        for one in made:
            if one.role == role:
                shown += _commit(one, stat=stat)
    return shown


def _commit(one: Commit, *, stat: bool) -> Iterable[str]:
    what = "merge" if one.merge else plural(len(one.files), "file")
    task = f"  {one_line(one.task)}" if one.task else ""
    yield f"  {click.style(one.commit[:10], fg='yellow')}  {moment(one.at)}{task}  {what}"
    yield f"    {one_line(one.subject)}"
    for file in one.files if stat else ():
        before = f"{one_line(file.before)} → " if file.before else ""
        yield f"      {before}{one_line(file.path)}  {_lines(file)}"


def _lines(file: Changed) -> str:
    return "not text" if file.added is None else f"+{file.added} -{file.deleted}"


def _total(files: Sequence[Changed]) -> str:
    added, deleted = sum(one.added or 0 for one in files), sum(one.deleted or 0 for one in files)
    return f"{plural(len(files), 'file')} changed, +{added} -{deleted}"


def _file(one: Changed) -> dict[str, Any]:
    return {"path": one.path, "before": one.before, "added": one.added, "deleted": one.deleted}
