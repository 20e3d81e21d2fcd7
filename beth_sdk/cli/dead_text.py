"""Dead letters in lines for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from beth_sdk.cli.text import NOTHING, head, moment, one_line, span, table
from beth_sdk.dead_letters import DeadLetter

REASON_LENGTH = 80
"""Characters of a reason in the list; `beth dead show` has all of it."""

BODY_LENGTH = 2000


def list_lines(letters: Sequence[DeadLetter], *, states: bool) -> list[str]:
    """A table of letters; `states`: with what became of each."""
    if not letters:
        return ["Nothing is dead."]
    headers = ["NAME", "QUEUE", "SINCE", "ATTEMPTS", *(["STATE"] if states else []), "REASON"]
    rows = [
        [
            letter.key,
            letter.queue,
            letter.at,
            str(len(letter.history)) if letter.task is not None else NOTHING,
            *([letter.state] if states else []),
            one_line(letter.reason, REASON_LENGTH),
        ]
        for letter in letters
    ]
    return table(headers, rows)


def letter_lines(letter: DeadLetter) -> list[str]:
    """All about one letter: reason, error, every attempt, and what it was about."""
    lines = [
        f"{one_line(letter.key)}  {letter.state}",
        f"  queue   {letter.queue}",
        f"  since   {letter.at}",
        f"  reason  {one_line(letter.reason)}",
    ]
    if letter.error:
        lines += [f"  error   {one_line(_error(letter.error))}"]
        details = letter.error.get("details")
        if details:
            lines += [f"          {one_line(json.dumps(details, ensure_ascii=False), 500)}"]
    if letter.history:
        lines += ["", *_attempts(letter.history)]
    return [*lines, "", *_content(letter)]


def _attempts(history: Sequence[Mapping[str, Any]]) -> list[str]:
    headers = ("EPOCH", "WHEN", "RAN", "OUTCOME", "WORKER", "ERROR")
    rows = [
        (
            str(attempt.get("epoch", "")),
            moment(attempt["at"]) if attempt.get("at") is not None else NOTHING,
            span(attempt["seconds"]) if attempt.get("seconds") is not None else NOTHING,
            str(attempt.get("outcome", "")).replace("_", " "),
            str(attempt.get("instance") or NOTHING),
            one_line(_error(attempt["error"]), REASON_LENGTH) if attempt.get("error") else NOTHING,
        )
        for attempt in history
    ]
    return table(headers, rows)


def _content(letter: DeadLetter) -> list[str]:
    if letter.task is None:
        text = letter.body[:BODY_LENGTH].decode("utf-8", "backslashreplace")
        more = f" (the first {BODY_LENGTH:,})" if len(letter.body) > BODY_LENGTH else ""
        return [f"{len(letter.body):,} bytes that are no task{more}:", f"  {one_line(text)}"]
    task = letter.task
    lines = [f"task {head(task.get('id'))} for {head(task.get('agent'))}, type {head(task.get('type'))}"]
    if task.get("request_id"):
        lines.append(f"  request  {head(task['request_id'])}")
    payload = task.get("payload")
    if isinstance(payload, Mapping):
        lines.append(f"  {head(payload.get('description', ''), 500)}")
        criteria = payload.get("acceptance_criteria") or []
        lines += [f"  - {head(criterion, 200)}" for criterion in criteria]
    return lines


def _error(error: Mapping[str, Any]) -> str:
    code, message = error.get("code") or error.get("type"), error.get("message", "")
    return f"{code}: {message}" if code else str(message)
