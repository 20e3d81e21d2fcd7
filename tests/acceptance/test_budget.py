"""A request that would cost 0.50 with 0.10 to spend, in real processes that are killed: what the provider's own ledger
says never exceeds what the user allowed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MODEL = "gpt-4.1-mini"
INPUT, OUTPUT = 1_000, 7_600
PRICE = INPUT * 4e-7 + OUTPUT * 1.6e-6
"""US dollars of one call: nearly what is reserved for it, 8,192 tokens of output and its messages."""

TASKS, CALLS = 4, 10
ALLOWED, MORE = 0.10, 0.80

PLAN = "\n".join(
    [
        'name = "dear"',
        *(f'[[task]]\nname = "part-{number}"\nagent = "crafter"\ntype = "act"' for number in range(TASKS - 1)),
        '[[task]]\nname = "whole"\nagent = "crafter"\ntype = "act"',
        f"needs = {json.dumps([f'part-{number}' for number in range(TASKS - 1)])}",
    ]
)


class Provider(ThreadingHTTPServer):
    """Speaks chat completions; each call that reaches it is paid, whoever hears the answer."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls = 0
        self.under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def paid(self) -> float:
        return self.calls * PRICE

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        messages = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"]
        turn = sum(message["role"] == "assistant" for message in messages)
        with self.server.lock:
            self.server.calls += 1
            self.server.under_way += 1
        time.sleep(0.2)  # so that a kill meets calls under way
        with self.server.lock:
            self.server.under_way -= 1
        name, arguments = ("bash", {"command": f"echo {turn}"})
        if turn >= CALLS - 1:
            name, arguments = "finish", {"result": {"summary": f"after {turn + 1} calls"}}  # type: ignore[dict-item]
        call = {"name": name, "arguments": json.dumps(arguments)}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"id": f"call_{turn}", "type": "function", "function": call}],
                    },
                }
            ],
            "usage": {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT},
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """The count is enough."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def fleet(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """Processes whose model is the provider's."""
    for name, value in {
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": MODEL,
        "LLM_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-nobody",
        "BETH_SANDBOX": "off",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    (tmp_path / "dear.toml").write_text(PLAN)
    async with Cluster(tmp_path, f"sqlite:///{tmp_path}/home/beth.db") as cluster:
        yield cluster


def submitted(fleet: Cluster, *options: str) -> str:
    ran = fleet.beth("submit", "Do it all", "-w", str(fleet.folder / "dear.toml"), *options)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def told(fleet: Cluster, request: str) -> dict[str, Any]:
    """What `beth status --json` says."""
    found: dict[str, Any] = json.loads(fleet.beth("status", request, "--json").stdout)
    return found


async def waits(fleet: Cluster, request: str) -> None:
    """Wait until Beth has asked for more money."""
    await fleet.request(request, lambda state: bool(state.open_questions) or state.ended, "a question", patience=120)


async def test_a_request_never_costs_more_than_it_may_and_goes_on_when_it_is_told(
    fleet: Cluster, provider: Provider
) -> None:
    fleet.up("beth", "crafter")
    request = submitted(fleet, "--max-cost", f"{ALLOWED}")
    await fleet.until(lambda: provider.calls >= 3 and provider.under_way > 0, "calls are under way")
    fleet.kill("crafter", "beth")
    fleet.up("beth", "crafter")

    await waits(fleet, request)
    assert 0 < provider.paid <= ALLOWED
    status = told(fleet, request)
    assert status["status"] == "waiting"
    (question,) = status["questions"]
    assert (question["task_id"], question["kind"]) == (request, "budget")
    assert "US dollars" in question["text"]
    assert status["usage"]["cost_usd"] <= ALLOWED
    assert provider.paid <= status["usage"]["cost_usd"] + 1e-9, "what was under way when its worker died is paid too"

    paid = provider.calls
    answered = fleet.beth("answer", request, f"{MORE}")
    assert answered.returncode == 0, answered.stderr
    await fleet.until(lambda: provider.calls > paid, "the work goes on")
    fleet.restart("crafter")
    state = await fleet.request(request, lambda state: state.ended, "the end", patience=180)
    assert (state.status, state.reason) == ("complete", "")
    assert provider.calls >= TASKS * CALLS, "the request costs 0.50"
    assert provider.paid <= MORE
    assert {one.result.result["summary"] for one in state.tasks.values() if one.result} == {f"after {CALLS} calls"}  # type: ignore[call-overload,index]


async def test_a_request_that_gets_no_more_money_ends_and_has_cost_no_more(fleet: Cluster, provider: Provider) -> None:
    fleet.up("beth", "crafter")
    request = submitted(fleet, "--max-cost", f"{ALLOWED}")
    await waits(fleet, request)
    assert fleet.beth("answer", request, "stop").returncode == 0
    state = await fleet.request(request, lambda state: state.ended, "the end")
    assert state.status == "failed"
    assert provider.paid <= ALLOWED


async def test_a_fleet_never_costs_more_in_a_day_than_it_may(fleet: Cluster, provider: Provider) -> None:
    fleet.set("BETH_MAX_COST_PER_DAY", f"{ALLOWED}")
    fleet.up("beth", "beth#2", "crafter")
    requests = [submitted(fleet, "--max-cost", "5") for _ in range(2)]
    await fleet.until(lambda: provider.calls >= 2 and provider.under_way > 0, "calls are under way")
    fleet.restart("beth", "crafter")
    for request in requests:
        await fleet.request(
            request, lambda state: state.withheld is not None and not state.outstanding, "the limit", patience=120
        )
    assert PRICE < provider.paid <= ALLOWED
    assert told(fleet, requests[0])["withheld"]["limit"] == ALLOWED

    fleet.kill("beth", "beth#2")
    fleet.set("BETH_MAX_COST_PER_DAY", "5")
    fleet.up("beth")
    for request in requests:
        state = await fleet.request(request, lambda state: state.ended, "the end", patience=180)
        assert state.status == "complete"
