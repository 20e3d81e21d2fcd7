"""A model that says what a YAML transcript has it say, by role and task type, and refuses whatever is not in it.

How transcripts are written: `beth_kit.model.transcript`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beth_kit.model.base import (
    ContextOverflow,
    Message,
    ModelRefused,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    Stop,
    Usage,
)
from beth_kit.model.transcript import FirstOf, Transcript, Turn, filled, parse, read

_TURN = "scripted_turn"
"""Marks an assistant's message with its number, so that a history which was condensed still says which is next."""


class ScriptedModel:
    """Follows a transcript. It keeps nothing: which turn is next follows from the messages of the request, so any
    number of tasks and processes may use it, and a resumed task goes on where it was."""

    def __init__(self, transcript: Transcript, *, source: str = "the transcript") -> None:
        self._transcript = transcript
        self._source = source

    @classmethod
    def from_file(cls, path: Path | str, *, source: str | None = None) -> ScriptedModel:
        """Read a transcript: a file, or a folder of them. `source` is what errors call it. Raises `ConfigurationError`
        for the first mistake in it."""
        return cls(read(path), source=source or str(path))

    @classmethod
    def from_text(cls, text: str, *, source: str = "the transcript") -> ScriptedModel:
        """Parse a transcript. Raises `ConfigurationError` for the first mistake in it."""
        return cls(parse(text, source), source=source)

    @property
    def name(self) -> str:
        return f"scripted/{Path(self._source).stem}"

    def estimate(self, request: ModelRequest) -> float:
        """What the next turn costs; 0 where the transcript has none."""
        try:
            return self._next(request)[1].cost_usd
        except ModelRefused:
            return 0.0

    async def complete(self, request: ModelRequest) -> ModelReply:
        number, turn = self._next(request)
        where = f"{self._source}: {request.role}/{request.task_type}, turn {number + 1}"
        match turn.error:
            case "unavailable":
                raise ModelUnavailable(f"{where}: unavailable, as scripted")
            case "overflow":
                raise ContextOverflow(f"{where}: the context overflows, as scripted")
            case "refused":
                raise ModelRefused(f"{where}: refused, as scripted")
        stop: Stop = turn.stop or ("tool_calls" if turn.calls else "end")
        try:
            message = _message(number, turn, [_text(one) for one in request.messages if _told(one)])
        except LookupError as error:
            raise ModelRefused(f"{where}: {error}") from None
        return ModelReply(message, stop, Usage(**turn.usage.model_dump()), turn.cost_usd, self.name)

    async def close(self) -> None: ...

    def _next(self, request: ModelRequest) -> tuple[int, Turn]:
        number = _turns_taken(request.messages)
        turns = self._turns(request)
        last = turns[-1]
        if number < len(turns):
            entry = turns[number]
        elif any(turn.repeat for turn in _alternatives(last)):
            entry = last
        else:
            raise self._unknown(request, number, f"the transcript has {len(turns)}")
        seen = _last_tool_result(request.messages)
        for turn in _alternatives(entry):
            if (turn.when is None or turn.when.fits(seen)) and (number < len(turns) or turn.repeat):
                return number, turn
        raise self._unknown(request, number, "no alternative fits")

    def _turns(self, request: ModelRequest) -> Sequence[FirstOf | Turn]:
        by_type = self._transcript.roles.get(request.role)
        if by_type is None:
            known = ", ".join(sorted(self._transcript.roles)) or "none"
            raise self._unknown(request, _turns_taken(request.messages), f"roles in the transcript: {known}")
        turns = by_type.get(request.task_type) or by_type.get("*")
        if turns is None:
            known = ", ".join(sorted(by_type)) or "none"
            raise self._unknown(request, _turns_taken(request.messages), f"task types of the role: {known}")
        return turns

    def _unknown(self, request: ModelRequest, number: int, why: str) -> ModelRefused:
        seen = _last_tool_result(request.messages)
        kind = "the last tool result"
        if seen is None and request.messages:
            seen, kind = _text(request.messages[-1]), "the last message"
        shown = repr(seen if seen is None or len(seen) <= 400 else f"{seen[:300]}…{seen[-100:]}")
        return ModelRefused(
            f"{self._source} has no answer for role {request.role!r}, task type {request.task_type!r}, "
            f"turn {number + 1} ({why}); {kind} was: {shown}"
        )


def _alternatives(entry: FirstOf | Turn) -> Sequence[Turn]:
    return entry.first_of if isinstance(entry, FirstOf) else (entry,)


def _turns_taken(messages: Sequence[Message]) -> int:
    assistant = [message for message in messages if message.get("role") == "assistant"]
    marked = [message[_TURN] for message in assistant if isinstance(message.get(_TURN), int)]
    return max(marked) + 1 if marked else len(assistant)


def _last_tool_result(messages: Sequence[Message]) -> str | None:
    return next((_text(message) for message in reversed(messages) if message.get("role") == "tool"), None)


def _told(message: Message) -> bool:
    return message.get("role") in {"user", "tool"}


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _message(number: int, turn: Turn, told: Sequence[str]) -> dict[str, Any]:
    """The message of a turn. Raises LookupError."""
    message: dict[str, Any] = {"role": "assistant", "content": filled(turn.say, told), _TURN: number, **turn.also}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number + 1}_{place}",
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": _arguments(call.arguments, told),
                },
            }
            for place, call in enumerate(turn.calls, 1)
        ]
    return message


def _arguments(arguments: dict[str, Any] | str, told: Sequence[str]) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(filled(arguments, told))
