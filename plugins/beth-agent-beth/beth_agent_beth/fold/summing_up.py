"""What came of a request: what was done, what was not, what is left open, and what it cost by role. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState


@dataclass(frozen=True, slots=True)
class Account:
    """The closing account of a request, as plain values."""

    done: list[dict[str, Any]]
    """name, agent, summary of the tasks that count; of a gate the newest round."""
    not_done: list[dict[str, Any]]
    """name, agent, status, reason of tasks that ended otherwise or never began."""
    findings: list[dict[str, Any]]
    """What gates found and nobody had to mend: name of the gate, title, severity, place."""
    roles: dict[str, dict[str, float]]
    """What each role used up: tasks, cost_usd, input_tokens, output_tokens, seconds."""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"done": self.done, "not_done": self.not_done, "findings": self.findings, "roles": self.roles}


def account_of(state: RequestState) -> Account:
    """The account as it is now."""
    own = [one for one in state.tasks.values() if one.parent is None and one is not state.planner]
    return Account(
        [_done(one) for one in own if _counts(state, one)],
        [_not_done(one) for one in own if not _counts(state, one) and not _superseded(state, one)],
        [finding for one in own for finding in _findings(state, one)],
        _roles(state),
    )


def _superseded(state: RequestState, one: TaskState) -> bool:
    """Whether a later round of the same gate says how it went."""
    gate = state.gate_of(one)
    return gate is not None and gate.newest != one.id


def _counts(state: RequestState, one: TaskState) -> bool:
    gate = state.gate_of(one)
    if gate is None:
        return one.status == "complete"
    return gate.newest == one.id and one.status == "complete" and gate.passed


def _done(one: TaskState) -> dict[str, Any]:
    return {"name": one.name, "agent": one.agent, "summary": summary_text(one) or ""}


def summary_text(one: TaskState) -> str | None:
    """What a result says of itself in a sentence; None where it says nothing."""
    body = one.result.result if one.result is not None else None
    if isinstance(body, dict) and isinstance(body.get("summary"), str):
        body = body["summary"]
    return body if isinstance(body, str) else None


def _not_done(one: TaskState) -> dict[str, Any]:
    error = one.result.error if one.result is not None else None
    if one.refuses:
        verdict = one.result.verdict if one.result is not None else None
        titles = "; ".join(finding.title for finding in verdict.findings) if verdict is not None else ""
        reason = f"changes requested: {titles}" if titles else "changes requested"
    elif one.status == "waiting":
        reason = "never began"
    else:
        reason = error.message if error is not None else ""
    return {"name": one.name, "agent": one.agent, "status": one.status, "reason": reason}


def _findings(state: RequestState, one: TaskState) -> Iterator[dict[str, Any]]:
    gate = state.gate_of(one)
    verdict = one.result.verdict if one.result is not None else None
    if gate is None or verdict is None or not _counts(state, one):
        return
    for finding in verdict.findings:
        told = {"title": finding.title, "severity": finding.severity, "place": finding.place}
        yield {"name": state.tasks[gate.id].name, **told}


_ADDED = ("cost_usd", "input_tokens", "output_tokens", "seconds")


def _roles(state: RequestState) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for one in state.tasks.values():
        usage = one.result.usage if one.result is not None else None
        role = told.setdefault(one.agent, {"tasks": 0, **dict.fromkeys(_ADDED, 0.0)})
        role["tasks"] += 1
        for name in _ADDED if usage is not None else ():
            role[name] = round(role[name] + (getattr(usage, name) or 0), 6)
    return told
