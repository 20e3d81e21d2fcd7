"""A model that says what a YAML transcript has it say, by role and task type, and refuses whatever is not in it.

```yaml
roles:
  developer:
    implement:                       # a task type; "*" is any
      - say: I look first.
        calls: [{name: bash, arguments: {command: ls}}]
        usage: {input_tokens: 900, output_tokens: 40}
      - first_of:                    # the first whose `when` fits the last tool result
          - when: {contains: README}
            calls: [{name: finish, arguments: {summary: done}}]
          - when: {regex: "(?i)permission denied"}
            error: refused           # or unavailable, overflow
      - say: Done.
        cost_usd: 0.002
        repeat: true                 # the last turn, from here on
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

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
from beth_sdk.errors import ConfigurationError

_TURN = "scripted_turn"
"""Marks an assistant's message with its number, so that a history which was condensed still says which is next."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """What the last tool result must hold."""

    contains: str | None = None
    regex: str | None = None

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if self.contains is None and self.regex is None:
            raise ValueError("`when` needs contains or regex")
        return self

    def fits(self, seen: str | None) -> bool:
        if seen is None:
            return False
        contained = self.contains is None or self.contains in seen
        return contained and (self.regex is None or re.search(self.regex, seen) is not None)


class Call(_Part):
    """A tool call. `arguments` as a text goes out as it is, also where it is not JSON."""

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)


class Tokens(_Part):
    """The usage a turn reports."""

    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)
    cached_tokens: int = Field(0, ge=0)
    reasoning_tokens: int = Field(0, ge=0)


class Turn(_Part):
    """One answer, or the error instead of it. `also`: further keys of the message, as a provider adds them."""

    when: When | None = None
    say: str | None = None
    calls: list[Call] = Field(default_factory=list)
    stop: Stop | None = None
    usage: Tokens = Tokens()
    cost_usd: float = Field(0.0, ge=0, allow_inf_nan=False)
    also: dict[str, Any] = Field(default_factory=dict)
    error: Literal["unavailable", "overflow", "refused"] | None = None
    repeat: bool = False


class FirstOf(_Part):
    """Alternatives: the first whose condition fits."""

    first_of: Annotated[list[Turn], Field(min_length=1)]


def _kind(entry: object) -> str:
    alternatives = isinstance(entry, FirstOf) or (isinstance(entry, Mapping) and "first_of" in entry)
    return "first_of" if alternatives else "turn"


# Told which of the two is meant, a mistake is reported for that one.
_Entry = Annotated[Annotated[FirstOf, Tag("first_of")] | Annotated[Turn, Tag("turn")], Discriminator(_kind)]
Turns = Annotated[list[_Entry], Field(min_length=1)]


class Transcript(_Part):
    """What a model says: by role, then task type, turn after turn."""

    roles: dict[str, dict[str, Turns]]


class ScriptedModel:
    """Follows a transcript. It keeps nothing: which turn is next follows from the messages of the request, so any
    number of tasks and processes may use it, and a resumed task goes on where it was."""

    def __init__(self, transcript: Transcript, *, source: str = "the transcript") -> None:
        self._transcript = transcript
        self._source = source

    @classmethod
    def from_file(cls, path: Path | str) -> ScriptedModel:
        """Read a transcript. Raises `ConfigurationError` for the first mistake in it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: cannot be read as a transcript ({error})") from None
        return cls.from_text(text, source=str(path))

    @classmethod
    def from_text(cls, text: str, *, source: str = "the transcript") -> ScriptedModel:
        """Parse a transcript. Raises `ConfigurationError` for the first mistake in it."""
        import yaml

        try:
            return cls(Transcript.model_validate(yaml.safe_load(text)), source=source)
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole file"
            raise ConfigurationError(f"{source}: {where}: {first['msg']}") from None

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
        return ModelReply(_message(number, turn), stop, Usage(**turn.usage.model_dump()), turn.cost_usd, self.name)

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


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _message(number: int, turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.say, _TURN: number, **turn.also}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number + 1}_{place}",
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments),
                },
            }
            for place, call in enumerate(turn.calls, 1)
        ]
    return message
