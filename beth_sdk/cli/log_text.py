"""A task's journal in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from beth_sdk import history as facts
from beth_sdk.cli.text import head, moment, one_line, plural, span, time_of_day
from beth_sdk.journal.base import Entry

OUTCOME_LENGTH = 100
"""Characters of an outcome; `beth log --json` has all of it."""

Data: TypeAlias = Mapping[str, Any]


class LogLines:
    """Takes a task's entries in order and gives the lines for each."""

    def __init__(self, task_id: str) -> None:
        self._title: list[str] = [f"task {one_line(task_id)}"]
        self._epoch = 0

    def take_in(self, entry: Entry) -> list[str]:
        """The lines for an entry: a heading where a new epoch begins, then what happened."""
        lines, self._title = self._title, []
        if entry.epoch and entry.epoch != self._epoch:
            self._epoch = entry.epoch
            lines.append(_heading(entry))
        if entry.fact.kind != facts.STARTED:  # which is the heading
            lines.append(f"  {time_of_day(entry.at)}  {said_of(entry.fact.kind, entry.fact.data)}")
        return lines


def said_of(kind: str, data: Data) -> str:
    """What one fact says, in a line; a fact of a later version as it is."""
    say = _SAYINGS.get(kind)
    return say(data) if say is not None else f"{one_line(kind)}: {head(dict(data), OUTCOME_LENGTH)}"


def _heading(entry: Entry) -> str:
    data = entry.fact.data
    parts = [f"epoch {entry.epoch}", moment(entry.at)]
    if data.get("instance"):
        parts.append(f"worker {one_line(str(data['instance']))}")
    if data.get("version"):
        parts.append(one_line(str(data["version"])))
    if data.get("continuation"):
        parts.append(f"continuation {data['continuation']}")
    return " · ".join(parts)


# -- what a task's worker writes --------------------------------------------------------------


def _step_done(data: Data) -> str:
    took = span(data.get("seconds", 0.0))
    return f"{_step(data)} done in {took}: {head(data.get('outcome'), OUTCOME_LENGTH)}"


def _step_raised(data: Data) -> str:
    return f"{_step(data)} raised {_error(data['error'])}{' (may be tried again)' if data.get('retryable') else ''}"


def _failed(data: Data) -> str:
    again = f"; again in {span(data['again_in'])}" if "again_in" in data else ""
    return f"attempt failed{_after(data)}: {_error(data['error'])}{again}"


def _ended(data: Data) -> str:
    result: Data = data["result"]
    status = str(result.get("status"))
    dead = f" (dead: {one_line(str(data['dead']))})" if data.get("dead") else ""
    if status == "complete":
        return f"complete{_after(data)}: {head(result.get('result'), OUTCOME_LENGTH)}"
    if status == "needs_input":
        return f"asks{_after(data)}: {_question(result.get('question') or {})}"
    if status == "needs_tasks":
        wanted = result.get("tasks") or []
        names = ", ".join(f"{head(one.get('agent'), 40)} ({head(one.get('name'), 40)})" for one in wanted)
        return f"wants {plural(len(wanted), 'task')}{_after(data)}: {names}"
    why = f": {_error(result['error'])}" if result.get("error") else ""
    return f"{one_line(status)}{_after(data)}{why}{dead}"


def _question(question: Data) -> str:
    options = question.get("options")
    choice = f" [{' / '.join(head(one, 40) for one in options)}]" if options else ""
    return f"{head(question.get('text'), 500)}{choice}"


def _step(data: Data) -> str:
    occurrence = int(data.get("n", 0))
    return f"step {one_line(str(data['name']))}{f' #{occurrence + 1}' if occurrence else ''}"


def _after(data: Data) -> str:
    return f" after {span(data['seconds'])}" if "seconds" in data else ""


def _colon(text: object, limit: int) -> str:
    return f": {head(text, limit)}" if text else ""


def _error(error: Data) -> str:
    what = error.get("code") or error.get("type") or "error"
    return f"{head(what, 60)}: {head(error.get('message', ''), 300)}"


_SAYINGS: Mapping[str, Callable[[Data], str]] = {
    facts.STEP_STARTED: lambda data: f"{_step(data)} begins",
    facts.STEP_DONE: _step_done,
    facts.STEP_RAISED: _step_raised,
    facts.FAILED: _failed,
    facts.HANDED_OVER: lambda data: f"handed over{_after(data)}: another worker goes on",
    facts.LET_GO: lambda _: "let go: there was nothing to do for this delivery",
    facts.ENDED: _ended,
    # What others write from outside.
    facts.CANCEL: lambda data: f"cancel was asked for{_colon(data.get('reason'), 200)}",
    facts.PAUSE: lambda _: "pause was asked for",
    facts.RESUME: lambda _: "pause was taken back",
    facts.TELL: lambda data: f"told{_colon(data.get('text'), 500)}",
    facts.REDRIVEN: lambda data: f"redriven from the dead letters, as continuation {data.get('continuation')}",
}
