"""MCP over the pipes of a program in the sandbox: one JSON-RPC message a line, with limits on what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from beth_kit.sandbox.session import Session

LONGEST_LINE = 10 * 1024 * 1024
"""Bytes of a message. A longer one ends the connection."""

MOST_BETWEEN = 64 * 1024 * 1024
"""Bytes that a server may send between the beginnings of two calls. More ends the connection."""

Coming = MemoryObjectSendStream[SessionMessage | Exception]
Going = MemoryObjectReceiveStream[SessionMessage]


class Wire:
    """The traffic with a program. `flaw` says why it was cut, where it was."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._came = 0
        self.flaw: str | None = None

    def begin(self) -> None:
        """A call begins: what came until now does not count any more."""
        self._came = 0

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Any, Any]]:
        """The streams that the MCP client reads from and writes to. They end when the program does."""
        coming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write_stream, going = anyio.create_memory_object_stream[SessionMessage](0)
        async with coming, read_stream, write_stream, going, anyio.create_task_group() as group:
            group.start_soon(self._incoming, coming)
            group.start_soon(self._outgoing, going, coming)
            try:
                yield read_stream, write_stream
            finally:
                group.cancel_scope.cancel()

    async def _incoming(self, coming: Coming) -> None:
        try:
            async with coming:
                async for line in self._lines():
                    message = _message(line)
                    if message is not None:  # what is no message is passed over: programs print
                        await coming.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client does not read any more
            pass

    async def _lines(self) -> AsyncIterator[bytes]:
        rest = bytearray()
        while chunk := await self._session.read():
            self._came += len(chunk)
            if self._came > MOST_BETWEEN:
                self.flaw = f"it sent more than {MOST_BETWEEN // 1024**2} MiB"
                return
            *lines, tail = chunk.split(b"\n")
            for line in lines:
                yield bytes(rest + line)
                rest.clear()
            rest += tail
            if len(rest) > LONGEST_LINE:
                self.flaw = f"it sent a message of more than {LONGEST_LINE // 1024**2} MiB"
                return

    async def _outgoing(self, going: Going, coming: Coming) -> None:
        async with going:
            async for sent in going:
                body = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    await self._session.write(body.encode() + b"\n")
                except OSError:  # the client learns it from the end of what it reads
                    await coming.aclose()
                    return


def _message(line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except (ValueError, RecursionError):
        return None
