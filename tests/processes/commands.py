"""`beth` commands as processes of their own, whose output is read line by line."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from scripts.workspace import ROOT
from tests.chaos.watching import PATIENCE

Record = dict[str, Any]

_MARKED = re.compile(r"^\S+/\d+ +\| ")
"""How `beth up` marks the lines of its processes."""


class Command:
    """A command that runs. `records`: what it and its processes have logged so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.records: list[Record] = []
        self.lines: list[str] = []
        self._process = process
        self._more = asyncio.Condition()
        self._reading = asyncio.ensure_future(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def logged(self, matches: Callable[[Record], bool], times: int = 1) -> list[Record]:
        """Wait until as many records match, and return them. Raises TimeoutError, with the output as a note."""
        try:
            async with asyncio.timeout(PATIENCE), self._more:
                await self._more.wait_for(lambda: len([one for one in self.records if matches(one)]) >= times)
        except TimeoutError as error:
            error.add_note("\n".join(self.lines))
            raise
        return [one for one in self.records if matches(one)]

    async def ready(self, workers: int) -> None:
        """Wait until as many workers have said that they are."""
        await self.logged(lambda record: record["message"] == "ready", workers)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Have it end, read the rest of its output, and return its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            await self._reading
        return code

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = _MARKED.sub("", line.decode("utf-8", "replace").rstrip("\n"))
            async with self._more:
                self.lines.append(text)
                if text.startswith("{"):
                    self.records.append(json.loads(text))
                self._more.notify_all()


@asynccontextmanager
async def beth(
    arguments: Sequence[str], environment: Mapping[str, str], *, wrapped: bool = False
) -> AsyncIterator[Command]:
    """Run `beth ARGUMENTS` in this very environment; kill it where it has not ended by then. `wrapped`: by
    `tests.chaos.launch`, whose variables then count."""
    module = "tests.chaos.launch" if wrapped else "beth_sdk.cli"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
        cwd=ROOT,
    )
    command = Command(process)
    try:
        yield command
    finally:
        await command.end(signal.SIGKILL)
