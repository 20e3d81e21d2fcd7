"""All MCP servers of a task, as tools."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beth_kit.context import KitContext
from beth_kit.mcp.config import ServerConfig
from beth_kit.mcp.listing import ListedTool, RefusedServer, digests, entries, wanted, wrong_arguments
from beth_kit.mcp.pins import Pins
from beth_kit.mcp.server import Server, Unusable, load_client
from beth_kit.tools.base import Tool, ToolReply
from beth_sdk.errors import ConfigurationError, Retryable

if TYPE_CHECKING:
    from mcp_types import Tool as Offer


class Servers:
    """The servers of one delivery of a task.

    `await listed()` belongs in the step that composes the frame; it gives JSON, which the frame keeps. `tools_of` makes
    tools of that, in the same delivery and in later ones, and starts nothing: a server starts when it is called.
    `await close()` at the end of the delivery, however it ends.
    """

    def __init__(
        self,
        configs: Sequence[ServerConfig],
        ctx: KitContext,
        *,
        home: Path,
        environ: Mapping[str, str] | None = None,
        taken: Collection[str] = (),
    ) -> None:
        """`home`: Beth's, where the pins are. `environ`: where `${NAME}` comes from, this process's by default.
        `taken`: names of the agent's other tools."""
        self._ctx = ctx
        self._taken = set(taken)
        self._pins = Pins(home / "mcp-pins.json", ctx.clock)
        found = os.environ if environ is None else environ
        self._servers = {one.name: Server(one, ctx, found, home) for one in configs}

    async def listed(self) -> list[dict[str, Any]]:
        """Start every server and see what it offers: what the frame is to keep, as JSON.

        A server that cannot be used is listed with the reason, and a `denied` event says so; where it is required,
        this raises `ConfigurationError`, or `Retryable` where another time it may work.
        """
        if not self._servers:
            return []
        await load_client()
        servers = list(self._servers.values())
        # All at once: a server takes a second to start.
        asked = await asyncio.gather(*(self._offers(server) for server in servers), return_exceptions=True)
        taken = set(self._taken)
        found_all: list[dict[str, Any]] = []
        for server, found in zip(servers, asked, strict=True):
            if isinstance(found, BaseException) and not isinstance(found, (ConfigurationError, Unusable)):
                raise found
            if isinstance(found, BaseException):
                found_all.append(self._without(server.config, found))
            else:
                found_all += [one.model_dump(mode="json") for one in entries(server.config, found, taken)]
        return found_all

    async def tools(self) -> list[Tool]:
        """`tools_of` what is listed now."""
        return self.tools_of(await self.listed())

    def tools_of(self, frame: Iterable[Mapping[str, Any]]) -> list[Tool]:
        """The tools of what `listed` gave, now or in an earlier delivery."""
        return [self._tool(ListedTool.model_validate(entry)) for entry in frame if "refused" not in entry]

    async def close(self) -> None:
        """End all servers; nothing of them is left afterwards."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    async def _offers(self, server: Server) -> list[Offer]:
        """What a model gets of a server. Raises `ConfigurationError`, `Unusable`."""
        config = server.config
        offered = await server.offers()
        found = wanted(config, offered)
        refused = found if isinstance(found, str) else None
        if not isinstance(found, str):
            refused = await self._pins.accepted(config.identity, digests(found), digests(offered))
        if isinstance(found, str) or refused is not None:
            await server.close()
            raise ConfigurationError(f"{config.where}: {refused}")
        return found

    def _without(self, config: ServerConfig, error: Exception) -> dict[str, Any]:
        said = f"MCP server {config.name}: {error}"
        self._ctx.event("denied", said, server=config.name)
        if config.required:
            raise ConfigurationError(said) if isinstance(error, ConfigurationError) else Retryable(said)
        self._ctx.log(said)
        return RefusedServer(server=config.name, refused=str(error)).model_dump(mode="json")

    def _tool(self, tool: ListedTool) -> Tool:
        return Tool(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            run=partial(self._call, tool),
            check=partial(wrong_arguments, tool.parameters),
            repeat=tool.repeat,
            writes=tool.writes,
        )

    async def _call(self, tool: ListedTool, ctx: KitContext, arguments: Mapping[str, Any]) -> ToolReply:
        server = self._servers.get(tool.server)
        if server is None:
            said = f"the server {tool.server} is not configured any more"
            ctx.event("denied", f"{tool.name}: {said}", server=tool.server, tool=tool.tool)
            return ToolReply(f"{tool.name}: refused: {said}. Do without it.", error=True)
        try:
            await load_client()
        except ConfigurationError as error:
            return ToolReply(f"{tool.name}: {error}", error=True)
        return await server.call(tool, arguments)
