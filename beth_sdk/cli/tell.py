"""`beth tell TASK TEXT`: a note that a running task sees from its next step on."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence

import click

from beth_sdk import history
from beth_sdk.cli.options import Ports, bus_option, json_option, note, ports, settings_from, show_json
from beth_sdk.errors import BethError
from beth_sdk.history import TaskHistory
from beth_sdk.messages import FINAL_STATUSES, Control
from beth_sdk.patterns import ID_PATTERN
from beth_sdk.plugins import discover_agents
from beth_sdk.publish import send_control
from beth_sdk.settings import Settings

MAX_TEXT = 16_000
"""Characters of a note; longer ones belong into a file that the note names."""


@click.command()
@click.argument("task")
@click.argument("text")
@click.option("--role", help="The role that has the task, where it is known; else all installed ones are nudged.")
@bus_option
@json_option
def tell(task: str, text: str, role: str | None, bus: str | None, as_json: bool) -> None:
    """Leave a note for a running task.

    The task sees it from its next step on. The note stands in the journal; a task that waits in its queue finds it
    when it starts.
    """
    if re.search(ID_PATTERN, task) is None:
        raise click.UsageError(f"{task!r} is no task's id")
    if not text.strip() or len(text) > MAX_TEXT:
        raise click.UsageError(f"the note has {len(text):,} characters; accepted: 1 to {MAX_TEXT:,}")
    known = asyncio.run(_tell(settings_from(bus), task, text, [role] if role else None))
    if as_json:
        show_json({"task_id": task, "told": True, "known": known})
    elif known:
        click.echo(f"{task} sees the note from its next step on")
    else:
        note(f"nobody has taken a task {task} yet: the note is kept for it, if that is its id")


async def _tell(settings: Settings, task_id: str, text: str, roles: Sequence[str] | None) -> bool:
    async with ports(settings) as both:
        return await leave_note(both, task_id, text, roles)


async def leave_note(both: Ports, task_id: str, text: str, roles: Sequence[str] | None) -> bool:
    """Journal the note, then nudge the workers of these roles (None: those that may have the task).

    Returns whether the journal knows the task. Raises `BethError` for one that has ended.
    """
    found = await history.read_history(both.journal, task_id)
    status = ended_as(found)
    if status is not None:
        raise BethError(f"task {task_id} has ended ({status}), so nobody would read the note")
    await history.tell(both.journal, task_id, text, token=secrets.token_hex(8))
    for role in roles if roles is not None else _installed_roles():
        await send_control(both.bus, role, Control(kind="tell", task_id=task_id, text=text))
    return found.version > 0


def ended_as(found: TaskHistory) -> str | None:
    """The status a task has ended with for good, None while it runs or waits."""
    ended = found.ended.get(found.newest_continuation)
    status = ended["result"].get("status") if ended is not None else None
    return str(status) if status in FINAL_STATUSES else None


def _installed_roles() -> list[str]:
    return [agent.role for agent in discover_agents() if agent.error is None]
