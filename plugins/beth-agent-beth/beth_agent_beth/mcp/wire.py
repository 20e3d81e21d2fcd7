"""Standard input and output for the protocol alone: what else is printed, here or by a child, goes to standard error.

Threads of their own read and write, because a read of standard input cannot be called off, and because a client that
has stopped reading must not hold up the end of the process.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

LAST_WORDS = 1.0
"""Seconds that the client gets to take what was already answered when the connection ends."""

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


class Wire:
    """The descriptors that the client is at the other end of."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    @classmethod
    def take(cls) -> Wire:
        """Take standard input and output away from the rest of this process, for good."""
        sys.stdout.flush()
        incoming, outgoing = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        try:
            os.dup2(2, 1)
        except OSError:  # standard error is closed
            os.dup2(nothing, 1)
        os.close(nothing)
        return cls(incoming, outgoing)

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Incoming, Outgoing]]:
        """The messages of the client, and where the answers go. The first end when the client is gone."""
        received, incoming = anyio.create_memory_object_stream[SessionMessage | Exception]()
        outgoing, answers = anyio.create_memory_object_stream[SessionMessage]()
        loop = asyncio.get_running_loop()
        lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        written = asyncio.Event()

        def read() -> None:
            with suppress(OSError, RuntimeError), os.fdopen(self._incoming, "rb", closefd=False) as stream:
                for line in stream:
                    asyncio.run_coroutine_threadsafe(_pass_on(received, line), loop).result()
            _soon(loop, received.close)

        def write() -> None:
            with suppress(OSError):
                while (line := lines.get()) is not None:
                    _write(self._outgoing, line)
            _soon(loop, received.close)
            _soon(loop, written.set)

        async def answer() -> None:
            async for message in answers:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                lines.put(f"{text}\n".encode())

        for name, work in (("beth-mcp-reader", read), ("beth-mcp-writer", write)):
            threading.Thread(target=work, name=name, daemon=True).start()
        answering = asyncio.ensure_future(answer())
        try:
            yield incoming, outgoing
        finally:
            for stream in (outgoing, received, incoming):
                stream.close()
            await asyncio.wait({answering}, timeout=LAST_WORDS)
            answering.cancel()
            answers.close()
            lines.put(None)
            with suppress(TimeoutError):
                await asyncio.wait_for(written.wait(), LAST_WORDS)


async def _pass_on(received: MemoryObjectSendStream[SessionMessage | Exception], line: bytes) -> None:
    if not line.strip():
        return
    try:
        message: SessionMessage | Exception = SessionMessage(
            jsonrpc_message_adapter.validate_json(line.decode("utf-8", "replace"), by_name=False)
        )
    except ValidationError as error:
        message = error
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await received.send(message)


def _write(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _soon(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(what)
