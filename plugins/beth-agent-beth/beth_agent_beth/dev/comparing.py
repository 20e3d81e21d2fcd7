"""A try beside the task as it was done, in lines for people and as data. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_agent_beth.dev.past import Past, history_of, steps_done
from beth_agent_beth.dev.trying import Try
from beth_agent_beth.terminal.words import duration, money
from beth_sdk.cli.text import visible
from beth_sdk.journal.base import Entry
from beth_sdk.messages import Result

MOST = 40
"""Lines of a difference that are shown."""


def figures(entries: Sequence[Entry], result: Result | None) -> dict[str, Any]:
    """Status, US dollars, steps, tokens, seconds."""
    history, done = history_of(entries), list(steps_done(entries))
    return {
        "status": result.status if result is not None else None,
        "cost_usd": round(history.used.get("cost_usd", 0.0), 6),
        "steps": len(done),
        "model_calls": sum(1 for one in done if one["name"] == "model"),
        "tokens": int(history.used.get("input_tokens", 0) + history.used.get("output_tokens", 0)),
        "seconds": round(sum(float(one.get("seconds", 0.0)) for one in done), 3),
    }


def document(past: Past, tried: Try, work: Sequence[str]) -> dict[str, Any]:
    """For `--json`."""
    return {
        "task_id": past.task.id,
        "then": {**figures(past.entries, past.result), "result": past.result.result if past.result else None},
        "now": {**figures(tried.entries, tried.result), "result": tried.result.result},
        "error": tried.result.error.to_json() if tried.result.error else None,
        "same_frame": not _frame_differs(past, tried),
        "work": list(work),
        "left": tried.left,
        "differing": list(tried.differing),
    }


def lines(past: Past, tried: Try, work: Sequence[str]) -> Iterator[str]:
    """Figures side by side, then what differs: what the model is told, the result, the work."""
    then, now = figures(past.entries, past.result), figures(tried.entries, tried.result)
    yield ""
    yield f"{'':<14}{'then':>12}{'now':>12}"
    for name, shown in (
        ("status", str),
        ("cost_usd", money),
        ("seconds", duration),
        ("steps", str),
        ("model_calls", str),
        ("tokens", str),
    ):
        label = {"cost_usd": "cost", "model_calls": "model calls"}.get(name, name)
        yield f"{label:<14}{shown(then[name]):>12}{shown(now[name]):>12}"
    if tried.left is not None:
        yield f"the recorded replies fit until here: {tried.left}; --model M goes on with a model"
    if tried.differing:
        yield f"tools answered otherwise than then: {', '.join(tried.differing[:10])}"
    yield from _difference("what the model is told", _frame_of(past.entries), _frame_of(tried.entries))
    yield from _difference("the result", _result_of(past.result), _result_of(tried.result))
    yield from ["the work is the same as then"] if not work else ["the work, from then to now:", *map(visible, work)]


def _frame_differs(past: Past, tried: Try) -> bool:
    return _frame_of(past.entries) != _frame_of(tried.entries)


def _frame_of(entries: Sequence[Entry]) -> list[str]:
    """The system prompt, the first message and the tools of a task with a model."""
    outcome = next((one["outcome"] for one in steps_done(entries) if one["name"] == "frame"), None)
    composed = outcome.get("frame") if isinstance(outcome, Mapping) else None
    frame = composed.get("frame") if isinstance(composed, Mapping) else None
    if not isinstance(frame, Mapping):
        return []
    tools = [json.dumps(one, sort_keys=True) for one in frame.get("tools", ())]
    return [*str(frame.get("system", "")).splitlines(), *str(frame.get("first", "")).splitlines(), *tools]


def _result_of(result: Result | None) -> list[str]:
    if result is None:
        return []
    told = result.result if result.error is None else result.error.message
    return json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True).splitlines()


def _difference(what: str, then: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    if list(then) == list(now):
        yield f"{what} is the same as then"
        return
    found = list(difflib.unified_diff(then, now, "then", "now", n=1, lineterm=""))[2:]
    yield f"{what} differs from then:"
    for line in found[:MOST]:
        yield f"  {visible(line, 200)}"
    if len(found) > MOST:
        yield f"  [{len(found) - MOST} more lines]"
