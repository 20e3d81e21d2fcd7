"""What Beth does about the work itself: opens a request's repository, and brings into its branch what tasks committed.

Each thing is done first and journaled after, because both can be done twice: a Beth killed in between finds the branch
where she left it. What was accepted and is neither merged nor in conflict is looked at whenever she looks.
"""

from __future__ import annotations

import os
from typing import Any

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.held import HeldRequest
from beth_agent_beth.orchestration.workspaces import Impossible, Moved, Source, Workspaces, reason_of
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import WorkspaceError
from beth_sdk.clock import Clock
from beth_sdk.journal.base import Fact
from beth_sdk.logs import Log

TRIES = 3
"""How often a merge is tried that fails for a reason which may pass, such as a full disk."""

TRY_AGAIN = 0.5
"""Seconds between two tries; twice as many before each further one."""


class Merging:
    """Workspaces for the requests of one Beth; with None, requests have no repository."""

    def __init__(self, workspaces: Workspaces | None, clock: Clock, log: Log) -> None:
        self._workspaces = workspaces
        self._clock = clock
        self._log = log
        self._warned = False

    def to_open(self, state: RequestState) -> bool:
        """Whether it is still to be said where the request's work lives."""
        wanted = self._workspaces is not None or source_of(state) is not None
        return wanted and not state.branch.decided and state.cancel_reason is None

    async def open(self, held: HeldRequest) -> str | None:
        """Open the request's repository. Returns why the request cannot go on, None where it can."""
        state = held.state
        source = source_of(state)
        if self._workspaces is None:
            return "it starts from a git repository, and this Beth has no workspaces"
        try:
            opened = await self._workspaces.open(state.id, source, when=begun_at(state))
        except (WorkspaceError, OSError) as error:
            reason = reason_of(error)
            if source is not None:
                return f"no workspace could be made from {source.source}: {reason}"
            self._warn(reason)
            data: dict[str, Any] = {"unavailable": reason}
        else:
            data = {
                "uri": opened.uri,
                "repository": opened.repository,
                "branch": opened.branch,
                "base": opened.base,
            }
        await held.append([Fact(facts.WORKSPACE, data)], key="workspace")
        return None

    async def merge(self, held: HeldRequest, task_id: str) -> None:
        """Bring the work of an accepted task into the branch."""
        state = held.state
        one, commit = state.tasks[task_id], state.to_merge[task_id]
        found = await self._merged(state, one, commit)
        kind, data = _fact(found)
        self._log.info(kind, request_id=state.id, task_id=task_id, commit=commit)
        fact = Fact(kind, {"task": task_id, "commit": commit, **data})
        await held.append([fact], key=f"merge:{one.id}:{one.continuation}")

    async def _merged(self, state: RequestState, one: TaskState, commit: str) -> Moved | Conflict | Impossible:
        if self._workspaces is None:
            return Impossible("this Beth has no workspaces")
        message = f"Merge {one.name} by {one.agent}\n\nBeth-Task: {one.id}\n"
        branch, delay = state.branch, TRY_AGAIN
        for left in reversed(range(TRIES)):
            try:
                return await self._workspaces.merge(state.id, commit, message, base=branch.base, since=branch.head)
            except (WorkspaceError, OSError) as error:
                reason = reason_of(error)
                self._log.warning("a merge did not succeed", task_id=one.id, error=reason, tries_left=left)
                if not left:
                    return Impossible(reason)
                await self._clock.sleep(delay)
                delay *= 2
        raise AssertionError("unreachable: the last try returns")

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._log.warning("requests run without a workspace", reason=reason)


def source_of(state: RequestState) -> Source | None:
    """The repository that a request starts from."""
    repo = state.request.get("repo")
    return None if repo is None else Source(repo["source"], repo.get("branch"), repo.get("commit"))


def begun_at(state: RequestState) -> float:
    """When the request was received, for a replayed one when it was recorded, in seconds since the epoch."""
    return float(state.request.get("received_at") or state.received_at)


def _fact(found: Moved | Conflict | Impossible) -> tuple[str, dict[str, Any]]:
    if isinstance(found, Moved):
        return facts.MERGED, {"head": found.head, "commits": dict(found.commits)}
    if isinstance(found, Impossible):
        return facts.UNMERGED, {"reason": found.reason}
    sides = [[_text(line) for line in side] for side in found.subjects]
    conflict: dict[str, Any] = {
        "ours": found.ours,
        "theirs": found.theirs,
        "tree": found.tree,
        "files": [_text(name) for name in found.files],
        "subjects": sides,
    }
    if found.base is not None:
        conflict["base"] = found.base
    return facts.CONFLICT, {"conflict": conflict}


def _text(name: str) -> str:
    """A file's name as JSON can hold it; git has bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
