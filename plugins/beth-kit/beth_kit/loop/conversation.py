"""The messages of a task, rebuilt from its journal: what the frame says, then what each step's outcome adds. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beth_kit.frame.frame import Frame
from beth_kit.loop import condense
from beth_kit.loop.stuck import Exchange
from beth_kit.model.base import Message
from beth_kit.tools.base import ToolReply

NOTE = "A note from a person, while you work:\n"
NO_WORDS = "(no words)"


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of a model: its id, unlike that of any other call of the task; the tool's name, and the arguments
    as the model wrote them."""

    id: str
    name: str
    arguments: str


class Conversation:
    """All that a model is sent. It only grows, but for what a journaled decision to condense takes out."""

    def __init__(self, frame: Frame) -> None:
        self._messages: list[Message] = [
            {"role": "system", "content": frame.system},
            {"role": "user", "content": frame.first},
        ]
        self._ids: set[str] = set()
        self._turns: list[tuple[tuple[Call, ...], list[ToolReply]]] = []

    @property
    def messages(self) -> Sequence[Message]:
        return self._messages

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """What was called and what came back, turn by turn, the oldest first."""
        return [
            Exchange(
                tuple((call.name, call.arguments) for call in calls),
                tuple((reply.text, reply.error) for reply in replies),
            )
            for calls, replies in self._turns
        ]

    @property
    def silent(self) -> bool:
        """Whether the model's last message called no tool."""
        return bool(self._turns) and not self._turns[-1][0]

    def condensed(self, decision: condense.Decision) -> None:
        """Take out what a decision says."""
        self._messages = list(condense.apply(self._messages, decision))

    def added(self, said: Sequence[str], notes: Sequence[str]) -> None:
        """Add what the loop said, and what people did."""
        self._messages += additions(said, notes)

    def replied(self, message: Message) -> tuple[Call, ...]:
        """Add a model's message, unchanged unless no provider would take it back; returns its tool calls."""
        found = _tool_calls(message)
        calls = tuple(_call(one, self._unused(one, place)) for place, one in enumerate(found))
        self._messages.append(_acceptable(message, found, calls))
        self._turns.append((calls, []))
        return calls

    def answered(self, call: Call, reply: ToolReply) -> None:
        """Add a tool's answer."""
        self._messages.append({"role": "tool", "tool_call_id": call.id, "content": reply.text})
        self._turns[-1][1].append(reply)

    def _unused(self, found: Mapping[str, Any], place: int) -> str:
        """The call's own id. Some providers leave it out, or count from the beginning in each message."""
        own = found.get("id")
        name = own if isinstance(own, str) and own else "call"
        if name in self._ids or name != own:
            name = f"{name}_{len(self._turns)}_{place}"
        self._ids.add(name)
        return name


def additions(said: Sequence[str], notes: Sequence[str]) -> list[Message]:
    """Messages of the loop, then those of people."""
    return [{"role": "user", "content": text} for text in (*said, *(f"{NOTE}{note}" for note in notes))]


def _tool_calls(message: Message) -> list[Mapping[str, Any]]:
    found = message.get("tool_calls")
    return [one if isinstance(one, Mapping) else {} for one in found] if isinstance(found, list | tuple) else []


def _call(found: Mapping[str, Any], call_id: str) -> Call:
    function = found.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    # Some providers leave out the arguments of a call that takes none, or send the object itself.
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    name = function.get("name")
    return Call(call_id, name if isinstance(name, str) else "", text)


def _acceptable(message: Message, found: list[Mapping[str, Any]], calls: Sequence[Call]) -> Message:
    """The message; of what is malformed, the nearest that is not: a provider refuses a whole history for one id that
    comes twice, or for arguments that are cut off."""
    if not calls:
        # Neither do all of them take a message that says nothing.
        empty = not message.get("content")
        return {**_without_calls(message), "content": NO_WORDS} if empty else _without_calls(message)
    mended = []
    for one, call in zip(found, calls, strict=True):
        function = one.get("function")
        kept = {
            **(function if isinstance(function, Mapping) else {}),
            "name": re.sub(r"[^A-Za-z0-9_-]", "_", call.name)[:64] or "unknown",
            "arguments": call.arguments if _is_object(call.arguments) else json.dumps({"malformed": call.arguments}),
        }
        mended.append({"type": "function", **one, "id": call.id, "function": kept})
    return message if mended == found else {**message, "tool_calls": mended}


def _without_calls(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "tool_calls"}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
