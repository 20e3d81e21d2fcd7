"""A history that grew too long, made shorter without losing who said what to whom. Pure.

First the outputs of old tool calls become one line each; where that is not enough, old turns become one line together.
A turn is a model's message and the answers to its calls: they stay together or go together, because providers refuse
one without the other. What the system, the task and people said always stays, and so do the last turns as they are.

Turns are counted from the task's start, also those that are already left out, so a decision can be journaled as two
numbers, be applied again in a replay, and be applied twice without taking more.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beth_kit.model.base import Message

CHARACTERS_PER_TOKEN = 3.5
"""What a token of Claude is of English text, by Anthropic's glossary; OpenAI's rule of thumb is 4. Only an estimate."""

LEAST_GAIN = 0.3
"""A condensation takes at least this part of the history away. One that cannot is none: the task would go on condensing
and paying, with nothing left to work with."""

LEAST_TURNS = 3
"""Turns between two condensations, for the same reason."""

KEEP_LAST = 8
"""Turns at the end that stay as they are, where fewer need not do."""

_AIM = 0.5  # of the history: so that the next condensation is far away, and a provider's cache useful until then
_STUB = "[output of {name} left out: {count:,} characters]"
_WORTH = 200  # characters from which on an output is longer than what would stand in its place, by enough to matter
_QUOTED = 3  # of what the model said in the turns left out, so that it knows what it was about
_QUOTE = 300  # characters of each
_TOOLS = 30

_SUMMARY = re.compile(
    r"\[(?P<turns>\d+) earlier turns? left out\. Tools called in them: (?P<tools>.*?)\. What they did is done: [^\n]*\]"
    r"(?P<quotes>(?:\n- .*)*)"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Outputs in turns before number `stubs_before` become stubs, turns before number `dropped_before` go altogether;
    the task's first turn has number 0."""

    stubs_before: int
    dropped_before: int = 0


@dataclass(frozen=True, slots=True)
class Condensed:
    """A history made shorter: from about `before` to about `after` tokens."""

    messages: Sequence[Message]
    decision: Decision
    before: int
    after: int


def estimate(messages: Sequence[Message]) -> int:
    """About how many tokens the messages are."""
    return math.ceil(sum(map(_length, messages)) / CHARACTERS_PER_TOKEN)


def condense(
    messages: Sequence[Message], *, keep_last: int = KEEP_LAST, budget_tokens: int | None = None
) -> Condensed | None:
    """The history made shorter, or None where that is not possible; see `decide`."""
    decision = decide(messages, keep_last=keep_last, budget_tokens=budget_tokens)
    if decision is None:
        return None
    after = apply(messages, decision)
    return Condensed(after, decision, estimate(messages), estimate(after))


def decide(
    messages: Sequence[Message], *, keep_last: int = KEEP_LAST, budget_tokens: int | None = None
) -> Decision | None:
    """How to bring the history to half of what it is, taking away no more than that needs; None where not even
    `LEAST_GAIN` can be taken away, or what is left is over `budget_tokens`.

    The last `keep_last` turns stay as they are; fewer where there is no other way, but always the last.
    """
    history = _History.of(messages)
    now = sum(map(_length, messages))
    most = now * (1 - LEAST_GAIN)
    if budget_tokens is not None:
        most = min(most, budget_tokens * CHARACTERS_PER_TOKEN)
    while keep_last >= 1:
        end = len(history.turns) - keep_last
        decision = _chosen(messages, history, end, most, min(most, now * _AIM)) if end > 0 else None
        if decision is not None:
            return decision
        keep_last //= 2
    return None


def apply(messages: Sequence[Message], decision: Decision) -> Sequence[Message]:
    """The messages as a decision leaves them. What was left out before stays so."""
    history = _History.of(messages)
    dropped = history.turns[: max(0, decision.dropped_before - history.left_out)]
    stubbed = history.turns[len(dropped) : max(0, decision.stubs_before - history.left_out)]
    gone = {place for turn in dropped for place in turn.members}
    names = {str(call.get("id")): _name_of(call) for turn in stubbed for call in _calls(messages[turn.start])}
    stubs = {place for turn in stubbed for place in turn.members[1:]}
    found: list[Message] = []
    for place, message in enumerate(messages):
        # The line stands where the first turn was: before notes that people wrote later.
        if dropped and place == (history.summary if history.summary is not None else dropped[0].start):
            found.append({"role": "user", "content": _summary(messages, history, dropped)})
        elif place in stubs:
            found.append(_stub(message, names.get(str(message.get("tool_call_id")), "a tool")))
        elif place not in gone:
            found.append(message)
    return found


