"""Through litellm itself, against a provider on loopback that speaks OpenAI's, Anthropic's and Gemini's API."""

import copy
import dataclasses
import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from beth_kit.model.base import (
    ContextOverflow,
    ModelRefused,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    UnknownPrice,
    Usage,
)
from beth_kit.model.litellm_model import Endpoint, LiteLLMModel
from beth_kit.model.retrying import Persistence
from beth_sdk.errors import ConfigurationError

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Runs a command.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}
ASK = ModelRequest([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "list"}], tools=[TOOL])


@dataclass(frozen=True)
class Wire:
    """One provider's format: what it answers, and what that costs by litellm's table."""

    provider: str
    model: str
    base: str
    path: str
    calls: dict[str, Any]
    says: dict[str, Any]
    error: dict[str, Any]
    overflow: dict[str, Any]
    usage: Usage
    cost: float


OPENAI = Wire(
    "openai",
    "gpt-5.1",
    "/v1",
    "/v1/chat/completions",
    calls={
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5.1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}
                    ],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 50,
            "total_tokens": 1050,
            "prompt_tokens_details": {"cached_tokens": 400},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    },
    says={
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5.1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    },
    error={"error": {"message": "something", "type": "some_error"}},
    overflow={
        "error": {
            "message": "This model's maximum context length is 10 tokens.",
            "type": "invalid_request_error",
            "code": "context_length_exceeded",
        }
    },
    usage=Usage(1000, 50, 400, 30),
    cost=600 * 1.25e-6 + 400 * 0.125e-6 + 50 * 10e-6,
)

ANTHROPIC = Wire(
    "anthropic",
    "claude-sonnet-4-5",
    "",
    "/v1/messages",
    calls={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [
            {"type": "thinking", "thinking": "A list is wanted.", "signature": "c2lnbmVk"},
            {"type": "tool_use", "id": "c1", "name": "bash", "input": {"command": "ls"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 500,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 400,
            "output_tokens": 50,
        },
    },
    says={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    },
    error={"type": "error", "error": {"type": "some_error", "message": "something"}},
    overflow={
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 200001 tokens > 200000 maximum"},
    },
    usage=Usage(1000, 50, 400, 0),
    cost=500 * 3e-6 + 100 * 3.75e-6 + 400 * 0.3e-6 + 50 * 15e-6,
)

GEMINI = Wire(
    "gemini",
    "gemini-2.5-flash",
    "",
    ":generateContent",
    calls={
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"name": "bash", "args": {"command": "ls"}}, "thoughtSignature": "c2lnbmVk"}
                    ],
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 400,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 1050,
        },
        "modelVersion": "gemini-2.5-flash",
    },
    says={
        "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": "gemini-2.5-flash",
    },
    error={"error": {"code": 0, "message": "something", "status": "SOME"}},
    overflow={
        "error": {
            "code": 400,
            "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "status": "INVALID_ARGUMENT",
        }
    },
    usage=Usage(1000, 50, 400, 30),
    cost=600 * 0.3e-6 + 400 * 0.03e-6 + 50 * 2.5e-6,
)

