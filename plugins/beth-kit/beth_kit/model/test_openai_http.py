"""The thin client, against a provider on loopback."""

import json
import subprocess
import sys
from typing import Any

import pytest

from beth_kit.model.base import ContextOverflow, ModelRefused, ModelRequest, ModelUnavailable, UnknownPrice, Usage
from beth_kit.model.openai_http import OpenAIHTTPModel
from beth_kit.model.prices import Price
from beth_kit.model.retrying import Persistence

TOOL = {"type": "function", "function": {"name": "bash", "description": "run", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 30},
}
PRICE = Price(input=2e-6, output=10e-6, cached=1e-6)
ASK = ModelRequest([{"role": "user", "content": "hello"}], tools=[TOOL], key="t1:0/model/3", max_tokens=100)


def completion(message: Any, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"message": message, "finish_reason": reason}], "usage": USAGE, **more}


SAID = completion({"role": "assistant", "content": "hi"})


def model(provider: Any, clock: Any, **more: Any) -> OpenAIHTTPModel:
    persistence = Persistence(clock, random=lambda: 0.0, patience=more.pop("patience", 5.0))
    return OpenAIHTTPModel(
        f"{provider.url}/v1", "m", "sk-very-secret", **{"price": PRICE, "persistence": persistence, **more}
    )


async def test_tool_calls_usage_and_cost_come_back_and_the_message_is_verbatim(
    provider: Any, clock: Any, answer: Any
) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_signature": "xyz"}
    provider.answers = [answer(completion(message, "tool_calls"))]
    one = model(provider, clock)
    reply = await one.complete(ASK)
    await one.close()
    assert reply.message == message
    assert reply.stop == "tool_calls"
    assert reply.usage == Usage(1000, 50, 400, 30)
    assert reply.cost_usd == pytest.approx(600 * 2e-6 + 400 * 1e-6 + 50 * 10e-6)
    assert reply.model == "m-1"
    sent = provider.requests[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer sk-very-secret"
    assert sent.headers["idempotency-key"] == "t1:0/model/3"
    assert sent.body == {"model": "m", "messages": ASK.messages, "tools": [TOOL], "max_tokens": 100}


async def test_an_output_schema_is_sent_as_response_format(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(SAID)]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    one = model(provider, clock)
    await one.complete(ModelRequest(ASK.messages, output_schema=schema))
    await one.close()
    assert provider.requests[0].body["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("message", "reason", "stop"),
    [
        ({"role": "assistant", "content": "x"}, "stop", "end"),
        ({"role": "assistant", "content": "x"}, "length", "length"),
        ({"role": "assistant", "content": ""}, "content_filter", "refusal"),
        ({"role": "assistant", "content": None, "refusal": "no"}, "stop", "refusal"),
        ({"role": "assistant", "tool_calls": [CALL]}, "stop", "tool_calls"),
        ({"role": "assistant", "tool_calls": [CALL]}, "length", "length"),
    ],
)
async def test_why_it_stopped(provider: Any, clock: Any, answer: Any, message: Any, reason: str, stop: str) -> None:
    provider.answers = [answer(completion(message, reason))]
    one = model(provider, clock)
    assert (await one.complete(ASK)).stop == stop
    await one.close()


async def test_retry_after_is_honoured(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer({"error": {"message": "slow down"}}, 429, {"Retry-After": "17"}), answer(SAID)]
    one = model(provider, clock)
    assert (await one.complete(ASK)).message["content"] == "hi"
    await one.close()
    assert clock.slept == [17.0]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_tried_again_with_growing_delays(
    provider: Any, clock: Any, answer: Any, status: int
) -> None:
    provider.answers = [answer("busy", status), answer("busy", status), answer(SAID)]
    one = model(provider, clock)
    assert (await one.complete(ASK)).message["content"] == "hi"
    await one.close()
    assert clock.slept == [0.5, 1.0]
    assert provider.requests[0].headers["idempotency-key"] == provider.requests[2].headers["idempotency-key"]


@pytest.mark.parametrize(
    "broken",
    [
        {"body": SAID, "cut": 0},
        {"body": SAID, "cut": 20},
        {"body": "<html>gateway</html>"},
        {"body": "[" * 100_000},
        {"body": {"choices": []}},
        {"body": {"choices": [{"message": "text"}]}},
        {"body": {"choices": [{"message": {"tool_calls": [{"function": None}]}}]}},
        {"body": {"choices": [{"message": {}}]}},
        {"body": [1, 2]},
    ],
)
async def test_a_cut_connection_and_garbage_are_tried_again(
    provider: Any, clock: Any, answer: Any, broken: Any
) -> None:
    provider.answers = [answer(**broken), answer(SAID)]
    one = model(provider, clock)
    assert (await one.complete(ASK)).message["content"] == "hi"
    await one.close()
    assert len(provider.requests) == 2


@pytest.mark.parametrize("cut", [None, 25])
async def test_a_provider_that_stalls_is_asked_again(provider: Any, clock: Any, answer: Any, cut: int | None) -> None:
    stalled = answer(SAID, cut=cut, stall=True) if cut else answer("x" * 9, cut=1, stall=True)
    provider.answers = [stalled, answer(SAID)]
    one = model(provider, clock, patience=0.2)
    assert (await one.complete(ASK)).message["content"] == "hi"
    await one.close()
    assert len(provider.requests) == 2


async def test_after_the_deadline_it_is_unavailable_and_says_what_happened(
    provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer("overloaded", 529)]
    one = model(provider, clock)
    with pytest.raises(ModelUnavailable, match=r"gateway/m was asked 5 times .* HTTP 529: overloaded"):
        await one.complete(ModelRequest(ASK.messages, deadline=10.0))
    await one.close()
    assert sum(clock.slept) <= 10


async def test_a_retry_after_beyond_the_deadline_is_handed_on_at_once(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer("", 429, {"retry-after": "3600"})]
    one = model(provider, clock)
    with pytest.raises(ModelUnavailable) as caught:
        await one.complete(ModelRequest(ASK.messages, deadline=60.0))
    await one.close()
    assert caught.value.after == 3600
    assert clock.slept == []


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (401, {"error": "wrong key sk-very-secret"}, ModelRefused, "set LLM_API_KEY"),
        (403, "", ModelRefused, "set LLM_API_KEY"),
        (404, "no such model", ModelRefused, "set LLM_MODEL"),
        (302, "", ModelRefused, "set LLM_BASE_URL"),
        (400, {"error": {"code": "context_length_exceeded"}}, ContextOverflow, "longer than the model can take"),
        (400, {"error": {"message": "prompt is too long: 210000 tokens > 200000"}}, ContextOverflow, "longer"),
        (413, "", ContextOverflow, "longer"),
        (400, {"error": {"message": "tools[0] is wrong"}}, ModelRefused, r"tools\[0\] is wrong"),
        (429, {"error": {"code": "insufficient_quota"}}, ModelRefused, "no credit"),
    ],
)
async def test_what_cannot_pass_is_refused_at_once(
    provider: Any, clock: Any, answer: Any, status: int, body: Any, error: type[Exception], says: str
) -> None:
    provider.answers = [answer(body, status)]
    one = model(provider, clock)
    with pytest.raises(error, match=says) as caught:
        await one.complete(ASK)
    await one.close()
    assert len(provider.requests) == 1
    assert "very-secret" not in str(caught.value)


