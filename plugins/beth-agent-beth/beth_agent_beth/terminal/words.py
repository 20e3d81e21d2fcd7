"""How times, money, questions and results are put for people. Pure.

What agents and users wrote is made safe for a terminal: it cannot steer it, and it stays on its line.
"""

from __future__ import annotations

import json

from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.summing_up import summary_text
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.terminal.live import Live
from beth_agent_beth.terminal.marks import Signs
from beth_sdk.cli.text import one_line

NO_WORDS = "(it does not say what)"

MOST_SHOWN = 400
"""Characters of a text of which one line is shown: more than any terminal has columns."""


def safe(text: str) -> str:
    """What somebody wrote, on a line."""
    return one_line(text, MOST_SHOWN)


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


def spending(spent: float | None, total: float | None) -> list[str]:
    """What a request has cost, and what it may cost, in US dollars; nothing where neither is known."""
    if total is not None:
        return [f"{money(spent or 0.0)} of {money(total)}"]
    return [] if spent is None else [money(spent)]


def first_line(state: RequestState, limit: int) -> str:
    """The first line of what was asked for, in at most `limit` characters."""
    return first_of(str(state.request.get("description", "")), limit)


def first_of(text: str, limit: int | None = None) -> str:
    """The first line of a text."""
    return one_line((text.strip().splitlines() or [""])[0], limit)


def doing(live: Live, signs: Signs | None = None) -> str:
    """What a task is doing: its step and how far that is."""
    attempt = f"attempt {live.attempt} {signs.dot if signs else '·'} " if live.attempt > 1 else ""
    step, message = live.step[:MOST_SHOWN], live.message[:MOST_SHOWN]
    return attempt + (f"{step}: {message}" if step and message else step or message)


def gist(one: TaskState) -> str:
    """A result in a line: its error, its question, its summary."""
    assert one.result is not None
    if one.result.error is not None:
        return first_of(one.result.error.message)
    if one.result.question is not None:
        return first_of(one.result.question.text)
    said, body = summary_text(one), one.result.result
    if said is not None:
        return first_of(said)
    return one_line(json.dumps(body, ensure_ascii=False), 120) if body is not None else ""


def short_question(one: TaskState | Asked) -> tuple[str, str, str]:
    """What is to be answered, who asks, and what, each in a line."""
    if isinstance(one, Asked):
        return one.about, "Beth", first_of(one.text) or NO_WORDS
    question = one.result.question if one.result is not None else None
    return one.id, safe(one.agent), first_of(question.text if question is not None else "") or NO_WORDS
