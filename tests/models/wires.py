"""Three providers' wire formats, written from what each of them documents and from nothing of what calls them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Document = dict[str, Any]
Fault = str
"""What happens to a try in place of an answer: `429`, `500`, `garbage`, `cut`, `closed`, `stall`."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a turn used, each token counted once: `written` went into a cache, `cached` came from one."""

    fresh: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0

    @property
    def input_in_all(self) -> int:
        return self.fresh + self.cached + self.written

    @property
    def output_in_all(self) -> int:
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of a model, after as many tries that go wrong as there are faults. `calls`: (tool, arguments)."""

    calls: Sequence[tuple[str, Document]]
    tokens: Tokens
    say: str = ""
    faults: Sequence[Fault] = ()


class Wire(Protocol):
    """One format. `path`: the end of the path at which it is spoken."""

    name: str
    model: str
    path: str
    key_header: str

    def answer(self, turn: Turn, number: int) -> Document:
        """The answer that holds a turn; its calls are named after its `number`."""
        ...

    def error(self, status: int) -> Document:
        """What an HTTP error's body looks like."""
        ...

    def turns_taken(self, body: Document) -> int:
        """How many answers a request has in its history."""
        ...

    def tool_results(self, body: Document) -> dict[str, str]:
        """The tool results that a request sends back, by what they are matched with their call by."""
        ...


def call_id(turn: int, place: int) -> str:
    """How a call is named."""
    return f"call_{turn}_{place}"


class OpenAI:
    """Chat completions."""

    name, model = "openai", "gpt-5.1"
    path = "/chat/completions"
    key_header = "authorization"

    def answer(self, turn: Turn, number: int) -> Document:
        calls = [
            {
                "id": call_id(number, place),
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for place, (name, given) in enumerate(turn.calls)
        ]
        tokens = turn.tokens
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1_700_000_000 + number,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls" if calls else "stop",
                    "message": {
                        "role": "assistant",
                        "content": turn.say or None,
                        **({"tool_calls": calls} if calls else {}),
                    },
                }
            ],
            "usage": {
                "prompt_tokens": tokens.input_in_all,
                "completion_tokens": tokens.output_in_all,
                "total_tokens": tokens.input_in_all + tokens.output_in_all,
                "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
            },
        }

    def error(self, status: int) -> Document:
        return {"error": {"message": f"status {status}", "type": "server_error", "param": None, "code": None}}

    def turns_taken(self, body: Document) -> int:
        return sum(message["role"] == "assistant" for message in body["messages"])

    def tool_results(self, body: Document) -> dict[str, str]:
        return {one["tool_call_id"]: _text(one["content"]) for one in body["messages"] if one["role"] == "tool"}


class Anthropic:
    """Messages."""

    name, model = "anthropic", "claude-sonnet-4-5"
    path = "/v1/messages"
    key_header = "x-api-key"

    def answer(self, turn: Turn, number: int) -> Document:
        content: list[Document] = [{"type": "thinking", "thinking": "What next?", "signature": signature(number)}]
        if turn.say:
            content.append({"type": "text", "text": turn.say})
        content += [
            {"type": "tool_use", "id": call_id(number, place), "name": name, "input": given}
            for place, (name, given) in enumerate(turn.calls)
        ]
        tokens = turn.tokens
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": "tool_use" if turn.calls else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": tokens.fresh,
                "cache_creation_input_tokens": tokens.written,
                "cache_read_input_tokens": tokens.cached,
                "output_tokens": tokens.output_in_all,
            },
        }

    def error(self, status: int) -> Document:
        return {"type": "error", "error": {"type": "api_error", "message": f"status {status}"}}

    def turns_taken(self, body: Document) -> int:
        return sum(message["role"] == "assistant" for message in body["messages"])

    def tool_results(self, body: Document) -> dict[str, str]:
        parts = [
            part for message in body["messages"] if message["role"] == "user" for part in _parts(message["content"])
        ]
        return {part["tool_use_id"]: _text(part["content"]) for part in parts if part.get("type") == "tool_result"}


class Gemini:
    """`generateContent`."""

    name, model = "gemini", "gemini-2.5-flash"
    path = f"/models/{model}:generateContent"
    key_header = "x-goog-api-key"

    def answer(self, turn: Turn, number: int) -> Document:
        parts: list[Document] = [{"text": turn.say}] if turn.say else []
        parts += [
            {"functionCall": {"name": name, "args": given}, "thoughtSignature": signature(number)}
            for name, given in turn.calls
        ]
        tokens = turn.tokens
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": tokens.input_in_all,
                "cachedContentTokenCount": tokens.cached,
                "candidatesTokenCount": tokens.output,
                "thoughtsTokenCount": tokens.reasoning,
                "totalTokenCount": tokens.input_in_all + tokens.output_in_all,
            },
            "modelVersion": self.model,
        }

    def error(self, status: int) -> Document:
        return {"error": {"code": status, "message": f"status {status}", "status": "UNAVAILABLE"}}

    def turns_taken(self, body: Document) -> int:
        return sum(content.get("role") == "model" for content in body["contents"])

    def tool_results(self, body: Document) -> dict[str, str]:
        parts = [part for content in body["contents"] for part in content["parts"]]
        answers = [
            one for one in (part.get("functionResponse", part.get("function_response")) for part in parts) if one
        ]
        return {f"{one['name']}_{place}": json.dumps(one["response"]) for place, one in enumerate(answers)}


WIRES: Sequence[Wire] = (OpenAI(), Anthropic(), Gemini())


def signature(number: int) -> str:
    """What a provider signs a turn's thinking with, and wants back unchanged."""
    return f"c2lnbmVk{number:04d}"


def _parts(content: object) -> list[Document]:
    return content if isinstance(content, list) else []


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in _parts(content))


def costs(table: Mapping[str, Any], wire: Wire, tokens: Tokens) -> float:
    """US dollars, by a price table in litellm's form."""
    price = table.get(f"{wire.name}/{wire.model}") or table[wire.model]
    reasoning = price.get("output_cost_per_reasoning_token", price["output_cost_per_token"])
    return float(
        tokens.fresh * price["input_cost_per_token"]
        + tokens.cached * price["cache_read_input_token_cost"]
        + tokens.written * price.get("cache_creation_input_token_cost", 0.0)
        + tokens.output * price["output_cost_per_token"]
        + tokens.reasoning * reasoning
    )
