"""The `Model` Protocol, what goes in and what comes out. Messages have the shape of OpenAI's chat API, which every
provider's client here speaks; what a provider adds of its own (signatures, thinking) is kept verbatim in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from beth_sdk import Fatal, Retryable

Message = Mapping[str, Any]
"""`role` and `content`, an assistant's `tool_calls`, a tool's `tool_call_id`; other keys are the provider's own."""

Stop = Literal["end", "tool_calls", "length", "refusal"]
"""Why a model stopped: it had finished, it wants tools called, it ran into its token limit, it would not."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call. `deadline`: seconds it may take in all, retries included. `key` names the call among all calls of all
    tasks: recordings and provider-side idempotency go by it."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()
    """Functions as OpenAI has them: `{"type": "function", "function": {name, description, parameters}}`, the last one
    a JSON Schema."""
    output_schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    deadline: float = 600.0
    key: str = ""
    role: str = ""
    """The role of the agent that asks, for scripted models and gateways that go by it."""
    task_type: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `input_tokens` includes the cached ones, `output_tokens` the reasoning ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What came back. `message` is the assistant's message as the provider gave it, to be sent back unchanged."""

    message: Message
    stop: Stop
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    """US dollars; None where the price is not known and was allowed to be."""
    model: str = ""
    at: float | None = None
    """When it arrived, in seconds since the Unix epoch; None where whoever asked is to say it. A recording keeps it, so
    that whatever is dated by it has the same date in a replay."""


class Model(Protocol):
    """A language model, ready to be called."""

    @property
    def name(self) -> str:
        """Provider and model, `anthropic/claude-sonnet-4-20250514`."""
        ...

    def estimate(self, request: ModelRequest) -> float:
        """US dollars that the call will cost at the most, to be reserved before it; 0 where it costs nothing."""
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Call the model. Raises `ModelUnavailable`, `ContextOverflow`, `ModelRefused`."""
        ...

    async def close(self) -> None: ...


class ModelUnavailable(Retryable):
    """The provider cannot be reached, is overloaded or fails, and went on doing so until the deadline."""

    code = "model_unavailable"


class ContextOverflow(Fatal):
    """The messages are longer than the model can take; the caller condenses them and calls again."""

    code = "context_overflow"


class ModelRefused(Fatal):
    """The provider refuses the call for good: a wrong key, an unknown model, a bad request. The message says which
    variable to set."""

    code = "model_refused"


class UnknownPrice(Fatal):
    """Nobody knows what the model costs, so no budget could be kept; it must be allowed explicitly."""

    code = "unknown_price"