async def test_nobody_there_is_unavailable(provider: Any, clock: Any) -> None:
    one = OpenAIHTTPModel("http://127.0.0.1:1", "m", price=PRICE, persistence=Persistence(clock))
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        await one.complete(ModelRequest(ASK.messages, deadline=3.0))
    await one.close()


@pytest.mark.parametrize("url", ["gateway.example", "ftp://gateway.example", "http://"])
async def test_an_address_that_is_none_is_refused(clock: Any, url: str) -> None:
    one = OpenAIHTTPModel(url, "m", price=PRICE, persistence=Persistence(clock))
    with pytest.raises(ModelRefused, match="LLM_BASE_URL"):
        await one.complete(ASK)
    await one.close()


async def test_the_gateway_knows_the_cost_best(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(SAID, headers={"x-litellm-response-cost": "0.0123"})]
    one = model(provider, clock)
    assert (await one.complete(ASK)).cost_usd == 0.0123
    await one.close()


@pytest.mark.parametrize("stated", ["nan", "-1", "inf", "free"])
async def test_a_cost_that_is_no_amount_is_not_believed(provider: Any, clock: Any, answer: Any, stated: str) -> None:
    provider.answers = [answer(SAID, headers={"x-litellm-response-cost": stated})]
    one = model(provider, clock, price=None)
    with pytest.raises(UnknownPrice, match="BETH_ALLOW_UNKNOWN_PRICE=1"):
        await one.complete(ASK)
    await one.close()


async def test_an_unknown_price_may_be_allowed(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(SAID)]
    one = model(provider, clock, price=None, allow_unknown_price=True)
    assert (await one.complete(ASK)).cost_usd is None
    await one.close()


async def test_the_estimate_is_never_below_the_cost(provider: Any, clock: Any) -> None:
    one = model(provider, clock)
    text = json.dumps(ASK.messages[0])
    assert one.estimate(ASK) >= len(text) / 4 * PRICE.input + 100 * PRICE.output


def test_making_one_imports_no_client() -> None:
    code = (
        "import sys, beth_kit\n"
        "from beth_kit.model.openai_http import OpenAIHTTPModel\n"
        "from beth_kit.model.litellm_model import LiteLLMModel\n"
        "from beth_kit.model import choice\n"
        "OpenAIHTTPModel('http://x/v1', 'm'); model = LiteLLMModel('openai', 'gpt-5')\n"
        "from beth_kit.model.base import ModelRequest\n"
        "assert model.estimate(ModelRequest([])) > 0\n"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ran.stdout.split()) & {"litellm", "httpx", "openai", "aiohttp", "yaml"}
