"""Every real provider, through litellm: imported at the first call, told to look nothing up, retried by this side."""

from __future__ import annotations

import asyncio
import copy
import importlib
import importlib.util
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beth_kit.model.answers import message_and_stop, usage
from beth_kit.model.base import (
    ContextOverflow,
    Message,
    ModelRefused,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    UnknownPrice,
    Usage,
)
from beth_kit.model.openai_http import response_format
from beth_kit.model.prices import Price, input_tokens_at_most, price_of
from beth_kit.model.retrying import Passing, Persistence, meaning_of, retry_after
from beth_sdk.errors import ConfigurationError

_BEFORE_IMPORT = {
    # Otherwise the import itself fetches the newest prices, and other calls the newest headers and blog posts.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_TELEMETRY": "False",
    # Otherwise the import reads a `.env` file of the working directory into the environment: a task may write that.
    "LITELLM_MODE": "PRODUCTION",
}

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")

_OF_EVERY_PROVIDER = frozenset({"role", "content", "name", "tool_calls", "tool_call_id"})
_TRIES_BEFORE_FALLBACK = 3


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at a provider: `provider` and `model` as litellm has them, `key` or the provider's own environment."""

    provider: str
    model: str
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)
    key_variable: str = "the provider's key"

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


class LiteLLMModel:
    """A model at any provider that litellm speaks. Where it stays unavailable after a few tries or its share of the
    deadline, the `fallbacks` are asked in turn, the last one until the deadline. No fallback hides a refusal."""

    def __init__(
        self,
        provider: str,
        model: str,
        base_url: str | None = None,
        key: str | None = None,
        *,
        key_variable: str = "the provider's key",
        fallbacks: Sequence[Endpoint] = (),
        allow_unknown_price: bool = False,
        persistence: Persistence | None = None,
    ) -> None:
        self._endpoints = (Endpoint(provider, model, base_url, key, key_variable), *fallbacks)
        self._allow_unknown_price = allow_unknown_price
        self._persistence = persistence or Persistence()

    @property
    def name(self) -> str:
        return self._endpoints[0].name

    def estimate(self, request: ModelRequest) -> float:
        """The most that the dearest of model and fallbacks can cost for an answer, by litellm's table."""
        tokens = input_tokens_at_most(request)
        prices = [price for price in map(self._price, self._endpoints) if price is not None]
        return max((price.most(tokens, request.max_tokens) for price in prices), default=0.0)

    async def complete(self, request: ModelRequest) -> ModelReply:
        for endpoint in self._endpoints:
            self._price(endpoint)
        clock = self._persistence.clock
        end = clock.monotonic() + request.deadline
        # It takes seconds and the loop has other work.
        litellm = await asyncio.to_thread(_load)
        *earlier, last = self._endpoints
        for place, endpoint in enumerate(earlier):
            share = (end - clock.monotonic()) / (len(self._endpoints) - place)
            try:
                return await self._ask(litellm, endpoint, request, share, _TRIES_BEFORE_FALLBACK)
            except ModelUnavailable:
                continue
        return await self._ask(litellm, last, request, end - clock.monotonic(), None)

    async def close(self) -> None:
        """Nothing to do: litellm keeps the connections of a process for all its models."""

    async def _ask(
        self, litellm: Any, endpoint: Endpoint, request: ModelRequest, deadline: float, tries: int | None
    ) -> ModelReply:
        return await self._persistence.insist(
            lambda seconds: self._attempt(litellm, endpoint, request, seconds),
            who=endpoint.name,
            deadline=deadline,
            tries=tries,
        )

    async def _attempt(self, litellm: Any, endpoint: Endpoint, request: ModelRequest, seconds: float) -> ModelReply:
        import openai

        try:
            response = await litellm.acompletion(**self._arguments(endpoint, request, seconds))
        except openai.APIError as error:
            raise self._meaning(litellm, endpoint, error) from None
        document = response.model_dump(exclude_none=True)
        message, stop = message_and_stop(document)
        tokens = usage(document)
        cost = self._cost(litellm, endpoint, response, tokens)
        return ModelReply(message, stop, tokens, cost, f"{endpoint.provider}/{document.get('model') or endpoint.model}")

    def _arguments(self, endpoint: Endpoint, request: ModelRequest, seconds: float) -> dict[str, Any]:
        foreign = endpoint.provider != self._endpoints[0].provider
        messages = [_of_every_provider(one) if foreign else one for one in request.messages]
        arguments: dict[str, Any] = {
            "model": endpoint.name,
            # Copies: it changes what it is given, for Gemini the tools' schemas.
            "messages": _marked(endpoint, copy.deepcopy(list(map(dict, messages)))),
            "timeout": seconds,
            "num_retries": 0,
            "max_retries": 0,
        }
        schema = request.output_schema
        optional = {
            "api_key": endpoint.key,
            "api_base": _base_of(endpoint),
            "max_tokens": request.max_tokens,
            "tools": copy.deepcopy(list(map(dict, request.tools))) or None,
            "response_format": None if schema is None else response_format(schema),
        }
        return arguments | {name: value for name, value in optional.items() if value is not None}

    def _price(self, endpoint: Endpoint) -> Price | None:
        price = price_of(endpoint.provider, endpoint.model)
        if price is None and not self._allow_unknown_price:
            raise UnknownPrice(
                f"litellm's table does not say what {endpoint.name} costs, so no budget can be kept: choose another "
                "model, or set BETH_ALLOW_UNKNOWN_PRICE=1"
            )
        return price

    def _cost(self, litellm: Any, endpoint: Endpoint, response: Any, tokens: Usage) -> float | None:
        price = self._price(endpoint)
        if price is None:
            return None
        try:
            cost = litellm.completion_cost(response, model=endpoint.model, custom_llm_provider=endpoint.provider)
            return float(cost)
        except Exception:  # noqa: BLE001 - litellm raises bare exceptions; an answer that was paid must not be lost
            return price.cost(tokens)

    def _meaning(self, litellm: Any, endpoint: Endpoint, error: Any) -> Exception:
        text = str(getattr(error, "message", None) or error)
        text = text.replace(endpoint.key, "***") if endpoint.key else text
        if isinstance(error, litellm.ContextWindowExceededError):
            return ContextOverflow(f"{endpoint.name}: the messages are longer than the model can take")
        if isinstance(error, litellm.ContentPolicyViolationError):
            return ModelRefused(f"{endpoint.name} will not answer these messages: {text[:300]}")
        after = retry_after(_headers(error), self._persistence.clock.wall())
        status = getattr(error, "status_code", None)
        if not isinstance(status, int):
            return Passing(f"{type(error).__name__}: {text[:300]}", after)
        return meaning_of(status, text, who=endpoint.name, key_variable=endpoint.key_variable, after=after)


