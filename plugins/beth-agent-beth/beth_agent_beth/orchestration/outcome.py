"""Whether a request has ended, and how, or waits for somebody; and what is told of it in the end. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from beth_agent_beth.fold.funds import NO_MORE
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.summing_up import account_of
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.publications import publications
from beth_sdk.messages import FINAL_STATUSES

WAITING_FOR_SOMETHING = ("asking", "delegating", "published", "unfunded")

NAMED = 10
"""Tasks whose failure a reason tells; of more it only says how many there are."""


def outcome_of(state: RequestState) -> dict[str, Any] | None:
    """The `ended` fact's data once nothing of the request runs, waits or can be published; None before."""
    if state.outstanding or state.to_merge:
        return None
    if state.cancel_reason is not None:
        return {"status": "cancelled", "reason": state.cancel_reason}
    if state.workflow is None or state.open_questions or state.undecided:
        return None
    if state.to_continue or state.to_delegate or state.ready:
        return None
    if any(one.status in WAITING_FOR_SOMETHING for one in state.tasks.values()):
        return None
    lacking = [one for one in state.tasks.values() if one.parent is None and not state.settled(one)]
    if lacking:
        begun = [one for one in lacking if one.status != "waiting"]
        return {"status": "failed", "reason": _reason(state, begun) if begun else NO_MORE}
    return {"status": "complete", "reason": ""}


def waits_for_a_person(state: RequestState) -> bool:
    """Whether nothing happens until somebody answers or resumes."""
    if state.ended or state.last_steer > state.passed_on:
        return False
    if state.outstanding or state.to_merge or state.undecided:
        return False
    if state.workflow is None and not state.open_questions and not _planning(state):
        return False
    if any(state.can_go_on(state.unfunded)) and not any(one.kind == "budget" for one in state.open_questions):
        return False
    return not publications(state, 0.0, 1) and outcome_of(state) is None


def _planning(state: RequestState) -> bool:
    """Whether the plan is made by a task that has not ended."""
    return state.planner is not None and state.planner.status not in FINAL_STATUSES


def word_of(state: RequestState) -> str:
    """A request's status in a word: also `waiting` for an answer and `paused`, which are no facts of their own."""
    if state.ended:
        return state.status
    if state.questions or state.open_questions:
        return "waiting"
    held_up = state.paused or (any(one.paused for one in state.tasks.values()) and waits_for_a_person(state))
    return "paused" if held_up else state.status


def usage_of(state: RequestState) -> dict[str, Any]:
    """What the request used up, added up over its tasks. Fields that no task reported are left out."""
    total: dict[str, float] = {}
    for one in state.tasks.values():
        if one.result is None or one.result.usage is None:
            continue
        for name, value in one.result.usage.to_json().items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                total[name] = round(total.get(name, 0) + value, 6)
    return dict(total)


def summary_of(state: RequestState) -> dict[str, Any]:
    """The one object that `--json` ends with: request_id, status, tasks[], usage, and where something was committed its
    repository, branch, head commit, and how many commits each role made."""
    branch = state.branch if state.branch.grown else None
    return {
        "request_id": state.id,
        "status": word_of(state),
        "reason": state.reason,
        "description": state.request.get("description", ""),
        "workflow": state.workflow,
        "tasks": [_task(one) for one in state.tasks.values()],
        "questions": [*(_question(one) for one in state.questions), *(_asked(one) for one in state.open_questions)],
        "usage": usage_of(state),
        "budget": _budget(state),
        "withheld": dict(state.withheld) if state.withheld else None,
        **account_of(state).to_json(),
        "repository": branch.repository if branch else None,
        "branch": branch.name if branch else None,
        "commit": branch.head if branch else None,
        "commits": dict(branch.commits) if branch else {},
    }


def _task(one: TaskState) -> dict[str, Any]:
    result = one.result
    return {
        "task_id": one.id,
        "name": one.name,
        "agent": one.agent,
        "type": one.type,
        "status": one.status,
        "continuation": max(0, one.continuation),
        "attempt": result.attempt if result else None,
        "result": result.result if result else None,
        "verdict": result.verdict.to_json() if result and result.verdict else None,
        "error": result.error.to_json() if result and result.error else None,
        "artifacts": [artifact.to_json() for artifact in result.artifacts] if result else [],
        "usage": result.usage.to_json() if result and result.usage else None,
    }


def _question(one: TaskState) -> dict[str, Any]:
    question = one.result.question if one.result else None
    return {
        "task_id": one.id,
        "kind": "task",
        "agent": one.agent,
        "text": question.text if question else "",
        "options": list(question.options or []) if question else [],
    }


def _budget(state: RequestState) -> dict[str, Any] | None:
    """The limits of the request; None where it has none."""
    return dataclasses.asdict(state.budget.total) if state.budget.limited else None


def _asked(one: Asked) -> dict[str, Any]:
    return {"task_id": one.about, "kind": one.kind, "agent": "beth", "text": one.text, "options": list(one.options)}


def _reason(state: RequestState, failed: list[TaskState]) -> str:
    more = [f"{len(failed) - NAMED} more"] if len(failed) > NAMED else []
    return "; ".join([*(_why(state, one) for one in failed[:NAMED]), *more])


def _why(state: RequestState, one: TaskState) -> str:
    gate = state.gate_of(one)
    if one.refuses or (gate is not None and state.tasks[gate.newest].refuses):
        return f"{one.name}: changes requested"
    error = one.result.error if one.result else None
    return f"{one.name} {one.status}" + (f": {error.message}" if error else "")
