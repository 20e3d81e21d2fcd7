"""A request as lines on a screen. Pure: takes what is known and the time, returns text.

What agents and users wrote is made safe for a terminal: it cannot steer it, and it stays on its line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text
from rich.tree import Tree

from beth_agent_beth.outcome import usage_of
from beth_agent_beth.state import RequestState
from beth_agent_beth.task_state import TaskState
from beth_sdk.cli.text import one_line
from beth_sdk.messages import Event

MARKS = {
    "waiting": ("·", "dim"),
    "queued": ("○", "cyan"),
    "running": ("●", "bold cyan"),
    "asking": ("?", "bold yellow"),
    "delegating": ("⋯", "cyan"),
    "complete": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "rejected": ("✗", "bold red"),
    "cancelled": ("–", "yellow"),
    "paused": ("‖", "yellow"),
}


@dataclass(slots=True)
class Live:
    """What the events say of one task now; gone with the next result."""

    step: str = ""
    message: str = ""
    started: float | None = None
    """On the monotonic clock of whoever watches."""
    instance: str = ""
    attempt: int = 1


@dataclass(slots=True)
class Screen:
    """What a watcher knows of a request besides its facts."""

    live: dict[str, Live] = field(default_factory=dict)

    def see(self, event: Event, now: float) -> None:
        """Take an event in."""
        if event.task_id is None:
            return
        live = self.live.setdefault(event.task_id, Live())
        match event.kind:
            case "accepted":
                attempt = (event.data or {}).get("attempt", 1)
                self.live[event.task_id] = Live(
                    started=now, instance=event.instance or "", attempt=attempt if isinstance(attempt, int) else 1
                )
            case "step":
                live.step, live.message = one_line(event.message or ""), ""
            case "progress":
                live.message = one_line(event.message or "")
            case "handed_over":
                self.live.pop(event.task_id, None)
            case _:
                pass


def status_of(one: TaskState, live: Live | None) -> str:
    """A task's status for people: published ones are queued until somebody has begun."""
    if one.status == "published":
        return "running" if live is not None and live.started is not None else "queued"
    if one.status == "asking" and one.paused:
        return "paused"
    return one.status


def duration(seconds: float) -> str:
    """Seconds for people: 0.4s, 12s, 3m05s, 2h07m."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    return f"{minutes // 60}h{minutes % 60:02}m"


def money(usd: float) -> str:
    """US dollars for people."""
    return f"${usd:.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.4f}"


def tree(state: RequestState, screen: Screen, now: float) -> Tree:
    """The live tree of tasks, children below the task that wanted them."""
    head = Text.assemble((state.id, "bold"), "  ", first_line(state, 100))
    head.no_wrap, head.overflow = True, "ellipsis"
    root = Tree(head, guide_style="dim")
    branches: dict[str, Tree] = {}
    for one in list(state.tasks.values()):  # a copy: whoever follows the request may just be adding one
        live = screen.live.get(one.id)
        parent = branches.get(one.parent or "", root)
        branches[one.id] = parent.add(_line(one, live, now))
    return root


def plain(one: TaskState, live: Live | None, now: float) -> str:
    """One task as a plain line."""
    return _line(one, live, now).plain


def changes(before: dict[str, str], state: RequestState) -> Iterator[TaskState]:
    """The tasks whose status differs from what `before` remembers; brings it up to date."""
    for one in state.tasks.values():
        mark = f"{one.status}:{one.continuation}"
        if before.get(one.id) != mark and one.status != "waiting":
            before[one.id] = mark
            yield one


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
    return [*lines, *_branch(state), f"{state.id} {state.status}{reason}  ({duration(seconds)}{spent})"]


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
    for one in state.questions:
        question = one.result.question if one.result else None
        first, *more = (question.text.splitlines() if question else []) or ["(it does not say what)"]
        lines.append(f"{one.agent} asks: {one_line(first)}")
        lines.extend(f"    {one_line(line)}" for line in more)
        lines.extend(f"    {one_line(option)}" for option in (question.options if question else None) or ())
        lines.append(f"  beth answer {one.id} 'YOUR ANSWER'")
    return lines


def first_line(state: RequestState, limit: int) -> str:
    """The first line of what was asked for, in at most `limit` characters."""
    return _first_line(str(state.request.get("description", "")), limit)


def table(rows: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """Requests as aligned columns: id, status, age, description."""
    return [f"{name:<16} {status:<10} {age:>8}  {text}" for name, status, age, text in rows]


def _line(one: TaskState, live: Live | None, now: float) -> Text:
    status = status_of(one, live)
    mark, style = MARKS.get(status, ("·", ""))
    line = Text.assemble(
        (mark, style), " ", (f"{one.agent:<16}", "bold"), f" {one.name:<16} ", (f"{status:<10}", style)
    )
    if status == "running" and live is not None:
        if live.started is not None:
            line.append(f" {duration(now - live.started):>6}")
        if live.attempt > 1:
            line.append(f"  attempt {live.attempt}", "yellow")
        doing = " · ".join(part for part in (live.step, live.message) if part)
        line.append(f"  {doing}", "dim")
    elif one.result is not None:
        line.append(_after(one.result.usage.to_json() if one.result.usage else {}))
        line.append(f"  {_gist(one)}", "dim")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _after(usage: dict[str, Any]) -> str:
    spent = f" {duration(float(usage['seconds'])):>6}" if "seconds" in usage else ""
    return spent + (f" {money(float(usage['cost_usd']))}" if "cost_usd" in usage else "")


def _gist(one: TaskState) -> str:
    """A result in a line: its error, its question, its summary."""
    assert one.result is not None
    if one.result.error is not None:
        return _first_line(one.result.error.message)
    if one.result.question is not None:
        return _first_line(one.result.question.text)
    body = one.result.result
    if isinstance(body, dict) and isinstance(body.get("summary"), str):
        body = body["summary"]
    if isinstance(body, str):
        return _first_line(body)
    return one_line(json.dumps(body, ensure_ascii=False), 120) if body is not None else ""


def _told(one: TaskState, own: str | None) -> list[str]:
    assert one.result is not None
    lines = [f"{one.agent}: {_gist(one)}"]
    lines.extend(
        f"    {one_line(artifact.uri)}" for artifact in one.result.artifacts if artifact.uri not in (None, own)
    )
    if one.result.verdict is not None:
        lines.append(f"    verdict: {one.result.verdict.decision}")
        lines.extend(f"    - {one_line(finding.title)}" for finding in one.result.verdict.findings)
    return lines


def _first_line(text: str, limit: int | None = None) -> str:
    return one_line((text.strip().splitlines() or [""])[0], limit)
