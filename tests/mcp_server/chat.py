"""A chat's side: a home with throw-away roles, `beth mcp` as a client starts it, and what its tools answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client

from beth_kit.sandbox import probe
from tests.mcp_server import players

PATIENCE = 60.0
"""Seconds that a call may take; the machine may be busy."""

LEASE = 2.0


@dataclass
class Desk:
    """A folder with a home and the roles; what starts in it sees `variables` too."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        players.install(self.folder / "site")
        self.plain = players.workflow(self.folder, "player", "act")
        self.making = players.workflow(self.folder, "maker", "make")
        (self.folder / "elsewhere").mkdir()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.folder / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BETH_HOME": str(self.folder / "home"),
            "BETH_LEASE": f"{LEASE}s",
            "BETH_MODELS": f"scripted/{players.transcript(self.folder)}",
            "BETH_SANDBOX": "on" if probe.probe().lacks is None else "off",
            "GATE": str(self.gate),
            **self.variables,
        }

    @property
    def gate(self) -> Path:
        """What a waiting player waits for."""
        return self.folder / "gate"

    def open_gate(self, text: str) -> None:
        """Have him read this and go on."""
        (self.folder / "gate.part").write_text(text)
        (self.folder / "gate.part").replace(self.gate)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "beth_sdk.cli", "mcp", *arguments]

    def beth(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the CLI in the same home."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "beth_sdk.cli", *arguments],
            cwd=self.folder / "elsewhere",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def process(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The server with pipes of this process's own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder / "elsewhere",
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @asynccontextmanager
    async def chat(
        self,
        *arguments: str,
        roots: list[Path] | None = None,
        modern: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Chat]:
        """A client, connected. `roots`: what it has open. `modern`: it speaks the revision without a handshake."""
        pid = self.folder / f"pid-{len(list(self.folder.glob('pid-*')))}"
        parameters = StdioServerParameters(
            command="/bin/sh",
            args=["-c", 'echo $$ > "$0"; exec "$@"', str(pid), *self.command(*arguments)],
            env={**self.environment, **(variables or {})},
            cwd=str(self.folder / "elsewhere"),
        )

        async def told_roots(context: object) -> types.ListRootsResult:
            return types.ListRootsResult(roots=[types.Root(uri=one.as_uri()) for one in roots or ()])

        with (self.folder / "stderr").open("a") as errors, _ungrouped():
            async with (
                stdio_client(parameters, errlog=errors) as (incoming, outgoing),
                ClientSession(
                    incoming, outgoing, list_roots_callback=told_roots if roots is not None else None
                ) as session,
            ):
                if modern:
                    await session.discover()
                else:
                    await session.initialize()
                yield Chat(session, pid, told_roots)

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()


@contextmanager
def _ungrouped() -> Iterator[None]:
    """What a test raises, without the groups that the client's scopes put around it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


class Chat:
    """What a client's model does."""

    def __init__(self, session: ClientSession, pid: Path, roots: Callable[[object], Any]) -> None:
        self.session = session
        self._pid = pid
        self._roots = roots

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(int(self._pid.read_text()), number)

    async def result(self, tool: str, progress: Any = None, **arguments: Any) -> types.CallToolResult:
        """Call a tool, telling the roots where the server asks for them first."""
        told = await self.session.call_tool(
            tool,
            arguments,
            read_timeout_seconds=PATIENCE,
            progress_callback=progress,
            allow_input_required=True,
        )
        if isinstance(told, types.InputRequiredResult):
            asked = told.input_requests or {}
            told = await self.session.call_tool(
                tool,
                arguments,
                read_timeout_seconds=PATIENCE,
                input_responses={name: await self._roots(None) for name in asked},
                request_state=told.request_state,
            )
        assert isinstance(told, types.CallToolResult)
        return told

    async def call(self, tool: str, progress: Any = None, **arguments: Any) -> Any:
        """What a tool returns."""
        told = await self.result(tool, progress, **arguments)
        assert not told.is_error, told.content
        return told.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """The line that a tool refuses with."""
        told = await self.result(tool, **arguments)
        assert told.is_error, told.structured_content
        (block,) = told.content
        assert isinstance(block, types.TextContent)
        assert "\n" not in block.text
        return block.text

    async def submit(self, description: str, workflow: str, **further: Any) -> str:
        """Submit a request that starts from nothing; returns its id."""
        told = await self.call(
            "submit_request", description=description, workflow=workflow, **{"repo": "none", **further}
        )
        return str(told["request_id"])

    async def until(self, request_id: str, so: Callable[[Any], bool]) -> Any:
        """Watch, as a model would, until the request is so."""
        version = None
        for _ in range(20):
            told = await self.call("watch_request", request_id=request_id, seconds=10, after_version=version)
            if so(told):
                return told
            version = told["version"]
        raise AssertionError(told)

    async def ended(self, request_id: str) -> Any:
        return await self.until(request_id, lambda told: told["status"] in ("complete", "failed", "cancelled"))

    async def asks(self, request_id: str) -> Any:
        """Its one question, once there is one."""
        told = await self.until(request_id, lambda told: bool(told.get("questions")))
        (question,) = told["questions"]
        return question


__all__ = ["Chat", "Desk", "MCPError"]
