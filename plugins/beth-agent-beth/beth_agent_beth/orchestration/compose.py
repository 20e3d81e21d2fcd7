"""The task messages of a request: what each agent is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_kit.workspace.conflict import Conflict, describe
from beth_sdk import schema
from beth_sdk.bus.base import DEFAULT_PRIORITY
from beth_sdk.errors import BethError, LoopRefused, UnknownRole
from beth_sdk.messages import CONTRACT_VERSION, Budget, Result, Task, WantedTask, timestamp

RESULTS = "results.beth"

UPSTREAM_BYTES = 96 * 1024
"""What is told of earlier tasks may take this much of a task message. A result that is longer than what is left is told
by its artifacts alone; a task for which there is not even room for those is left out."""


def first(state: RequestState, one: TaskState, now: float, given: Budget | None = None) -> Task:
    """A task of the plan, or one that a gate made necessary, for the first time. `given`: what it may use up."""
    request = state.request
    payload: dict[str, Any] = {
        "description": one.description or request["description"],
        "acceptance_criteria": list(request.get("acceptance_criteria", [])),
        "context": {"epic_id": state.id},
        **_about_the_gate(state, one),
    }
    if one is state.planner:
        payload |= {"team": list(request.get("team", ())), "most_tasks": state.policy.plan.most_tasks}
    needed = [state.told_by(name) for name in one.needs]
    if needed:
        payload["deps"] = [need.id for need in needed]
        payload["upstream"] = upstream(needed, own=state.branch.uri)
    return _task(state, one.id, one.agent, one.type, payload, now=now, inputs=_artifacts(needed), given=given)


def _about_the_gate(state: RequestState, one: TaskState) -> dict[str, Any]:
    """What a fix is told of what was found, and a later round of which one it is."""
    told: dict[str, Any] = {"round": one.round} if one.round else {}
    if one.fixes is not None:
        refusing = state.tasks[one.fixes]
        verdict = refusing.result.verdict if refusing.result is not None else None
        found = [finding.to_json() for finding in verdict.findings] if verdict is not None else []
        told |= {"gate": refusing.name, "findings": found}
        told["description"] = f"Fix what {refusing.agent} found in {refusing.name}. It was asked for: {_asked(state)}"
    if one.hint:
        told["hint"] = one.hint
    return told


def _asked(state: RequestState) -> str:
    return str(state.request["description"])


def resolving(state: RequestState, one: TaskState, now: float, given: Budget | None = None) -> Task:
    """A task that makes the work of another fit together with the request's branch."""
    assert one.resolves is not None
    assert one.conflict is not None
    origin = state.tasks[one.resolves]
    found = one.conflict
    sides = found.get("subjects") or ((), ())
    conflict = Conflict(
        tuple(found["files"]),
        found["ours"],
        found["theirs"],
        found.get("base"),
        found["tree"],
        (tuple(sides[0]), tuple(sides[1])),
    )
    payload: dict[str, Any] = {
        "description": describe(conflict),
        "acceptance_criteria": list(state.request.get("acceptance_criteria", [])),
        "context": {"epic_id": state.id},
        "deps": [origin.id],
        "upstream": upstream([origin], own=state.branch.uri),
    }
    told = {name: found[name] for name in ("ours", "theirs", "tree", "files", "base") if found.get(name) is not None}
    where = {**(state.branch.input() or {}), "commit": conflict.ours, "conflict": told}
    made = _task(state, one.id, one.agent, one.type, payload, now=now, given=given)
    return made.with_(inputs=[where])


def child(
    state: RequestState,
    parent: TaskState,
    task_id: str,
    wanted: WantedTask,
    *,
    now: float,
    given: Budget | None = None,
) -> Task:
    """A subtask that an agent wanted. Raises `LoopRefused` where it repeats what one of its ancestors already does,
    `Rejected` where nobody plays the role."""
    assert parent.task is not None
    if not state.plays(wanted.agent):
        roles = ", ".join(sorted({str(one["role"]) for one in state.team.values()}))
        raise UnknownRole(wanted.agent, roles.split(", "))
    ancestors = [*parent.task.ancestors, parent.id]
    _refuse_loop(state, ancestors, task_id, wanted)
    payload = wanted.payload.to_json()
    payload["context"] = {**(payload.get("context") or {}), "epic_id": state.id, "parent_task": parent.id}
    made = _task(state, task_id, wanted.agent, wanted.type, payload, now=now, ancestors=ancestors, given=given)
    changes: dict[str, Any] = {"max_hops": parent.task.max_hops}
    if wanted.priority is not None:
        changes["priority"] = wanted.priority
    return made.with_(**changes)


def continued(state: RequestState, one: TaskState, now: float, given: Budget | None = None) -> Task:
    """The same task going on: with the answer to its question, the results of its subtasks, or more money."""
    assert one.task is not None
    assert one.result is not None
    changes: dict[str, Any] = {"continuation": one.result.continuation + 1}
    if given is not None:
        changes["budget"] = given
    if one.status != "unfunded":
        changes["answer"] = _answer(state, one)
    if one.task.inputs:
        changes["inputs"] = _inputs(state, [artifact.to_json() for artifact in one.task.inputs])
    return one.task.with_(**changes, timestamp=timestamp(now))


