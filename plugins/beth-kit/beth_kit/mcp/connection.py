"""One connection to a server, through the client of the `mcp` package, which only this and its transports import."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import mcp_types as types
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from mcp.client.session import ClientRequestContext, ClientSession, IncomingMessage
from mcp.shared.dispatcher import DispatchContext, OnNotify, OnNotifyIntercept, OnRequest
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.transport_context import TransportContext
from pydantic import TypeAdapter

from beth_sdk.clock import Clock
from beth_sdk.redact import redact

MOST_PAGES = 100
"""Pages of a server's list of tools."""

LEAVING = 5.0
"""Seconds for a server to take leave; it is cut off then."""

CLIENT = types.Implementation(name="beth", version="1")

T = TypeVar("T")

_RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)

Transport = AbstractAsyncContextManager[tuple[Any, Any]]


class ConnectionLost(Exception):
    """The connection does not work any more; what was asked may have happened or not. The message says what is known,
    and may be empty."""


class CallRefused(Exception):
    """The server answered, with an error in place of a result. The message is the server's."""


class TimedOut(Exception):
    """No answer in time. The connection is of no use any more."""


class Connection:
    """Open from `open` to `close`. A task of its own holds it, since whoever entered the client's scopes must leave
    them."""

    def __init__(self, clock: Clock, patience: float, roots: Path | None, refused: Callable[[str], None]) -> None:
        self._clock = clock
        self._patience = patience
        self._roots = roots
        self._refused = refused
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._owner: asyncio.Task[None] | None = None
        self.changed = False
        """Whether the server says that its list of tools is another one than it was."""

    @classmethod
    async def open(
        cls,
        transport: Transport,
        *,
        clock: Clock,
        patience: float,
        roots: Path | None,
        refused: Callable[[str], None],
    ) -> Connection:
        """Connect and shake hands. `patience`: seconds for that, and for each answer. `refused` is told when the server
        asks for what it does not get. `roots`: the folder that it hears of where it asks for its roots, if any.

        Raises `ConnectionLost`, `CallRefused`, `TimedOut`.
        """
        self = cls(clock, patience, roots, refused)
        self._owner = asyncio.create_task(self._own(transport))
        try:
            await _answered(clock, patience, self._ready)
            self._ready.result()
        except BaseException:
            await self.close(at_once=True)
            raise
        return self

    async def tools(self) -> list[types.Tool]:
        """All tools of the server. Raises as `open`."""
        self.changed = False
        return await self._asked(self._list(self._ready.result()))

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool. Raises as `open`."""
        return await self._asked(self._call(self._ready.result(), tool, arguments))

    async def close(self, *, at_once: bool = False) -> None:
        """Take leave, or not where the server is gone or does not answer."""
        self._closing.set()
        owner = self._owner
        if owner is None:
            return
        if at_once or not await _within(self._clock, LEAVING, owner):
            owner.cancel()
        await asyncio.wait({owner})
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # seen, though nobody may have waited for it

    async def _own(self, transport: Transport) -> None:
        try:
            async with (
                transport as (read_stream, write_stream),
                ClientSession(
                    dispatcher=_Watching(read_stream, write_stream, self._refused),
                    client_info=CLIENT,
                    list_roots_callback=self._list_roots if self._roots is not None else None,
                    message_handler=self._told,
                ) as session,
            ):
                await _greet(session)
                self._ready.set_result(session)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is gone
            if not self._ready.done():
                self._ready.set_exception(_in_words(error))
        finally:
            if not self._ready.done():
                self._ready.set_exception(ConnectionLost(""))

    async def _asked(self, asking: Awaitable[T]) -> T:
        task = asyncio.ensure_future(asking)
        try:
            await _answered(self._clock, self._patience, task)
            return task.result()
        except (TimedOut, asyncio.CancelledError):
            # The scopes first: a request that is given up tries to tell the server so, which may not be reading.
            await asyncio.shield(self.close(at_once=True))
            task.cancel()
            await asyncio.wait({task})
            raise
        except Exception as error:  # noqa: BLE001 - told apart there
            raise _in_words(error) from None

    async def _list(self, session: ClientSession) -> list[types.Tool]:
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise CallRefused(f"its list of tools has more than {MOST_PAGES} pages")

    async def _call(self, session: ClientSession, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        # Not `session.call_tool`, which validates the result by a schema of the server's: that may take for ever.
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=dict(arguments)))
        result = await session.send_request(request, _RESULT)
        if isinstance(result, types.InputRequiredResult):
            self._refused("input for a call")
            raise CallRefused("it asks for something that only a person could tell it")
        return result

    async def _list_roots(self, context: ClientRequestContext) -> types.ListRootsResult:
        del context
        assert self._roots is not None
        return types.ListRootsResult(roots=[types.Root(uri=self._roots.as_uri(), name="work tree")])

    async def _told(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.changed = True


class _Watching(JSONRPCDispatcher[TransportContext]):
    """Tells what a server asks of its client and does not get."""

    def __init__(self, read_stream: Any, write_stream: Any, refused: Callable[[str], None]) -> None:
        super().__init__(read_stream, write_stream)
        self._told = refused

    async def run(
        self,
        on_request: OnRequest,
        on_notify: OnNotify,
        on_notify_intercept: OnNotifyIntercept | None = None,
        *,
        task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
    ) -> None:
        async def watched(
            ctx: DispatchContext[TransportContext], method: str, params: Mapping[str, Any] | None
        ) -> dict[str, Any]:
            if method in ("sampling/createMessage", "elicitation/create"):
                self._told(method)
            return await on_request(ctx, method, params)

        await super().run(watched, on_notify, on_notify_intercept, task_status=task_status)


async def _greet(session: ClientSession) -> None:
    try:
        await session.initialize()
    except MCPError as error:
        # A server of the revisions without a handshake, 2026-07-28 and later.
        if error.code not in (types.METHOD_NOT_FOUND, types.UNSUPPORTED_PROTOCOL_VERSION):
            raise
        await session.discover()


async def _within(clock: Clock, seconds: float, work: asyncio.Future[Any]) -> bool:
    """Wait for `seconds`; whether the work is done then."""
    sleeper = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({work, sleeper}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeper.cancel()
    return work.done()


async def _answered(clock: Clock, seconds: float, work: asyncio.Future[Any]) -> None:
    if not await _within(clock, seconds, work):
        raise TimedOut


def _in_words(error: BaseException) -> Exception:
    """`ConnectionLost` or `CallRefused` for what the client raised."""
    if isinstance(error, BaseExceptionGroup):
        return _in_words(error.exceptions[0])
    if isinstance(error, (CallRefused, ConnectionLost)):
        return error
    said = redact(str(error).partition("\n")[0])[:300]
    if isinstance(error, MCPError):
        lost = error.code == types.CONNECTION_CLOSED or error.message == "Session terminated"
        if error.code == types.CONNECTION_CLOSED and error.message == "Connection closed":
            said = ""
        return ConnectionLost(said) if lost else CallRefused(said)
    if isinstance(error, ValueError):  # pydantic's, for what is not as the protocol has it
        return CallRefused("its answer is not one that the protocol knows")
    return ConnectionLost(f"{type(error).__name__}: {said}" if said else type(error).__name__)
