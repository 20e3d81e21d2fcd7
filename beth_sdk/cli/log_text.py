"""A task's journal in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from beth_sdk import history as facts
from beth_sdk.cli.steps import Data, Tellers
from beth_sdk.cli.text import head, moment, one_line, plural, span, time_of_day, visible
from beth_sdk.journal.base import Entry
from beth_sdk.messages import FINAL_STATUSES

OUTCOME_LENGTH = 100
"""Characters of an outcome; with --full, and with --json, there is all of it."""


class LogLines:
    """Takes a task's entries in order and gives the lines for each. `full`: nothing is left out; `live`: a step is told
    when it begins, because what comes of it is not known yet."""

    def __init__(self, task_id: str, tellers: Tellers | None = None, *, full: bool = False, live: bool = False) -> None:
        self._title: list[str] = [f"task {one_line(task_id)}"]
        self._tellers = tellers or Tellers([])
        self._full = full
        self._live = live
        self._epoch = 0
        self._history = facts.TaskHistory()
        self._begun: Entry | None = None

    def take_in(self, entry: Entry) -> list[str]:
        """The lines for an entry: a heading where a new epoch begins, then what happened."""
        self._history.take_in(entry)
        lines, self._title = self._title, []
        lines += self._cut_off(entry)
        if entry.epoch and entry.epoch != self._epoch:
            self._epoch = entry.epoch
            lines.append(_heading(entry))
        if entry.fact.kind == facts.STEP_STARTED and not self._live:
            self._begun = entry
        elif entry.fact.kind != facts.STARTED:  # which is the heading
            lines += self._lines(entry)
        if entry.fact.kind == facts.ENDED and entry.fact.data["result"].get("status") in FINAL_STATUSES:
            lines += self._used()
        return lines

    def rest(self) -> list[str]:
        """What is still to be said where no more entries come."""
        begun, self._begun = self._begun, None
        return [] if begun is None else [_line(begun, "and nothing is known of it yet")]

    def _cut_off(self, entry: Entry) -> list[str]:
        """A step that began before this entry, if the entry is not what came of it."""
        begun, self._begun = self._begun, None
        if begun is None:
            return []
        place = [begun.fact.data.get(name) for name in ("name", "n")]
        same = [entry.fact.data.get(name) for name in ("name", "n")] == place
        if same and entry.fact.kind in {facts.STEP_DONE, facts.STEP_RAISED} and entry.epoch == begun.epoch:
            return []
        if entry.epoch in {0, begun.epoch}:  # something that was said meanwhile
            self._begun = begun
            return []
        return [_line(begun, "and its worker died in it")]

    def _lines(self, entry: Entry) -> list[str]:
        data = entry.fact.data
        told = self._tellers.lines(data, full=self._full) if entry.fact.kind == facts.STEP_DONE else None
        if not told:
            most = None if self._full else OUTCOME_LENGTH
            return [f"  {time_of_day(entry.at)}  {said_of(entry.fact.kind, data, most)}"]
        first, *more = told
        return [f"  {time_of_day(entry.at)}  {visible(first)}", *(f"            {visible(line)}" for line in more)]

    def _used(self) -> list[str]:
        """What the task used up in all, of which its steps told."""
        used = self._history.used
        told = [f"${used['cost_usd']:.4f}"] if used.get("cost_usd") else []
        for name, word in (("input_tokens", "tokens in"), ("output_tokens", "out"), ("tool_calls", "tool calls")):
            if used.get(name):
                told.append(f"{used[name]:,.0f} {word}")
        if self._history.reserved:
            told.append(f"${self._history.reserved:.4f} reserved by steps that nobody knows the outcome of")
        return [f"  used up in all: {', '.join(told)}"] if told else []


def _line(begun: Entry, what: str) -> str:
    return f"  {time_of_day(begun.at)}  {_step(begun.fact.data)} begins, {what}"


def said_of(kind: str, data: Data, most: int | None = OUTCOME_LENGTH) -> str:
    """What one fact says, in a line, with at most so many characters of an outcome; a fact of a later version as it
    is."""
    if kind == facts.STEP_DONE:
        return _step_done(data, most)
    if kind == facts.ENDED:
        return _ended(data, most)
    say = _SAYINGS.get(kind)
    return say(data) if say is not None else f"{one_line(kind)}: {head(dict(data), most)}"


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


def _step_done(data: Data, most: int | None) -> str:
    took = span(data.get("seconds", 0.0))
    return f"{_step(data)} done in {took}: {head(data.get('outcome'), most)}"


def _step_raised(data: Data) -> str:
    return f"{_step(data)} raised {_error(data['error'])}{' (may be tried again)' if data.get('retryable') else ''}"


def _failed(data: Data) -> str:
    again = f"; again in {span(data['again_in'])}" if "again_in" in data else ""
    return f"attempt failed{_after(data)}: {_error(data['error'])}{again}"


def _ended(data: Data, most: int | None) -> str:
    result: Data = data["result"]
    status = str(result.get("status"))
    dead = f" (dead: {one_line(str(data['dead']))})" if data.get("dead") else ""
    if status == "complete":
        return f"complete{_after(data)}: {head(result.get('result'), most)}"
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
    facts.STEP_RAISED: _step_raised,
    facts.FAILED: _failed,
    facts.HANDED_OVER: lambda data: f"handed over{_after(data)}: another worker goes on",
    facts.LET_GO: lambda _: "let go: there was nothing to do for this delivery",
    # What others write from outside.
    facts.CANCEL: lambda data: f"cancel was asked for{_colon(data.get('reason'), 200)}",
    facts.PAUSE: lambda _: "pause was asked for",
    facts.RESUME: lambda _: "pause was taken back",
    facts.TELL: lambda data: f"told{_colon(data.get('text'), 500)}",
    facts.REDRIVEN: lambda data: f"redriven from the dead letters, as continuation {data.get('continuation')}",
}