# -- how a history is made up -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a model's message stands, and the answers to its calls."""

    members: tuple[int, ...]

    @property
    def start(self) -> int:
        return self.members[0]


@dataclass(frozen=True, slots=True)
class _History:
    """The turns that are there, how many were `left_out` before, and where the message is that says so."""

    turns: tuple[_Turn, ...]
    left_out: int
    summary: int | None

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _History:
        turns: list[list[int]] = []
        summary, left_out, first = None, 0, True
        for place, message in enumerate(messages):
            role = message.get("role")
            if role == "assistant":
                turns.append([place])
            elif role == "tool" and turns:
                turns[-1].append(place)
            elif role == "user":
                # The first is the task, whatever it says.
                known = None if first else _SUMMARY.fullmatch(_text(message))
                first = False
                if known is not None and summary is None:
                    summary, left_out = place, int(known["turns"])
        return cls(tuple(_Turn(tuple(members)) for members in turns), left_out, summary)


def _chosen(messages: Sequence[Message], history: _History, end: int, most: float, aim: float) -> Decision | None:
    """The least that brings the characters to `aim`, or else to `most`, leaving the turns from `end` on alone."""
    left_out = history.left_out
    lengths = list(map(_length, messages))
    size = sum(lengths)
    for number, turn in enumerate(history.turns[:end]):
        size -= sum(lengths[place] - _length(_stub(messages[place], "a tool")) for place in turn.members[1:])
        if size <= aim:
            some = Decision(left_out + number + 1, left_out)
            if _is_enough(messages, some, most):
                return some
    all_stubs = left_out + end
    tries = [(0, most), *((dropped, aim) for dropped in _few_to_all(end)), (end, most)]
    for dropped, goal in tries:
        decision = Decision(all_stubs, left_out + dropped)
        if _is_enough(messages, decision, goal):
            return decision
    return None


def _few_to_all(end: int) -> Sequence[int]:
    """Quarters of the turns: each try costs a pass over the history, and a few turns more or less do not matter."""
    return sorted({math.ceil(end * quarter / 4) for quarter in (1, 2, 3, 4)})


def _is_enough(messages: Sequence[Message], decision: Decision, most: float) -> bool:
    return sum(map(_length, apply(messages, decision))) <= most


# -- what stands in the place of what went ----------------------------------------------------


def _stub(message: Message, name: str) -> Message:
    text = _text(message)
    if len(text) < _WORTH:
        return message
    return {**message, "content": _STUB.format(name=name, count=len(text))}


def _summary(messages: Sequence[Message], history: _History, dropped: Sequence[_Turn]) -> str:
    before = None if history.summary is None else _SUMMARY.fullmatch(_text(messages[history.summary]))
    called: Counter[str] = Counter()
    quotes: list[str] = []
    if before is not None:
        called.update({name: int(count) for name, count in re.findall(r"(\S+) ×(\d+)", before["tools"])})
        quotes += before["quotes"].split("\n- ")[1:]
    for turn in dropped:
        message = messages[turn.start]
        called.update(_name_of(call) for call in _calls(message))
        said = " ".join(_text(message).split())
        quotes += [said if len(said) <= _QUOTE else f"{said[: _QUOTE - 1]}…"] if said else []
    often = sorted(called.items(), key=lambda one: (-one[1], one[0]))[:_TOOLS]
    tools = ", ".join(f"{name} ×{count}" for name, count in often) or "none"
    count = history.left_out + len(dropped)
    turns = f"{count} earlier turn{'' if count == 1 else 's'}"
    done = "What they did is done: look at the files rather than do it again."
    said_last = " What you last said in them:" if quotes else ""
    first = f"[{turns} left out. Tools called in them: {tools}. {done}{said_last}]"
    return "\n- ".join([first, *quotes[-_QUOTED:]])


def _calls(message: Message) -> Sequence[Mapping[str, Any]]:
    found = message.get("tool_calls")
    return [call for call in found if isinstance(call, Mapping)] if isinstance(found, list | tuple) else []


def _name_of(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    name = str(function.get("name")) if isinstance(function, Mapping) else "?"
    # Names come from a model: a word of at most 64 characters, or it cannot be told from what is around it.
    return re.sub(r"[^\w.-]", "?", name)[:64] or "?"


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _length(message: Message) -> int:
    return len(json.dumps(message, ensure_ascii=False, default=str))