def _load() -> Any:
    """litellm, set up to talk to nobody but the provider. Raises `ConfigurationError` where it is not installed."""
    # litellm imports mcp too as soon as a call has tools.
    missing = [name for name in ("litellm", "mcp") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} not installed: pip install 'beth-kit[litellm]'")
    os.environ.update(_BEFORE_IMPORT)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.setLevel(logging.WARNING)  # below that it tells all messages
    litellm: Any = importlib.import_module("litellm")
    for logger in loggers:
        logger.handlers.clear()  # its own ones write to stdout, which may be JSON for a program
    litellm.suppress_debug_info = True
    # One HTTP library for both clients; the other one leaves connections open at the end of a loop.
    litellm.disable_aiohttp_transport = True
    return litellm


def _base_of(endpoint: Endpoint) -> str | None:
    """Where litellm is to begin the path: to Anthropic's it adds `/v1/messages`, also where the address ends in /v1."""
    if endpoint.base_url is None or endpoint.provider != "anthropic":
        return endpoint.base_url
    return endpoint.base_url.rstrip("/").removesuffix("/v1")


def _marked(endpoint: Endpoint, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Has Anthropic keep what it was sent up to the system message and up to the last one: the next call begins with
    the same, and unlike others Anthropic only recognizes that where it is asked to."""
    if endpoint.provider == "anthropic":
        for message in (messages[0], messages[-1]):
            message["cache_control"] = {"type": "ephemeral"}
    return messages


def _of_every_provider(message: Message) -> dict[str, Any]:
    """A message without what one provider added to it and another refuses."""
    kept = {name: value for name, value in message.items() if name in _OF_EVERY_PROVIDER}
    calls = kept.get("tool_calls")
    if calls:
        kept["tool_calls"] = [
            {name: call[name] for name in ("id", "type", "function") if name in call} for call in calls
        ]
    return kept


def _headers(error: Any) -> Mapping[str, str]:
    for holder in (getattr(error, "response", None), error):
        for name in ("litellm_response_headers", "headers"):
            headers = getattr(holder, name, None)
            if headers and (headers.get("retry-after") or headers.get("retry-after-ms")):
                return dict(headers)
    return {}
