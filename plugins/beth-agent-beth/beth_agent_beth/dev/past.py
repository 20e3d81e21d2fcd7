"""A task as it was done: what it was to do, its steps, what came of it. Read from the journal, never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.journaled import standings
from beth_sdk.cli.log import unfolded
from beth_sdk.cli.steps import Tellers
from beth_sdk.errors import ConfigurationError
from beth_sdk.history import STEP_DONE, TaskHistory, stream_of
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.messages import Result, Task


@dataclass(frozen=True, slots=True)
class Past:
    """`task`: as it was first published. `result`: the newest, None where there is none."""

    request_id: str
    task: Task
    entries: Sequence[Entry]
    result: Result | None

    @property
    def commit(self) -> str | None:
        """What it committed last."""
        return commit_of(self.result)

    def done(self) -> Iterator[Mapping[str, Any]]:
        """Its steps that have an outcome, in order."""
        return steps_done(self.entries)


def steps_done(entries: Sequence[Entry]) -> Iterator[Mapping[str, Any]]:
    """What the journal has of steps that have an outcome, in order."""
    return (entry.fact.data for entry in entries if entry.fact.kind == STEP_DONE)


def commit_of(result: Result | None) -> str | None:
    """The commit that a result names."""
    found = [one.commit for one in (result.artifacts if result else ()) if one.kind == "git" and one.commit]
    return found[-1] if found else None


def history_of(entries: Sequence[Entry]) -> TaskHistory:
    """The fold of a task's facts."""
    history = TaskHistory()
    for entry in entries:
        history.take_in(entry)
    return history


async def find(journal: Journal, roles: set[str], task_id: str | None, tellers: Tellers | None = None) -> Past:
    """The task of this id, or without one the newest that one of these roles has ended. Raises
    `ConfigurationError`."""
    if task_id is None:
        state, one = await _newest(journal, roles)
    else:
        state, one = await requests.find_task(journal, task_id)
        if one.agent not in roles:
            raise ConfigurationError(f"{task_id} is a task for {one.agent}, not for {' or '.join(sorted(roles))}")
    if one.task is None:
        raise ConfigurationError(f"{one.id} was never begun, so there is nothing to do again")
    entries = [entry async for entry in journal.read(stream_of(one.id))]
    if tellers is not None:
        entries = [await unfolded(entry, tellers) for entry in entries]
    return Past(state.id, _at_first(one.task), entries, one.result)


def _at_first(task: Task) -> Task:
    document = {name: value for name, value in task.to_json().items() if name not in {"answer", "continuation"}}
    return Task.model_validate(document)


async def _newest(journal: Journal, roles: set[str]) -> tuple[RequestState, TaskState]:
    known = sorted([one async for one in standings(journal)], key=lambda one: one.received_at or 0.0, reverse=True)
    for standing in known:
        state = await requests.read(journal, standing.id)
        ended = [one for one in state.tasks.values() if one.agent in roles and one.result is not None]
        if ended:
            return state, ended[-1]
    raise ConfigurationError(
        f"no task of {' or '.join(sorted(roles))} has ended here yet: have one done with `beth run`, or name a "
        "recording with --replay"
    )