every_wire = pytest.mark.parametrize("wire", [OPENAI, ANTHROPIC, GEMINI], ids=lambda wire: wire.provider)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Whoever looks a name up or connects elsewhere fails the test, also where the error is swallowed."""
    refused: list[object] = []
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1"}:
            refused.append(address)
            raise OSError(f"not loopback: {address}")
        connect(self, address)

    def checked_lookup(host: Any, *rest: Any, **more: Any) -> Any:
        if host not in {"127.0.0.1", "::1", b"127.0.0.1", None}:
            refused.append(host)
            raise OSError(f"not loopback: {host}")
        return lookup(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_lookup)
    yield refused
    assert refused == []


def model(wire: Wire, provider: Any, clock: Any, *, patience: float = 10.0, **more: Any) -> LiteLLMModel:
    persistence = Persistence(clock, random=lambda: 0.0, patience=patience)
    base = provider.url + wire.base
    named = {"key": "sk-very-secret", "key_variable": "THE_KEY", "persistence": persistence, **more}
    return LiteLLMModel(wire.provider, wire.model, base, **named)


def command_of(reply: ModelReply) -> tuple[str, str]:
    (call,) = reply.message["tool_calls"]
    return call["function"]["name"], call["function"]["arguments"].replace(" ", "")


@every_wire
async def test_a_tool_call_comes_back_with_its_usage_and_cost(
    wire: Wire, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.calls)]
    one = model(wire, provider, clock)
    reply = await one.complete(ASK)
    assert command_of(reply) == ("bash", '{"command":"ls"}')
    assert reply.stop == "tool_calls"
    assert reply.usage.input_tokens == wire.usage.input_tokens
    assert reply.usage.cached_tokens == wire.usage.cached_tokens
    assert reply.usage.output_tokens == wire.usage.output_tokens
    assert reply.cost_usd == pytest.approx(wire.cost)
    assert (reply.cost_usd or 0) <= one.estimate(ModelRequest([{"role": "user", "content": "word " * 1000}]))
    assert reply.model == f"{wire.provider}/{wire.model}"
    assert provider.requests[0].path.split("?")[0].endswith(wire.path)


@pytest.mark.parametrize("wire", [OPENAI, GEMINI], ids=lambda wire: wire.provider)
async def test_reasoning_tokens_are_told_where_the_provider_tells_them(
    wire: Wire, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.calls)]
    assert (await model(wire, provider, clock).complete(ASK)).usage == wire.usage


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
async def test_anthropic_is_found_whether_or_not_the_address_ends_in_its_version(
    base: str, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(ANTHROPIC.says)]
    await model(dataclasses.replace(ANTHROPIC, base=base), provider, clock).complete(ASK)
    assert [request.path for request in provider.requests] == ["/v1/messages"]


async def test_anthropic_is_asked_to_keep_what_the_next_call_begins_with(
    provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(ANTHROPIC.calls), answer(ANTHROPIC.says)]
    one = model(ANTHROPIC, provider, clock)
    first = await one.complete(ASK)
    result = {"role": "tool", "tool_call_id": first.message["tool_calls"][0]["id"], "content": "README"}
    await one.complete(ModelRequest([*ASK.messages, first.message, result], tools=[TOOL]))
    for request, kind in zip(provider.requests, ("text", "tool_result"), strict=True):
        last = request.body["messages"][-1]["content"][-1]
        assert (last["type"], last["cache_control"]) == (kind, {"type": "ephemeral"})
        assert request.body["system"][-1]["cache_control"] == {"type": "ephemeral"}
        assert str(request.body).count("cache_control") == 2


@every_wire
async def test_the_request_is_left_as_it_was(wire: Wire, provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(wire.says)]
    closed = {"name": "closed", "parameters": {**TOOL["function"]["parameters"], "additionalProperties": False}}
    asked = ModelRequest(copy.deepcopy(ASK.messages), tools=[{"type": "function", "function": closed}])
    before = copy.deepcopy(asked)
    await model(wire, provider, clock).complete(asked)
    assert asked == before


@every_wire
async def test_a_second_turn_sends_back_what_the_provider_gave(
    wire: Wire, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.calls), answer(wire.says)]
    one = model(wire, provider, clock)
    first = await one.complete(ASK)
    result = {"role": "tool", "tool_call_id": first.message["tool_calls"][0]["id"], "content": "README"}
    second = await one.complete(ModelRequest([*ASK.messages, first.message, result], tools=[TOOL]))
    assert second.message["content"] == "hi"
    assert second.stop == "end"
    sent = str(provider.requests[1].body)
    assert "README" in sent
    if wire is not OPENAI:
        assert "c2lnbmVk" in sent


async def test_what_another_provider_added_is_left_out_for_a_fallback(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(ANTHROPIC.calls)]
    first = await model(ANTHROPIC, provider, clock).complete(ASK)
    provider.answers = [*[answer(ANTHROPIC.error, 529)] * 3, answer(OPENAI.says)]
    provider.requests.clear()
    fallback = Endpoint(OPENAI.provider, OPENAI.model, provider.url + OPENAI.base, "sk-other")
    result = {"role": "tool", "tool_call_id": first.message["tool_calls"][0]["id"], "content": "README"}
    reply = await model(ANTHROPIC, provider, clock, fallbacks=[fallback]).complete(
        ModelRequest([*ASK.messages, first.message, result], tools=[TOOL])
    )
    assert reply.model == "openai/gpt-5.1"
    assert reply.cost_usd == pytest.approx(10 * 1.25e-6 + 5 * 10e-6)
    assert [request.path.split("?")[0] for request in provider.requests] == ["/v1/messages"] * 3 + [
        "/v1/chat/completions"
    ]
    assert "c2lnbmVk" in str(provider.requests[0].body)
    assert "c2lnbmVk" not in str(provider.requests[3].body)
    assert provider.requests[3].headers["authorization"] == "Bearer sk-other"


@every_wire
async def test_retry_after_is_honoured_and_litellm_itself_does_not_retry(
    wire: Wire, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.error, 429, {"retry-after": "17"}), answer(wire.says)]
    assert (await model(wire, provider, clock).complete(ASK)).message["content"] == "hi"
    assert clock.slept == [17.0]
    assert len(provider.requests) == 2


@every_wire
@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_errors_of_a_server_are_tried_again(
    wire: Wire, status: int, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.error, status), answer(wire.error, status), answer(wire.says)]
    assert (await model(wire, provider, clock).complete(ASK)).message["content"] == "hi"
    assert clock.slept == [0.5, 1.0]


@every_wire
@pytest.mark.parametrize(
    "broken",
    [{"cut": 0}, {"cut": 30}, {"body": "<html>bad gateway</html>"}, {"body": {"hello": "there"}}],
    ids=["cut at once", "cut in the middle", "not JSON", "other JSON"],
)
async def test_a_cut_connection_and_garbage_are_tried_again(
    wire: Wire, broken: Any, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(**{"body": wire.says, **broken}), answer(wire.says)]
    assert (await model(wire, provider, clock).complete(ASK)).message["content"] == "hi"
    assert len(provider.requests) == 2


@every_wire
@pytest.mark.parametrize("cut", [0, 30])
async def test_a_provider_that_stalls_is_asked_again(
    wire: Wire, cut: int, provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(wire.says)]
    one = model(wire, provider, clock, patience=0.5)
    await one.complete(ASK)  # so that no import is within the time measured
    provider.requests.clear()
    provider.answers = [answer(wire.says, cut=cut or 1, stall=True), answer(wire.says)]
    assert (await one.complete(ASK)).message["content"] == "hi"
    assert len(provider.requests) == 2


@every_wire
async def test_after_the_deadline_it_is_unavailable(wire: Wire, provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(wire.error, 503)]
    with pytest.raises(ModelUnavailable, match=rf"{wire.provider}/{wire.model} was asked \d times"):
        await model(wire, provider, clock).complete(ModelRequest(ASK.messages, deadline=5.0))


@every_wire
@pytest.mark.parametrize(("status", "says"), [(401, "set THE_KEY"), (403, "set THE_KEY"), (404, "set LLM_MODEL")])
async def test_a_wrong_key_or_model_is_refused_at_once_and_says_what_to_set(
    wire: Wire, status: int, says: str, provider: Any, clock: Any, answer: Any
) -> None:
    told = {"error": {"message": "no: sk-very-secret", "type": "x"}}
    provider.answers = [answer(told, status)]
    with pytest.raises(ModelRefused, match=says) as caught:
        await model(wire, provider, clock).complete(ASK)
    assert "very-secret" not in str(caught.value)
    assert len(provider.requests) == 1


@every_wire
async def test_too_long_a_context_is_an_overflow(wire: Wire, provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(wire.overflow, 400)]
    with pytest.raises(ContextOverflow):
        await model(wire, provider, clock).complete(ASK)
    assert len(provider.requests) == 1


@every_wire
async def test_a_bad_request_is_refused(wire: Wire, provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(wire.error, 400)]
    with pytest.raises(ModelRefused, match="something"):
        await model(wire, provider, clock).complete(ASK)
    assert len(provider.requests) == 1


async def test_a_refusal_is_not_hidden_by_a_fallback(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(OPENAI.error, 401)]
    fallback = Endpoint("openai", "gpt-5", provider.url, "k")
    with pytest.raises(ModelRefused):
        await model(OPENAI, provider, clock, fallbacks=[fallback]).complete(ASK)


async def test_a_fallback_is_asked_at_once_where_waiting_would_take_more_than_a_share_of_the_deadline(
    provider: Any, clock: Any, answer: Any
) -> None:
    provider.answers = [answer(OPENAI.error, 429, {"retry-after": "40"}), answer(ANTHROPIC.says)]
    fallback = Endpoint("anthropic", "claude-sonnet-4-5", provider.url, "k")
    one = model(OPENAI, provider, clock, fallbacks=[fallback])
    reply = await one.complete(ModelRequest(ASK.messages, deadline=60.0))
    assert reply.model == "anthropic/claude-sonnet-4-5"
    assert clock.slept == []


async def test_an_output_schema_is_sent(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(OPENAI.says)]
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}}
    await model(OPENAI, provider, clock).complete(ModelRequest(ASK.messages, output_schema=schema, max_tokens=77))
    sent = provider.requests[0].body
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert sent["max_completion_tokens"] == 77


@pytest.mark.parametrize("missing", ["litellm", "mcp"])
async def test_what_is_not_installed_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(ConfigurationError, match=rf"{missing} not installed: pip install 'beth-kit\[litellm\]'"):
        await LiteLLMModel("openai", "gpt-5", allow_unknown_price=True).complete(ASK)


async def test_a_model_without_a_price_is_refused_before_it_is_called(provider: Any, clock: Any, answer: Any) -> None:
    provider.answers = [answer(OPENAI.says)]
    persistence = Persistence(clock)
    one = LiteLLMModel("openai", "my-own", provider.url, "k", persistence=persistence)
    with pytest.raises(UnknownPrice, match=r"openai/my-own.*BETH_ALLOW_UNKNOWN_PRICE=1"):
        await one.complete(ASK)
    with pytest.raises(UnknownPrice):
        one.estimate(ASK)
    assert provider.requests == []
    allowed = LiteLLMModel("openai", "my-own", provider.url, "k", allow_unknown_price=True, persistence=persistence)
    assert (await allowed.complete(ASK)).cost_usd is None
    assert allowed.estimate(ASK) == 0


def test_an_environment_file_of_the_working_directory_is_not_read(tmp_path: Any) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=planted\nPLANTED=1\n")
    code = (
        "import os\nfrom beth_kit.model.litellm_model import _load\n_load()\n"
        "print('PLANTED' in os.environ, 'OPENAI_API_KEY' in os.environ)"
    )
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["False", "False"]


def test_litellm_writes_nothing_of_its_own_whatever_the_level_of_the_log_is() -> None:
    code = (
        "import asyncio, logging\n"
        "logging.basicConfig(level=logging.DEBUG, filename='/dev/null')\n"
        "from beth_kit.model.base import ModelRequest, ModelUnavailable\n"
        "from beth_kit.model.litellm_model import LiteLLMModel\n"
        "one = LiteLLMModel('openai', 'gpt-5.1', 'http://127.0.0.1:1', 'k')\n"
        "asked = ModelRequest([{'role': 'user', 'content': 'hello'}], deadline=20.0)\n"
        "one._persistence = type(one._persistence)(patience=20.0, random=lambda: 1e9)\n"
        "try:\n"
        "    asyncio.run(one.complete(asked))\n"
        "except ModelUnavailable:\n"
        "    print('unavailable')\n"
    )
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("unavailable\n", "")


def test_importing_litellm_does_not_hold_up_the_loop() -> None:
    code = (
        "import asyncio\n"
        "from beth_kit.model.litellm_model import _load\n"
        "async def main():\n"
        "    ticks = 0\n"
        "    loading = asyncio.ensure_future(asyncio.to_thread(_load))\n"
        "    while not loading.done():\n"
        "        ticks += 1\n"
        "        await asyncio.sleep(0.01)\n"
        "    print(ticks, (await loading).__name__)\n"
        "asyncio.run(main())"
    )
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    ticks, name = ran.stdout.split()
    assert name == "litellm"
    assert int(ticks) > 10
