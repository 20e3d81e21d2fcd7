"""Whether a result says something of all that it has to: criteria, findings, runs. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beth_sdk.messages import Task

_BLANKS = re.compile(r"\s+")


def same_words(text: str) -> str:
    """A text without what copying it may change: blanks, capitals, a list's mark, a full stop at the end."""
    return _BLANKS.sub(" ", text).strip().lstrip("-*• ").rstrip(". ").casefold()


def unsaid(wanted: Iterable[str], said: Iterable[str]) -> list[str]:
    """What of `wanted` is not among `said`; wanted twice, it must be said twice."""
    left = Counter(same_words(one) for one in said)
    missing = []
    for one in wanted:
        key = same_words(one)
        if left[key] > 0:
            left[key] -= 1
        elif key:
            missing.append(one)
    return missing


def criteria_of(task: Task) -> list[str]:
    """The task's acceptance criteria, each once."""
    return list({same_words(one): one for one in task.payload.acceptance_criteria}.values())


def findings_of(task: Task) -> list[Mapping[str, Any]]:
    """What gates found, that the task is to see to."""
    found = (task.payload.model_extra or {}).get("findings")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def last_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last run of each command."""
    return list({str(run["command"]).strip(): run for run in runs}.values())


def failed_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each command the last run, where that failed."""
    return [run for run in last_runs(runs) if run["exit_code"] != 0]


def listed(lines: Iterable[str], most: int = 20) -> str:
    """Lines for a model, as a list; of many the first."""
    found = list(lines)
    more = [f"- and {len(found) - most} more"] if len(found) > most else []
    return "\n".join([*(f"- {line}" for line in found[:most]), *more])
