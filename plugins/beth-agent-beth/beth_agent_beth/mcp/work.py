"""What was committed for a request, where it is, and how the user takes it."""

from __future__ import annotations

from beth_agent_beth import requests
from beth_agent_beth.mcp import outputs
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import ShowWork
from beth_agent_beth.mcp.report import SHORT, cut
from beth_kit.commands.errors import RequestUnusable
from beth_kit.commands.finding import Found, find
from beth_kit.commands.history import Changed, Commit, changed, commits, with_files
from beth_kit.places import workspaces
from beth_sdk.errors import BethError, ConfigurationError
from beth_sdk.redact import redact

MOST_COMMITS, MOST_FILES = 100, 200
"""What one call tells; of more, it tells how many there are."""


async def show(access: Access, arguments: ShowWork, caller: Caller) -> outputs.Work:
    """Raises `ConfigurationError` for a request that does not exist, `BethError` where nothing is to be seen."""
    del caller
    state = await access.call(requests.read(access.journal, arguments.request_id))
    home = workspaces(access.settings.home)
    try:
        found = await find(home, state.id)
    except (ConfigurationError, RequestUnusable) as error:
        if state.branch.repository is None:
            raise BethError(f"{state.id} has no work yet: its branch begins when its first task starts") from None
        raise BethError(
            f"the work of {state.id} is not on this machine, but in {state.branch.repository} where Beth runs ({error})"
        ) from None
    made = await with_files(found.git, await commits(found.git, found.head, found.base))
    return _work(found, made, await changed(found.git, found.base, found.head), ended=state.ended)


def _work(found: Found, made: list[Commit], files: tuple[Changed, ...], *, ended: bool) -> outputs.Work:
    started = found.started
    return outputs.Work(
        request_id=found.id,
        repository=str(found.git.git_dir),
        branch=found.repository.branch,
        commit=found.head,
        base=found.base,
        starts_from=None if started is None else redact(started.address),
        commits=[_commit(one) for one in made[-MOST_COMMITS:]],
        more_commits=max(0, len(made) - MOST_COMMITS),
        files=[outputs.File(path=one.path, added=one.added, deleted=one.deleted) for one in files[:MOST_FILES]],
        more_files=max(0, len(files) - MOST_FILES),
        added=sum(one.added or 0 for one in files),
        deleted=sum(one.deleted or 0 for one in files),
        take=_take(found),
        next=_next(found, ended=ended),
    )


def _take(found: Found) -> dict[str, str]:
    into = "" if found.started is not None and found.started.directory is not None else " --into REPO"
    return {
        "diff": f"beth diff {found.id}",
        "merge": f"beth merge {found.id}{into}",
        "checkout": f"beth checkout {found.id} FOLDER",
    }


def _next(found: Found, *, ended: bool) -> str:
    already = "" if ended else "The request is still going on, so there may be more to come. "
    return (
        f"{already}Tell the user what was done, and that `beth merge {found.id}` brings it into their repository as a "
        "branch; nothing of theirs was changed."
    )


def _commit(one: Commit) -> outputs.Commit:
    return outputs.Commit(
        commit=one.commit, role=one.role, task_id=one.task, subject=cut(one.subject, SHORT), files=len(one.files)
    )
