"""The client behind one call: what it is told while it waits, and the folders that it has open."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from beth_sdk import logs

ROOTS_WAIT = 5.0
"""Seconds for a client to tell its roots; it is as if it had none then."""

ROOTS = "roots"

log = logs.get(__name__)


class RootsWanted(Exception):
    """The call must be answered with a question for the client's roots; it comes again with them (2026-07-28)."""


class Caller:
    """One call of a tool."""

    def __init__(self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> None:
        self._context = context
        self._params = params

    async def progress(self, done: float, total: float, message: str) -> None:
        """Tell a client that wants to know how far the call is."""
        await self._context.session.report_progress(done, total, message)

    async def roots(self) -> list[Path] | None:
        """The folders that the client has open; None for a client that does not tell. Raises `RootsWanted`."""
        able = self._context.session.client_capabilities
        if able is None or able.roots is None:
            return None
        try:
            return folders(await self._asked())
        except (MCPError, ValidationError) as error:
            log.warning("the client does not tell its roots", error=str(error))
            return None

    async def _asked(self) -> types.ListRootsResult:
        if self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            told = (self._params.input_responses or {}).get(ROOTS)
            if told is None:
                raise RootsWanted
            return types.ListRootsResult.model_validate(told, from_attributes=True)
        return await self._context.session.send_request(
            types.ListRootsRequest(), types.ListRootsResult, request_read_timeout_seconds=ROOTS_WAIT
        )


def folders(told: types.ListRootsResult) -> list[Path]:
    """Those of a client's roots that are folders of this machine."""
    found = []
    for root in told.roots:
        parts = urlsplit(str(root.uri))
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            found.append(Path(unquote(parts.path)))
    return found
