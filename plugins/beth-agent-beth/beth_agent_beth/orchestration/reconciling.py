"""What the journals of a request's tasks know and the request does not: results that never arrived, tasks that a person
had tried again."""

from __future__ import annotations

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.held import HeldRequest
from beth_sdk import history, schema
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.messages import FINAL_STATUSES, Result, Task

MAY_BE_REDRIVEN = FINAL_STATUSES - {"complete"} | {"unfunded"}


async def redriven(journal: Journal, one: TaskState) -> Fact | None:
    """The fact that a person had an ended task tried again; None where nobody has since it ended."""
    if one.status not in MAY_BE_REDRIVEN:
        return None
    return _redriven(one, await history.read_history(journal, one.id))


def key_of(fact: Fact) -> str:
    """The key under which that fact is appended, whoever does so."""
    return f"redriven:{fact.data['task']['id']}:{fact.data['task'].get('continuation', 0)}"


async def take_redriven(held: HeldRequest, one: TaskState) -> None:
    """Take in that a task was tried again, if it was; its request goes on with it."""
    fact = await redriven(held.journal, one)
    if fact is not None:
        await held.append([fact], key=key_of(fact))


async def reconcile(held: HeldRequest) -> list[Task]:
    """Take what the tasks' journals know. Returns the tasks that have no end there either, to be published again."""
    state = held.state
    missing: list[Task] = []
    for one in list(state.tasks.values()):
        if one.status == "published" or one.status in MAY_BE_REDRIVEN:
            await _reconcile_one(held, one)
        if one.status == "published" and one.task is not None:
            missing.append(one.task)
    return missing


async def _reconcile_one(held: HeldRequest, one: TaskState) -> None:
    known = await history.read_history(held.journal, one.id)
    await _take_end(held, one, known)
    fact = _redriven(one, known)
    if fact is not None:
        await held.append([fact], key=key_of(fact))
        await _take_end(held, one, known)


async def _take_end(held: HeldRequest, one: TaskState, known: history.TaskHistory) -> None:
    ended = known.ended.get(one.continuation)
    if ended is not None:
        await held.take(schema.parse(Result, ended["result"]))


def _redriven(one: TaskState, known: history.TaskHistory) -> Fact | None:
    if one.status not in MAY_BE_REDRIVEN or known.redriven is None:
        return None
    task = schema.parse(Task, known.redriven)
    return Fact(facts.REDRIVEN, {"task": task.to_json()}) if task.continuation > one.continuation else None
