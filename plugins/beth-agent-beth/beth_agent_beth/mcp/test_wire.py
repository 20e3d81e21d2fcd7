from __future__ import annotations

import json
import os
from collections.abc import Iterator

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, JSONRPCResponse

from beth_agent_beth.mcp.wire import Wire

PING = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n'


class Ends:
    """The client's ends of two pipes."""

    def __init__(self) -> None:
        theirs, self.write = os.pipe()
        self.read, ours = os.pipe()
        self.wire = Wire(theirs, ours)
        self._left = [theirs, ours, self.read, self.write]

    def close(self, descriptor: int) -> None:
        os.close(descriptor)
        self._left.remove(descriptor)

    def close_all(self) -> None:
        for descriptor in list(self._left):
            self.close(descriptor)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close_all()


async def test_lines_become_messages_and_messages_lines(ends: Ends) -> None:
    async with ends.wire.streams() as (incoming, outgoing):
        os.write(ends.write, PING)
        message = await incoming.receive()
        assert isinstance(message, SessionMessage)
        assert isinstance(message.message, JSONRPCRequest)
        await outgoing.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={"a": "ü\n"})))
        ends.close(ends.write)
    line = os.read(ends.read, 10_000)
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"jsonrpc": "2.0", "id": 1, "result": {"a": "ü\n"}}


async def test_what_is_no_message_is_told_as_an_error_and_the_next_is_read(ends: Ends) -> None:
    async with ends.wire.streams() as (incoming, _):
        os.write(ends.write, b"no message\n\n\xff\n" + PING)
        assert isinstance(await incoming.receive(), Exception)
        assert isinstance(await incoming.receive(), Exception)
        assert isinstance(await incoming.receive(), SessionMessage)
        ends.close(ends.write)


async def test_the_messages_end_when_the_client_has_gone(ends: Ends) -> None:
    async with ends.wire.streams() as (incoming, _):
        ends.close(ends.write)
        with pytest.raises(anyio.EndOfStream):
            await incoming.receive()


async def test_they_end_as_well_when_it_takes_no_answers_any_more(ends: Ends) -> None:
    ends.close(ends.read)
    async with ends.wire.streams() as (incoming, outgoing):
        await outgoing.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={})))
        with pytest.raises(anyio.EndOfStream):
            await incoming.receive()
        ends.close(ends.write)
