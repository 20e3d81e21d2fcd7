"""The thin client against a gateway that nobody here wrote: the LiteLLM proxy with mock responses."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from beth_kit.model.base import ContextOverflow, ModelRefused, ModelRequest, ModelUnavailable
from beth_kit.model.openai_http import OpenAIHTTPModel
from beth_kit.model.retrying import Persistence
from beth_sdk.testing.clock import ManualClock
from tests.services import LITELLM_PROXY

pytestmark = [pytest.mark.service("litellm-proxy"), pytest.mark.slow]

CALL = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}


def mocked(name: str, **mock: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": "openai/gpt-5.1", "api_key": "none", **mock}}


CONFIGURATION = {
    "model_list": [
        mocked("fast", mock_response="hi from the gateway"),
        mocked("caller", mock_response="", mock_tool_calls=[CALL]),
        mocked("busy", mock_response="litellm.RateLimitError"),
        mocked("short", mock_response="litellm.ContextWindowExceededError"),
    ],
    "general_settings": {"master_key": "sk-gateway"},
    "router_settings": {"num_retries": 0, "disable_cooldowns": True},
}
ASK = ModelRequest([{"role": "user", "content": "hello"}], deadline=60.0)


class HastyClock(ManualClock):
    """Sleeps at once, and remembers for how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "config.yaml").write_text(json.dumps(CONFIGURATION))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "PYTHONUNBUFFERED": "1"}
    arguments = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        str(LITELLM_PROXY / "python"),  # the first line of the script is wrong where the folder was moved
        str(LITELLM_PROXY / "litellm"),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **offline},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = b""
    while b"Uvicorn running" not in said:
        line = await process.stdout.readline()
        assert line, said.decode()[-2000:]
        said += line
    drained = asyncio.ensure_future(process.stdout.read())
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await drained


def model(gateway: str, name: str, clock: HastyClock, key: str = "sk-gateway") -> OpenAIHTTPModel:
    return OpenAIHTTPModel(gateway, name, key, persistence=Persistence(clock, patience=30.0))


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_comes_back_with_the_cost_that_the_gateway_states(gateway: str, clock: HastyClock) -> None:
    one = model(gateway, "fast", clock)
    reply = await one.complete(ASK)
    await one.close()
    assert reply.message["content"] == "hi from the gateway"
    assert reply.stop == "end"
    assert reply.usage.output_tokens > 0
    assert reply.cost_usd == pytest.approx(reply.usage.input_tokens * 1.25e-6 + reply.usage.output_tokens * 10e-6)


@pytest.mark.asyncio(loop_scope="module")
async def test_tool_calls_come_back(gateway: str, clock: HastyClock) -> None:
    one = model(gateway, "caller", clock)
    reply = await one.complete(ASK)
    await one.close()
    assert reply.stop == "tool_calls"
    assert [call["function"] for call in reply.message["tool_calls"]] == [CALL["function"]]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_gateway_that_is_busy_is_asked_again_until_the_deadline(gateway: str, clock: HastyClock) -> None:
    one = model(gateway, "busy", clock)
    with pytest.raises(ModelUnavailable, match=r"asked \d+ times .* HTTP 429"):
        await one.complete(ASK)
    await one.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_too_long_a_context_is_an_overflow(gateway: str, clock: HastyClock) -> None:
    one = model(gateway, "short", clock)
    with pytest.raises(ContextOverflow):
        await one.complete(ASK)
    await one.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "key"), [("fast", "sk-wrong"), ("unknown", "sk-gateway")])
async def test_a_wrong_key_and_an_unknown_model_are_refused(
    gateway: str, clock: HastyClock, name: str, key: str
) -> None:
    one = model(gateway, name, clock, key)
    with pytest.raises(ModelRefused):
        await one.complete(ASK)
    await one.close()
    assert clock.slept == []