def _answer(state: RequestState, one: TaskState) -> dict[str, Any]:
    assert one.task is not None
    assert one.result is not None
    question = one.result.question.id if one.result.question is not None else None
    answer: dict[str, Any] = {} if question is None else {"question": question}
    if one.result.status == "needs_tasks":
        children = state.children_of_this_round(one)
        answer["results"] = [child.result.to_json() for child in children if child.result is not None]
    elif one.parked:
        # What the task was answered before it was paused may not have been read yet.
        before = one.task.answer.to_json() if one.task.answer is not None else {}
        answer = before or {"question": question, "text": "resume"}
    else:
        answer["text"] = state.answers[one.result.key]
    return answer


def upstream(needed: Sequence[TaskState], own: str | None = None) -> list[dict[str, Any]]:
    """What earlier tasks brought, for those that build on it, in `UPSTREAM_BYTES` at most.

    Commits in the request's `own` repository are told without its address: that stands in the inputs, and differs where
    a request is replayed.
    """
    told: list[dict[str, Any]] = []
    left = UPSTREAM_BYTES
    for one in needed:
        if one.result is None:
            continue
        entry: dict[str, Any] = {"task_id": one.id, "name": one.name, "agent": one.agent, "type": one.type}
        if one.result.artifacts:
            entry["artifacts"] = [_told(artifact.to_json(), own) for artifact in one.result.artifacts]
        whole = {**entry, "result": one.result.result}
        if _size(whole) > left:
            whole = {**entry, "result_left_out": f"{_size(one.result.result):,} bytes; see the artifacts"}
        if _size(whole) <= left:
            told.append(whole)
            left -= _size(whole)
    return told


def unpublished(
    state: RequestState, task_id: str, agent: str, task_type: str, *, now: float, continuation: int = 0
) -> Task:
    """What the journal keeps in the place of a task that could not be published."""
    payload = {"description": "(not published)"}
    made = _task(state, task_id, agent, task_type, payload, now=now, priority=DEFAULT_PRIORITY)
    return made.with_(continuation=continuation)


def refused(unpublished: Task, error: BethError) -> Result:
    """The result of a task that could not be published."""
    told: dict[str, Any] = {"code": error.code, "message": str(error), "retryable": False}
    if isinstance(error, LoopRefused):
        told["details"] = {"chain": list(error.chain)}
    return schema.parse(
        Result,
        {
            "task_id": unpublished.id,
            "continuation": unpublished.continuation,
            "status": "rejected",
            "request_id": unpublished.request_id,
            "agent": "beth",
            "error": told,
        },
    )


def _size(value: Any) -> int:
    """Bytes in a message."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _told(artifact: dict[str, Any], own: str | None) -> dict[str, Any]:
    return {name: value for name, value in artifact.items() if name != "uri" or value != own}


def _artifacts(needed: Sequence[TaskState]) -> list[dict[str, Any]]:
    return [artifact.to_json() for one in needed if one.result is not None for artifact in one.result.artifacts]


def _inputs(state: RequestState, artifacts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is handed on, and the request's branch as it is now. What is merged into that is not handed on besides; what
    is in conflict with it stays as it was told."""
    branch = state.branch.input()
    if branch is None or any("conflict" in one for one in artifacts):
        return list(artifacts)
    return [*(one for one in artifacts if one.get("uri") != state.branch.uri), branch]


def _task(
    state: RequestState,
    task_id: str,
    agent: str,
    task_type: str,
    payload: dict[str, Any],
    *,
    now: float,
    ancestors: Sequence[str] = (),
    inputs: Sequence[dict[str, Any]] = (),
    priority: int | None = None,
    given: Budget | None = None,
) -> Task:
    document: dict[str, Any] = {
        "id": task_id,
        "type": task_type,
        "agent": agent,
        "payload": payload,
        "reply_to": RESULTS,
        "timestamp": timestamp(now),
        "schema_version": CONTRACT_VERSION,
        "request_id": state.id,
        "priority": state.request.get("priority", DEFAULT_PRIORITY) if priority is None else priority,
    }
    if given is not None:
        document["budget"] = given.to_json()
    if ancestors:
        document["ancestors"] = list(ancestors)
    told = _inputs(state, inputs)
    if told:
        document["inputs"] = told
    return schema.parse(Task, document)


def _refuse_loop(state: RequestState, ancestors: Sequence[str], task_id: str, wanted: WantedTask) -> None:
    for ancestor in ancestors:
        known = state.tasks.get(ancestor)
        if known is None or known.task is None:
            continue
        same = (known.agent, known.type, known.task.payload.description)
        if same == (wanted.agent, wanted.type, wanted.payload.description):
            chain = (
                *(f"{one} ({state.tasks[one].agent})" for one in ancestors if one in state.tasks),
                f"{task_id} ({wanted.agent})",
            )
            raise LoopRefused(chain, f"{wanted.agent} is asked for what it is asking others for")
