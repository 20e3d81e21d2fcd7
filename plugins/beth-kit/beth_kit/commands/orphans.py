"""What `beth doctor --recover` says about git: references that belong to no request or task the journal knows."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from beth_kit.commands.finding import known
from beth_kit.places import workspaces
from beth_kit.workspace.repository import UnownedRef, unowned_refs
from beth_sdk import history, openers
from beth_sdk.cli.checks import Unowned
from beth_sdk.cli.paths import databases
from beth_sdk.journal.base import Journal
from beth_sdk.redact import redact
from beth_sdk.settings import Settings

REQUESTS = "request/"
"""Beth's streams in the journal."""


async def orphans(settings: Settings) -> list[Unowned]:
    """The references without an owner, by repository. Nothing is written, a journal neither.

    Raises `JournalUnavailable`, `ConfigurationError`.
    """
    place = workspaces(settings.home)
    if not known(place):
        return []
    where = redact(settings.journal_url)
    # Opening a database that does not exist would make one; of those two settings only the journal's counts here.
    files = databases(replace(settings, bus_url=settings.journal_url))
    if not all(file.exists() for file in files):
        return await _found(place, None, f"there is no journal at {where}")
    journal = await openers.open_journal(settings.journal_url)
    try:
        return await _found(place, journal, f"the journal {where} knows nothing of it")
    finally:
        await journal.close()


async def _found(home: Path, journal: Journal | None, why: str) -> list[Unowned]:
    asked: dict[str, bool] = {}

    async def owns(request_id: str, task_id: str | None) -> bool:
        # A task that belongs to no request has a repository of its own name.
        streams = [history.stream_of(task_id or request_id), *([] if task_id else [f"{REQUESTS}{request_id}"])]
        for stream in streams:
            if stream not in asked:
                asked[stream] = journal is not None and await _has_facts(journal, stream)
        return any(asked[stream] for stream in streams)

    return [_unowned(one, why) for one in await unowned_refs(home, owns)]


async def _has_facts(journal: Journal, stream: str) -> bool:
    """Whether there are any, archived ones among them, which a list of streams leaves out."""
    async for _ in journal.read(stream):
        return True
    return False


def _unowned(one: UnownedRef, why: str) -> Unowned:
    place = shlex.quote(str(one.repository))
    data = {"kind": "reference", "repository": str(one.repository), "ref": one.ref, "commit": one.commit}
    if not one.ref:
        return Unowned("a repository without references", str(one.repository), why, f"rm -r {place}", data)
    remove = f"git --git-dir={place} update-ref -d {shlex.quote(one.ref)} {one.commit}"
    return Unowned(one.ref, str(one.repository), f"at {one.commit[:12]}; {why}", remove, data)
