"""A thin client of OpenAI's chat completions over httpx, for use behind a gateway that keeps keys and prices."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beth_kit.model.answers import message_and_stop, usage
from beth_kit.model.base import ModelRefused, ModelReply, ModelRequest, UnknownPrice
from beth_kit.model.prices import Price, input_tokens_at_most
from beth_kit.model.retrying import Passing, Persistence, meaning_of, retry_after
from beth_sdk.redact import redact

if TYPE_CHECKING:
    import httpx

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer, over which it is not read on."""

COST_HEADERS = ("x-litellm-response-cost",)
"""Where a gateway says what the call cost, in US dollars: the LiteLLM proxy."""


class OpenAIHTTPModel:
    """A model behind `base_url` (`LLM_BASE_URL`, as `https://gateway.example/v1`). A cost comes from the gateway's
    answer, else from `price`; a call of which neither knows it is refused unless `allow_unknown_price`."""

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str | None = None,
        *,
        key_variable: str = "LLM_API_KEY",
        price: Price | None = None,
        allow_unknown_price: bool = False,
        persistence: Persistence | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._key_variable = key_variable
        self._price = price
        self._allow_unknown_price = allow_unknown_price
        self._persistence = persistence or Persistence()
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def name(self) -> str:
        return f"gateway/{self._model}"

    def estimate(self, request: ModelRequest) -> float:
        """By `price`; 0 where only the gateway knows it, which then keeps the budget too."""
        return 0.0 if self._price is None else self._price.most(input_tokens_at_most(request), request.max_tokens)

    async def complete(self, request: ModelRequest) -> ModelReply:
        body = json.dumps(_body(self._model, request), ensure_ascii=False).encode()
        return await self._persistence.insist(
            lambda seconds: self._attempt(body, request.key, seconds), who=self.name, deadline=request.deadline
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _attempt(self, body: bytes, key: str, seconds: float) -> ModelReply:
        import httpx

        headers = {"content-type": "application/json"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        if key:
            # A header holds ASCII only; the same call has the same key in every attempt.
            headers["idempotency-key"] = json.dumps(key)[1:-1]
        try:
            async with self._open().stream(
                "POST", self._url, content=body, headers=headers, timeout=seconds
            ) as response:
                content = await _read(response)
        except httpx.TimeoutException:
            raise Passing(f"no answer within {seconds:.3g} s") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise ModelRefused(f"LLM_BASE_URL: {redact(self._url)!r} is not the address of a server") from None
        except httpx.HTTPError as error:
            raise Passing(f"{type(error).__name__}: {error}") from None
        if response.status_code != 200:
            raise self._error(response.status_code, content, response.headers)
        return self._reply(content, response.headers)

    def _open(self) -> httpx.AsyncClient:
        import httpx

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # Connections belong to the loop they were made on.
            self._client, self._loop = httpx.AsyncClient(), loop
        return self._client

    def _error(self, status: int, content: bytes, headers: Mapping[str, str]) -> Exception:
        text = content[:2000].decode("utf-8", "replace")
        text = text.replace(self._key, "***") if self._key else text
        after = retry_after(headers, self._persistence.clock.wall())
        return meaning_of(status, text, who=self.name, key_variable=self._key_variable, after=after)

    def _reply(self, content: bytes, headers: Mapping[str, str]) -> ModelReply:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            raise Passing("an answer that is not JSON") from None
        message, stop = message_and_stop(document)
        tokens = usage(document)
        cost = _stated_cost(headers)
        if cost is None and self._price is not None:
            cost = self._price.cost(tokens)
        if cost is None and not self._allow_unknown_price:
            raise UnknownPrice(
                f"neither the gateway nor litellm's table says what {self._model} costs: "
                "set BETH_ALLOW_UNKNOWN_PRICE=1 to call it without a budget"
            )
        return ModelReply(message, stop, tokens, cost, str(document.get("model") or self._model))


def _body(model: str, request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": list(request.messages)}
    if request.tools:
        body["tools"] = list(request.tools)
    if request.output_schema is not None:
        body["response_format"] = response_format(request.output_schema)
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """How OpenAI's API is told a schema. Not `strict`: that refuses schemas with optional properties."""
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": dict(schema)}}


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER:
            raise Passing(f"an answer of more than {MAX_ANSWER:,} bytes")
    return bytes(content)


def _stated_cost(headers: Mapping[str, str]) -> float | None:
    for name in COST_HEADERS:
        try:
            cost = float(headers.get(name, ""))
        except ValueError:
            continue
        if math.isfinite(cost) and cost >= 0:
            return cost
    return None
