"""Servers that are reached by URL, on loopback."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest

from beth_kit.mcp.conftest import PACKAGE_PYTHON, World
from beth_sdk.errors import ConfigurationError, Retryable
from beth_sdk.testing.clock import ManualClock


class Remote:
    """The server of the package at a port of its own."""

    def __init__(self, program: Path) -> None:
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        argv = [PACKAGE_PYTHON, str(self._program), str(self.port)]
        self._process = await asyncio.create_subprocess_exec(
            *argv, env={"PATH": os.defpath}, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def remote(package_server: Path) -> AsyncIterator[Remote]:
    made = Remote(package_server)
    await made.start()
    yield made
    await made.stop()


async def test_a_server_with_a_url_is_a_set_of_tools_that_leave_the_work_tree_alone(
    world: World, remote: Remote
) -> None:
    servers = world.servers(world.config("notes", url=remote.url))
    frame = await servers.listed()
    count, add = servers.tools_of(frame)
    assert (count.repeat, count.writes, add.repeat, add.writes) == ("safe", False, "told", False)
    assert (await add.call(world.ctx, {"text": "x"})).text == "noted: x"
    assert (await count.call(world.ctx, {})).text == "1"


async def test_a_server_that_was_started_anew_is_connected_to_anew(world: World, remote: Remote) -> None:
    servers = world.servers(world.config("notes", url=remote.url))
    frame = await servers.listed()
    assert (await world.call(servers, frame, "notes_count")).text == "0"
    await remote.stop()
    lost = await world.call(servers, frame, "notes_count")
    assert lost.error
    assert "the connection to the server notes is lost" in lost.text
    await remote.start()
    assert (await world.call(servers, frame, "notes_count")).text == "0"


async def test_a_server_that_nobody_answers_for_is_refused_and_said(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/mcp"
    (entry,) = await world.servers(world.config("gone", url=url)).listed()
    assert "the connection to the server gone is lost (ConnectError" in entry["refused"]
    with pytest.raises(Retryable, match="MCP server gone: "):
        await world.servers(world.config("gone", url=url, must=True)).listed()


class Answering:
    """A server that answers every request with the same bytes, or not at all, and keeps what it was sent."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.asked = asyncio.Event()
        self.heard = b""
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/mcp"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard += await reader.readuntil(b"\r\n\r\n")
            self.asked.set()
            if self._answer is None:
                await reader.read()
            else:
                writer.write(self._answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_headers_come_from_the_environment_and_are_in_no_message(world: World) -> None:
    async with Answering(REFUSED) as server:
        config = world.config("x", url=server.url, headers={"Authorization": "Bearer ${TOKEN}"})
        (entry,) = await world.servers(config, environ={"TOKEN": "t0ps3cret"}).listed()
        assert b"authorization: Bearer t0ps3cret\r\n" in server.heard.replace(b"Authorization", b"authorization")
    assert "t0ps3cret" not in str(entry) + str(world.inner.events)
    assert "error response" in entry["refused"]
    two_lines = world.servers(
        world.config("x", url=server.url, headers={"A": "${TOKEN}"}, must=True), environ={"TOKEN": "a\nb"}
    )
    with pytest.raises(ConfigurationError, match=r"x\.headers\.A: its value has more than one line"):
        await two_lines.listed()


async def test_a_server_that_does_not_answer_is_given_up(world: World) -> None:
    world.clock = ManualClock()
    async with Answering(None) as server:
        listing = asyncio.create_task(world.servers(world.config("x", url=server.url, timeout=5)).listed())
        await asyncio.wait_for(server.asked.wait(), 20)
        world.clock.advance(5.1)
        (entry,) = await asyncio.wait_for(listing, 20)
    assert "was not ready within 5 seconds" in entry["refused"]


async def test_a_response_without_end_is_broken_off(world: World) -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + bytes(65 << 20)
    async with Answering(endless) as server:
        (entry,) = await world.servers(world.config("x", url=server.url)).listed()
    assert "more than 64 MiB" in entry["refused"]


async def test_a_redirect_to_another_server_is_not_followed(world: World) -> None:
    async with Answering(REFUSED) as other:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {other.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with Answering(moved.encode()) as server:
            (entry,) = await world.servers(world.config("x", url=server.url)).listed()
        assert not other.asked.is_set()
    assert "not followed" in entry["refused"]
