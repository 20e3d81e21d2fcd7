"""A provider on loopback that answers as it is told, and time that passes only where somebody waits."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from beth_sdk.testing.clock import ManualClock


class HastyClock(ManualClock):
    """Sleeps at once, and remembers for how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@dataclass(frozen=True)
class Answer:
    """One HTTP response; `cut` after so many bytes of the body, or `stall` there until the test ends."""

    body: object = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: bool = False


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Provider:
    """Gives its answers in turn, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.url = ""
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
        path = head[0].split(" ")[1]
        original = dict(line.split(": ", 1) for line in head[1:] if line)
        self.requests.append(Request(path, {name.lower(): value for name, value in original.items()}, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        lines = [f"HTTP/1.1 {answer.status} Said", f"content-length: {len(content)}", "connection: close"]
        lines += ["content-type: application/json", *(f"{name}: {value}" for name, value in answer.headers.items())]
        if answer.cut == 0:
            return
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content[: answer.cut])
        await writer.drain()
        if answer.stall:
            await self.over.wait()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    one = Provider()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        one.over.set()
        server.close()
        await server.wait_closed()


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer
