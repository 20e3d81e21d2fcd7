"""The process behind the chat: its standard output, its end, its death, and two of them on one home."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.mcp_server.chat import PATIENCE, Desk
from tests.mcp_server.test_show import at_work

LONG_LEASE = {"BETH_LEASE": "600s"}
"""Whoever goes on with a task at once under this was handed it."""


class Raw:
    """A server with the protocol spoken by hand: every byte it writes is looked at."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._next = 0

    def send(self, method: str, params: dict[str, Any], *, answer: bool = True) -> Any:
        """Send a message; returns the result where there is one."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if answer:
            self._next += 1
            message["id"] = self._next
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        while answer:
            told = json.loads(self.line())
            if told.get("id") == self._next:
                return told["result"]
        return None

    def line(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.lines.append(line)
        return line

    def greet(self) -> None:
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}
        assert self.send("initialize", about)["serverInfo"]["name"] == "beth"
        self.send("notifications/initialized", {}, answer=False)

    def call(self, tool: str, **arguments: Any) -> Any:
        told = self.send("tools/call", {"name": tool, "arguments": arguments})
        assert not told.get("isError"), told
        return told["structuredContent"]

    def submit(self, description: str, workflow: str) -> str:
        return str(self.call("submit_request", description=description, workflow=workflow, repo="none")["request_id"])

    def at_work(self, request_id: str) -> None:
        heard: list[str] = []
        while not any("step before" in line or "step block" in line for line in heard):
            heard += self.call("watch_request", request_id=request_id, seconds=1).get("happened", ())

    def end(self) -> int:
        """Close standard input, as a client that leaves; returns the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.left()

    def left(self) -> int:
        """Read the rest until it has ended; returns the exit code."""
        while self.line():
            pass
        self.lines.pop()
        return self.process.wait(PATIENCE)

    @property
    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@contextmanager
def raw(desk: Desk, *arguments: str) -> Iterator[Raw]:
    with desk.process(*arguments) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            yield Raw(process)
        finally:
            watchdog.cancel()
            process.kill()


def test_standard_output_has_only_the_protocol_even_when_an_agent_prints(desk: Desk) -> None:
    with raw(desk) as server:
        server.greet()
        request_id = server.submit("shout", desk.plain)
        while server.call("watch_request", request_id=request_id, seconds=10)["status"] != "complete":
            pass
        assert server.end() == 0
        for line in server.lines:
            assert json.loads(line)["jsonrpc"] == "2.0"
            assert line.endswith(b"\n")
        errors = server.stderr
        for printed in ("when it was imported", "by the agent", "without an end", "to the descriptor", "by a child"):
            assert printed in errors
    assert "ready" in (desk.folder / "home" / "logs" / "beth.log").read_text()


def test_what_is_no_message_is_passed_over(desk: Desk) -> None:
    with raw(desk) as server:
        assert server.process.stdin is not None
        server.process.stdin.write(b"this is no message\n\n\xff\xfe\n")
        server.greet()
        assert server.call("list_requests")["requests"] == []
        assert server.end() == 0


@pytest.mark.parametrize("how", ["closed", signal.SIGTERM, signal.SIGINT])
def test_when_it_ends_the_tasks_are_handed_over(desk: Desk, how: Any) -> None:
    desk.variables |= LONG_LEASE
    with raw(desk) as server:
        server.greet()
        request_id = server.submit("wait for somebody", desk.plain)
        server.at_work(request_id)
        threading.Timer(0.5, desk.open_gate, ["the first"]).start()
        if how == "closed":
            assert server.end() == 0
        else:
            server.process.send_signal(how)
            assert server.left() == 0
        assert server.stderr == "printed when it was imported\n"
    desk.open_gate("what came later")
    resumed = desk.beth("resume", request_id, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1])["tasks"][0]["result"]["summary"] == "read the first"


def test_a_step_that_blocks_does_not_hold_up_a_client_that_insists(desk: Desk) -> None:
    with raw(desk) as server:
        server.greet()
        request_id = server.submit("block", desk.plain)
        server.at_work(request_id)
        assert server.process.stdin is not None
        server.process.stdin.close()
        time.sleep(0.5)  # as clients do: first they close, then they send a signal
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.left() == 0
        assert time.monotonic() - began < 6


def test_a_client_that_does_not_read_does_not_hold_up_the_end(desk: Desk) -> None:
    with raw(desk) as server:
        server.greet()
        assert server.process.stdin is not None
        for number in range(100, 160):
            message = {"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}}
            server.process.stdin.write(json.dumps(message).encode() + b"\n")
        server.process.stdin.flush()
        server.process.stdin.close()
        assert server.process.wait(15) == 0


async def test_after_a_kill_in_the_middle_the_request_goes_on_with_the_next_server(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("wait for somebody", desk.plain)
        await at_work(chat, request_id)
        chat.kill()
    async with desk.chat() as chat:
        told = await chat.call("request_status", request_id=request_id)
        assert told["status"] == "running"
        desk.open_gate("late")
        done = await chat.ended(request_id)  # its lease runs out, then it is taken again
        assert (done["status"], done["tasks"][0]["summary"]) == ("complete", "read late")


async def test_two_servers_share_one_home(desk: Desk) -> None:
    async with desk.chat() as one, desk.chat() as other:
        first = await one.submit("play", desk.plain)
        second = await other.submit("ask", desk.plain)
        assert (await other.ended(first))["status"] == "complete"
        question = await one.asks(second)
        assert (await one.call("answer_question", id=question["id"], text="blue"))["counted"]
        assert (await other.ended(second))["tasks"][0]["summary"] == "blue"


def test_a_client_that_leaves_at_once_leaves_nothing_behind(desk: Desk) -> None:
    with raw(desk) as server:
        assert server.end() == 0
        assert server.lines == []
        assert server.stderr in ("", "printed when it was imported\n")
