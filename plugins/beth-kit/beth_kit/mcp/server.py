"""One server of one task: started when it is first needed, and again when it died."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beth_kit.context import KitContext
from beth_kit.mcp.config import ServerConfig, expanded
from beth_kit.mcp.listing import ListedTool, digests
from beth_kit.sandbox import owner
from beth_kit.sandbox.policy import Policy, system_roots
from beth_kit.tools.base import ToolReply
from beth_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from mcp_types import Tool as Offer

    from beth_kit.mcp.connection import Connection
    from beth_kit.mcp.stdio import Wire
    from beth_kit.sandbox.session import Ended, Session

RESTARTS = 3
"""How often a server is started anew in a task after it died or did not answer."""

LAST_WORDS = 300
"""Characters of what a program said last on stderr that are told when it died."""


class Unusable(Exception):
    """The server cannot be used now; the message says why, for the model and for the log."""


class Server:
    """Calls happen one after another. `home`: Beth's, which no server may read."""

    def __init__(self, config: ServerConfig, ctx: KitContext, environ: Mapping[str, str], home: Path) -> None:
        self.config = config
        self._ctx = ctx
        self._environ = environ
        self._home = home
        self._starts = 0
        self._closed = False
        self._busy = asyncio.Lock()
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._wire: Wire | None = None
        self._offered: Mapping[str, str] = {}

    async def offers(self) -> list[Offer]:
        """All that the server offers now. Raises `ConfigurationError`, or `Unusable` where another time it may work."""
        async with self._busy:
            try:
                self._resume()
                return await self._connect()
            finally:
                await self._pause()

    async def call(self, tool: ListedTool, arguments: Mapping[str, Any]) -> ToolReply:
        """Call a tool, if it is still what it was. Every failure is a reply."""
        async with self._busy:
            try:
                self._resume()
                if self._connection is None or self._connection.changed:
                    await self._connect()
                reason = self._otherwise(tool)
                if reason is None:
                    return await self._called(tool, arguments)
            except (ConfigurationError, Unusable) as error:
                return ToolReply(f"{tool.name}: {error}", error=True)
            finally:
                await self._pause()
        self._ctx.event("denied", f"{tool.name}: {reason}", server=self.config.name, tool=tool.tool)
        return ToolReply(f"{tool.name}: refused: {reason}. Do without it.", error=True)

    async def close(self) -> None:
        """End the server and everything it started; afterwards nothing of it is left."""
        self._closed = True
        await self._end()  # also what a call under way waits for
        async with self._busy:
            await self._end()

    def _resume(self) -> None:
        if self._session is not None:
            self._session.resume()

    async def _pause(self) -> None:
        """Nothing of a program moves between two calls: not while the work tree is snapshotted, nor while git reads it
        outside the sandbox."""
        if self._session is not None and not await self._session.pause():
            self._refused("it did not stand still after a call, and was ended")
            await self._end()

    def _otherwise(self, tool: ListedTool) -> str | None:
        now = self._offered.get(tool.tool)
        if now is None:
            return f"the server {self.config.name} has no tool {tool.tool} any more"
        if now != tool.digest:
            return f"the tool's description has changed since the task began (server {self.config.name})"
        return None

    async def _called(self, tool: ListedTool, arguments: Mapping[str, Any]) -> ToolReply:
        from beth_kit.mcp.connection import CallRefused, ConnectionLost, TimedOut
        from beth_kit.mcp.replies import reply

        assert self._connection is not None
        if self._wire is not None:
            self._wire.begin()
        try:
            return reply(await self._connection.call(tool.tool, arguments))
        except CallRefused as refused:
            return ToolReply(f"{tool.name}: the server refused the call: {refused}", error=True)
        except asyncio.CancelledError:
            await self._end()
            raise
        except TimedOut:
            await self._end()
            said = f"no answer within {self.config.entry.timeout:g} seconds; the server was ended"
        except ConnectionLost as lost:
            said = await self._died(str(lost))
        return ToolReply(f"{tool.name}: {said}. The call may have had effects. {self._left()}", error=True)

    def _left(self) -> str:
        left = RESTARTS + 1 - self._starts
        if left <= 0:
            return "It is not started again in this task: do without its tools."
        return f"The next call starts it anew ({left} more {'time' if left == 1 else 'times'} in this task)."

    async def _connect(self) -> list[Offer]:
        """Make sure of a connection, and see what the server offers. Raises `ConfigurationError`, `Unusable`."""
        from beth_kit.mcp.connection import CallRefused, ConnectionLost, TimedOut

        name = self.config.name
        try:
            if self._connection is None:
                await self._start()
            assert self._connection is not None
            found = await self._connection.tools()
        except CallRefused as refused:
            await self._end()
            raise Unusable(f"the server {name} does not tell its tools: {refused}") from None
        except TimedOut:
            await self._end()
            raise Unusable(
                f"the server {name} was not ready within {self.config.entry.timeout:g} seconds. {self._left()}"
            ) from None
        except ConnectionLost as lost:
            raise Unusable(f"{await self._died(str(lost))}. {self._left()}") from None
        except OSError as error:
            raise Unusable(f"the server {name} cannot be started ({error.strerror}). {self._left()}") from None
        except BaseException:
            await self._end()
            raise
        self._offered = digests(found)
        return found

    async def _start(self) -> None:
        from beth_kit.mcp.connection import Connection

        if self._closed:
            raise Unusable(f"the server {self.config.name} is closed")
        if self._starts > RESTARTS:
            raise Unusable(f"the server {self.config.name} ended {self._starts} times. {self._left()}")
        transport, roots = await self._transport()
        self._starts += 1
        self._connection = await Connection.open(
            transport,
            clock=self._ctx.clock,
            patience=self.config.entry.timeout,
            roots=roots,
            refused=self._refused,
        )

    async def _transport(self) -> tuple[AbstractAsyncContextManager[tuple[Any, Any]], Path | None]:
        """What to talk through, and the folder that the server may know of."""
        entry = self.config.entry
        if entry.url is not None:
            from beth_kit.mcp import http

            return http.streams(entry.url, self._expanded(entry.headers, "headers")), None
        from beth_kit.mcp.stdio import Wire
        from beth_kit.sandbox.session import Session

        locks = self._ctx.locks
        told = await self._ctx.policy(network=self.config.network)
        argv = [self._program(told), *self.config.argv[1:]]
        tree = told.directory
        if locks.enforced:
            owner.prepare(told)
        if entry.workspace == "read":
            writable = tuple(folder for folder in told.writable if folder != tree)
            told = replace(told, writable=writable, readable=(*told.readable, tree))
        self._session = await Session.start(
            [one.replace("${WORKSPACE}", str(tree)) for one in argv],
            replace(told, readable=(*told.readable, *self._readable())),
            extra={**self._ctx.packages.variables, **self._expanded(entry.env, "env")},
            sandbox=locks.enforced,
        )
        self._wire = Wire(self._session)
        return self._wire.streams(), tree

    def _expanded(self, values: Mapping[str, str], key: str) -> dict[str, str]:
        found = {}
        for name, text in values.items():
            where = f"{self.config.where}.{key}.{name}"
            found[name] = expanded(text, self._environ, where)
            if any(one in found[name] for one in ("\0", "\r", "\n")):
                raise ConfigurationError(f"{where}: its value has more than one line")
        return found

    def _readable(self) -> tuple[Path, ...]:
        found = []
        for text in self.config.entry.readable:
            path = (self.config.folder / Path(text).expanduser()).resolve()
            for kept in (self._home.resolve(), Path.home().resolve()):
                if kept.is_relative_to(path):
                    raise ConfigurationError(
                        f"{self.config.where}.readable: {text} holds {kept}, which no tool may read: name the folder "
                        "that the program is in"
                    )
            if path.is_relative_to(self._home.resolve()):
                raise ConfigurationError(f"{self.config.where}.readable: {text} is in Beth's own folder {self._home}")
            found.append(path)
        return tuple(found)

    def _program(self, told: Policy) -> str:
        """Where the program is. Raises `ConfigurationError` where there is none or the sandbox hides it."""
        first = self.config.argv[0]
        where = f"{self.config.where}.command"
        if "/" in first:
            path = Path(os.path.normpath(self.config.folder / Path(first).expanduser()))
            if not path.exists():
                raise ConfigurationError(f"{where}: there is no program {path}")
        else:
            folders = [*told.path, str(Path(sys.executable).parent), self._environ.get("PATH", os.defpath)]
            found = shutil.which(first, path=os.pathsep.join(folders))
            if found is None:
                raise ConfigurationError(f"{where}: there is no program {first} in PATH: install it, or give its path")
            path = Path(found).absolute()
        granted = [*system_roots(), *told.readable, *told.writable, *self._readable()]
        if self._ctx.locks.enforced and not any(path.resolve().is_relative_to(one.resolve()) for one in granted):
            raise ConfigurationError(
                f"{self.config.where}.readable: {path.resolve()} lies where the sandbox lets nobody read: add the "
                'folder that the server is installed in, as readable = ["…"]'
            )
        return str(path)

    def _refused(self, what: str) -> None:
        self._ctx.event("denied", f"server {self.config.name}: {what}", server=self.config.name)

    async def _died(self, lost: str) -> str:
        """Clear up after the server, and say what is known of its end."""
        flaw = self._wire.flaw if self._wire is not None else None
        ended = await self._end()
        name = self.config.name
        if flaw is not None:
            return f"the server {name} was ended: {flaw}"
        if ended is None:
            return f"the connection to the server {name} is lost" + (f" ({lost})" if lost else "")
        if ended.failed is not None:
            return (
                f"the server {name} cannot be started in the sandbox ({ended.failed}); what it needs to run must be in "
                "its readable = […]"
            )
        if ended.over_limit is not None:
            return f"the server {name} was ended: over its limit of {ended.over_limit}"
        how = "it stopped talking" if ended.code is None else f"exit code {ended.code}"
        said = ended.stderr.decode("utf-8", "replace").strip()[-LAST_WORDS:]
        return f"the server {name} died ({how})" + (f"; it said last: {said}" if said else "")

    async def _end(self) -> Ended | None:
        connection, session = self._connection, self._session
        self._connection = self._session = self._wire = None
        ended = None
        try:
            if session is not None:
                ended = await session.close()
                for denial in ended.denials:
                    self._ctx.event("denied", str(denial), server=self.config.name, program=self.config.argv[0])
        finally:
            if connection is not None:
                await connection.close(at_once=session is not None)
        return ended


async def load_client() -> None:
    """Import the MCP client, which takes a second, beside the loop. Raises `ConfigurationError` where it is missing."""
    try:
        await asyncio.to_thread(importlib.import_module, "beth_kit.mcp.connection")
    except ImportError as error:
        raise ConfigurationError(
            f"MCP servers are configured, and the package mcp is not installed ({error}): install beth-kit[mcp]"
        ) from None
