"""`beth diff`: what a request, or one task of it, changed."""

from __future__ import annotations

import asyncio
import shutil
import sys

import click

from beth_kit.commands.finding import find
from beth_kit.commands.history import of_task
from beth_kit.commands.patch import coloured, readable
from beth_kit.places import workspaces
from beth_sdk.cli.options import settings_from

PIPE_WIDTH = 80


@click.command()
@click.argument("request", required=False)
@click.option("--stat", is_flag=True, help="Only which files changed, and how much.")
@click.option("--task", metavar="TASK", help="Only what this task committed.")
@click.pass_context
def diff(ctx: click.Context, request: str | None, *, stat: bool, task: str | None) -> None:
    """Show what a REQUEST changed since it started; without a name, the one whose work began last.

    On a terminal with colours and a pager (PAGER, or less); in a pipe it is the patch as it is, for git apply.
    """
    people = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if people else PIPE_WIDTH
    printed = asyncio.run(_read(request, task, width if stat else None))
    if not people and not stat:
        click.echo(printed, nl=False)
        return
    shown = readable(printed)
    if people and not stat and ctx.color is not False:
        shown = list(coloured(shown))
    text = "".join(f"{line}\n" for line in shown)
    if people and len(shown) >= shutil.get_terminal_size().lines:
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


async def _read(request: str | None, task: str | None, stat_width: int | None) -> bytes:
    found = await find(workspaces(settings_from(None).home), request)
    since, until = (found.base, found.head) if task is None else await of_task(found, task)
    if stat_width is None:
        return await found.repository.diff(until, since)
    words = ("diff-tree", "-r", "-M", f"--stat={stat_width}", "--no-ext-diff", "--no-textconv")
    # Names come unquoted, for people; what could steer a terminal is escaped where they are shown.
    return (await found.git.run("-c", "core.quotePath=false", *words, since, until, "--")).stdout
