"""MCP over streamable HTTP, with limits on what comes. The agent's process connects, not the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from beth_kit.mcp.stdio import LONGEST_LINE, MOST_BETWEEN

CONNECT = 10.0
"""Seconds for a connection to be made, and for a server to take what it is sent."""


@asynccontextmanager
async def streams(url: str, headers: Mapping[str, str]) -> AsyncIterator[tuple[Any, Any]]:
    """The streams that the MCP client reads from and writes to. A redirect to another host is not followed."""
    timeout = httpx2.Timeout(CONNECT, read=None)  # how long a call may take is the caller's to say
    # By a hook rather than a transport, with which the proxies of the environment would not count.
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=timeout, event_hooks={"response": [_bound]}) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=LONGEST_LINE) as pair,
    ):
        yield pair


async def _bound(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """Breaks off a response that is too long."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for chunk in self._inner:
            came += len(chunk)
            if came > MOST_BETWEEN:
                raise httpx2.ReadError(f"the response has more than {MOST_BETWEEN // 1024**2} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
