"""A request as a client is told of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.mcp import outputs
from beth_agent_beth.orchestration.outcome import summary_of, waits_for_a_person
from beth_agent_beth.plan.planning import proposed

SHORT, LONG = 200, 600
"""Characters of a request's description, and of what a task brought."""


def status_of(state: RequestState, trouble: Sequence[str] = ()) -> outputs.Status:
    """All that is known of a request. `trouble`: why agents do not work that should."""
    told = summary_of(state)
    found = [_question(one) for one in told["questions"]]
    return outputs.Status(
        request_id=state.id,
        status=told["status"],
        reason=told["reason"] or None,
        description=cut(str(told["description"]), SHORT),
        workflow=told["workflow"],
        version=state.version,
        tasks=[_task(one) for one in told["tasks"]],
        questions=found,
        plan=_plan(state) if any(one.kind == "plan" for one in found) else [],
        cost_usd=told["usage"].get("cost_usd", 0.0),
        cost_by_role={role: used["cost_usd"] for role, used in told["roles"].items() if used["cost_usd"]},
        max_cost_usd=(told["budget"] or {}).get("cost_usd"),
        branch=_branch(told),
        next=_next(state, trouble, waiting=bool(found)),
    )


def _task(one: Mapping[str, Any]) -> outputs.Task:
    verdict = one["verdict"] or {}
    return outputs.Task(
        task_id=one["task_id"],
        name=one["name"],
        role=one["agent"],
        type=one["type"],
        status=one["status"],
        summary=_gist(one),
        verdict=verdict.get("decision"),
        findings=[cut(str(finding["title"]), SHORT) for finding in verdict.get("findings") or ()],
        cost_usd=(one["usage"] or {}).get("cost_usd"),
    )


def _gist(one: Mapping[str, Any]) -> str | None:
    if one["error"]:
        return cut(str(one["error"]["message"]), LONG)
    body = one["result"]
    if isinstance(body, dict) and isinstance(body.get("summary"), str):
        body = body["summary"]
    if body is None:
        return None
    return cut(body if isinstance(body, str) else json.dumps(body, ensure_ascii=False), LONG)


def _question(one: Mapping[str, Any]) -> outputs.Question:
    return outputs.Question(
        id=one["task_id"],
        kind=one.get("kind") or "task",
        asked_by=one["agent"],
        text=one["text"],
        options=list(one["options"]),
    )


def _plan(state: RequestState) -> list[outputs.Planned]:
    plan = proposed(state)
    return [
        outputs.Planned(
            name=one.name,
            role=one.agent,
            type=one.type,
            needs=list(one.needs),
            gate=one.gate,
            size=one.size,
            reason=one.reason or one.description,
        )
        for one in (plan.task if plan is not None else ())
    ]


def _branch(told: Mapping[str, Any]) -> outputs.Branch | None:
    if not told["branch"]:
        return None
    return outputs.Branch(
        name=told["branch"],
        repository=told["repository"],
        commit=told["commit"],
        commits_by_role=told["commits"],
    )


def _next(state: RequestState, trouble: Sequence[str], *, waiting: bool) -> str:
    if state.ended:
        if state.branch.grown:
            return f"It has ended: tell the user how, and what show_work has of it; `beth merge {state.id}` takes it."
        return "It has ended: tell the user how. Nothing was committed."
    if waiting:
        return (
            "Put each question to the user as it stands, and pass the user's answer on with answer_question. Never "
            "answer in the user's place."
        )
    if waits_for_a_person(state):
        return f"It is paused. In a terminal, `beth resume {state.id}` has it go on."
    if trouble:
        return f"Nobody may be working on it. Tell the user: {trouble[0]}; then this server must be started again."
    return "It is being worked on: call watch_request again, with this version as after_version."


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` characters."""
    text = text.strip()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
