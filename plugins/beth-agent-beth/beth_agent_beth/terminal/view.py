"""A request as plain lines: its tasks, its end, what it asks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.summing_up import account_of
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.outcome import usage_of
from beth_agent_beth.terminal.live import Live, status_of
from beth_agent_beth.terminal.marks import Signs
from beth_agent_beth.terminal.words import NO_WORDS, doing, duration, first_line, first_of, gist, money, short_question
from beth_sdk.cli.text import one_line

__all__ = ["closing", "duration", "first_line", "money", "plain", "question", "questions", "table"]

ALL_SIGNS = Signs()

ANSWER = "'YOUR ANSWER'"
_HINTS = {"plan": "approve", "budget": "AMOUNT"}
"""What an answer to Beth's own questions looks like, for whoever copies the line."""


def plain(one: TaskState, live: Live | None, now: float, signs: Signs = ALL_SIGNS) -> str:
    """One task as a plain line. `now` on the monotonic clock."""
    status = status_of(one, live)
    line = f"{signs.mark(status)[0]} {one_line(one.agent):<16} {one_line(one.name):<16} {status:<10}"
    if status == "running" and live is not None:
        took = "" if live.started is None else f" {duration(now - live.started):>6}"
        return f"{line}{took}  {doing(live, signs)}".rstrip()
    if one.result is None:
        return line.rstrip()
    return f"{line}{_after(one.result.usage.to_json() if one.result.usage else {})}  {gist(one)}".rstrip()


def closing(state: RequestState, seconds: float) -> list[str]:
    """What is said when it is over."""
    own = state.branch.uri
    lines = [line for one in state.tasks.values() if one.result is not None for line in _told(one, own)]
    usage = usage_of(state)
    spent = f", {money(usage['cost_usd'])}" if "cost_usd" in usage else ""
    first, *more = (state.reason or "").splitlines() or [""]
    reason = f": {one_line(first)}" if first else ""
    # What differs from a recording is told in many lines, and none of them may be lost.
    lines += [f"    {one_line(line)}" for line in more]
    lines += [*_account(state), *_branch(state)]
    return [*lines, f"{state.id} {state.status}{reason}  ({duration(seconds)}{spent})"]


def _account(state: RequestState) -> list[str]:
    """What was not done, and what each role cost."""
    account = account_of(state)
    lines = [f"not done: {one_line(one['name'])} by {one_line(one['agent'])}: {_why(one)}" for one in account.not_done]
    costs = [
        f"{one_line(role)} {money(used['cost_usd'])}" for role, used in account.roles.items() if used.get("cost_usd")
    ]
    return [*lines, f"cost: {', '.join(costs)}"] if costs else lines


def _why(one: Mapping[str, Any]) -> str:
    return first_of(str(one["reason"])) or str(one["status"])


def _branch(state: RequestState) -> list[str]:
    """Where the work is, if any was committed, and what to do with it."""
    branch = state.branch
    if not branch.grown:
        return []
    made = ", ".join(f"{count} by {one_line(role)}" for role, count in sorted(branch.commits.items()))
    where = f"branch {branch.name} in {branch.repository} (commits: {made})"
    return [f"{where}; beth show|diff|checkout|merge {state.id}"]


def questions(state: RequestState) -> list[str]:
    """What the request waits for, and how to answer."""
    lines: list[str] = []
    waiting: list[TaskState | Asked] = [*state.open_questions, *state.questions]
    for one in waiting:
        hint = _HINTS.get(one.kind, ANSWER) if isinstance(one, Asked) else ANSWER
        lines += [*question(one), f"  beth answer {short_question(one)[0]} {hint}"]
    return lines


def question(one: TaskState | Asked, *, options: bool = True) -> list[str]:
    """Who asks what, and unless they are told otherwise the options."""
    if isinstance(one, Asked):
        who, text, choice = "Beth", one.text, one.options
    else:
        asked = one.result.question if one.result is not None else None
        who, text, choice = one.agent, asked.text if asked else "", tuple((asked and asked.options) or ())
    first, *more = text.splitlines() or [NO_WORDS]
    further = (*more, *choice) if options else more
    return [f"{one_line(who)} asks: {one_line(first)}", *(f"    {one_line(line)}" for line in further)]


def table(rows: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """Requests as aligned columns: id, status, age, description."""
    return [f"{name:<16} {status:<10} {age:>8}  {text}" for name, status, age, text in rows]


def _after(usage: dict[str, Any]) -> str:
    spent = f" {duration(float(usage['seconds'])):>6}" if "seconds" in usage else ""
    return spent + (f" {money(float(usage['cost_usd']))}" if "cost_usd" in usage else "")


def _told(one: TaskState, own: str | None) -> list[str]:
    assert one.result is not None
    lines = [f"{one.agent}: {gist(one)}"]
    lines.extend(
        f"    {one_line(artifact.uri)}" for artifact in one.result.artifacts if artifact.uri not in (None, own)
    )
    if one.result.verdict is not None:
        lines.append(f"    verdict: {one.result.verdict.decision}")
        lines.extend(f"    - {one_line(finding.title)}" for finding in one.result.verdict.findings)
    return lines
