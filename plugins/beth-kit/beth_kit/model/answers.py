"""From a chat completion, as OpenAI has them, to a `ModelReply`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beth_kit.model.base import Message, Stop, Usage
from beth_kit.model.retrying import Passing

_STOPS: Mapping[str, Stop] = {
    "stop": "end",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "content_filter": "refusal",
}


def message_and_stop(document: object) -> tuple[Message, Stop]:
    """The first choice. Raises `Passing` where the document is not a chat completion."""
    choice = _first(_mapping(document).get("choices"))
    message, reason = choice.get("message"), choice.get("finish_reason")
    calls = message.get("tool_calls") or [] if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise Passing("an answer that is not a chat completion")
    if not calls and not message.get("content") and not message.get("refusal") and reason is None:
        raise Passing("an empty answer")
    if message.get("refusal"):
        return message, "refusal"
    stop = _STOPS.get(str(reason), "end")
    # Some gateways say "stop" beside tool calls. Calls cut off by the token limit must not be run.
    return message, "tool_calls" if calls and stop == "end" else stop


def usage(document: Mapping[str, Any]) -> Usage:
    """The tokens, 0 where nothing is said."""
    found = _mapping(document.get("usage"))
    prompt = _mapping(found.get("prompt_tokens_details"))
    completion = _mapping(found.get("completion_tokens_details"))
    return Usage(
        input_tokens=_count(found.get("prompt_tokens")),
        output_tokens=_count(found.get("completion_tokens")),
        cached_tokens=_count(prompt.get("cached_tokens")),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
    )


def _first(value: object) -> Mapping[str, Any]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}


def _is_call(value: object) -> bool:
    """The arguments may be anything: a malformed call is answered by whoever runs the tools."""
    return isinstance(_mapping(_mapping(value).get("function")).get("name"), str)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
