"""Runs processes side by side: starts them, starts crashed ones again, passes on their output, stops them together."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from beth_sdk.cli.restarts import Restarts
from beth_sdk.clock import Clock, wait_for_event

LONGEST_LINE = 64 * 1024
"""Bytes after which a line is passed on in pieces."""

LAST_OUTPUT = 1.0
"""Seconds to wait for the rest of a process's output once it has ended: a child of its own may keep the pipe open."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the processes of a role, counted from 1."""

    role: str
    index: int

    @property
    def name(self) -> str:
        """As its output is marked: `developer/1`."""
        return f"{self.role}/{self.index}"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something in the life of a process: `event` is started, exited or restarting; `data` says more."""

    event: str
    place: Place
    data: Mapping[str, Any]


class Supervisor:
    """`run` until every process has ended for good; `stop` and `kill` from the same loop."""

    def __init__(
        self,
        places: Sequence[Place],
        command: Callable[[Place, int], Sequence[str]],
        environment: Callable[[Place], Mapping[str, str]],
        *,
        clock: Clock,
        tell: Callable[[Happening], None],
        output: Callable[[Place, str], None],
    ) -> None:
        """`command` gets the descriptor by which a process notices the end of this one; `tell` and `output` must not
        raise."""
        self._places = places
        self._command = command
        self._environment = environment
        self._clock = clock
        self._tell = tell
        self._output = output
        self._running: dict[Place, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._killing = False

    @property
    def running(self) -> list[Place]:
        """Whose process runs now."""
        return list(self._running)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """SIGTERM to all, and none is started again."""
        self._stopping.set()
        self._signal_all(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all."""
        self._killing = True
        self._stopping.set()
        self._signal_all(signal.SIGKILL)

    async def run(self) -> dict[Place, int]:
        """Until every process has ended for good; returns their last exit codes."""
        lifeline, only_ours = os.pipe()
        try:
            codes = await asyncio.gather(*(self._keep(place, lifeline) for place in self._places))
            return dict(zip(self._places, codes, strict=True))
        finally:
            os.close(lifeline)
            os.close(only_ours)

    async def _keep(self, place: Place, lifeline: int) -> int:
        restarts = Restarts()
        while True:
            began = self._clock.monotonic()
            code = await self._live(place, lifeline)
            lived = self._clock.monotonic() - began
            self._tell(Happening("exited", place, {"exit_code": code, "seconds": round(lived, 3)}))
            delay = None if self.stopping else restarts.after(code, lived)
            if delay is None:
                return code
            self._tell(Happening("restarting", place, {"delay": delay}))
            if await wait_for_event(self._clock, self._stopping, delay):
                return code

    async def _live(self, place: Place, lifeline: int) -> int:
        """One life of a process; returns its exit code, negative for the signal that ended it."""
        async with _pipe() as (stream, into):
            process = await asyncio.create_subprocess_exec(
                *self._command(place, lifeline),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=into,
                stderr=into,
                env=dict(self._environment(place)),
                pass_fds=(lifeline,),
                # A session of its own: Ctrl-C in the terminal reaches this process alone, which passes it on.
                start_new_session=True,
            )
            into.close()
            self._running[place] = process
            self._tell(Happening("started", place, {"pid": process.pid}))
            if self.stopping:  # it was told while this process came up
                _signal(process, signal.SIGKILL if self._killing else signal.SIGTERM)
            passing_on = asyncio.ensure_future(self._pass_on(place, stream))
            try:
                code = await process.wait()
            finally:
                del self._running[place]
            await asyncio.wait({passing_on}, timeout=LAST_OUTPUT)
            passing_on.cancel()
            return code

    async def _pass_on(self, place: Place, stream: asyncio.StreamReader) -> None:
        lines = Lines()
        while chunk := await stream.read(LONGEST_LINE):
            for line in lines.feed(chunk):
                self._output(place, line)
        for line in lines.rest():
            self._output(place, line)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._running.values():
            _signal(process, number)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, BinaryIO]]:
    """A pipe for a child's output. asyncio's own is not to be closed while a grandchild keeps the other end."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    with open(reading, "rb", buffering=0) as source, open(writing, "wb", buffering=0) as into:  # noqa: ASYNC230, PTH123
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), source
        )
        try:
            yield stream, into
        finally:
            transport.close()


class Lines:
    """Cuts chunks of bytes into lines of text; one that is longer than `LONGEST_LINE` bytes comes in pieces."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in this chunk."""
        *whole, self._held = (self._held + chunk).split(b"\n")
        if len(self._held) >= LONGEST_LINE:
            whole.append(self._held)
            self._held = b""
        return [_text(line) for line in whole]

    def rest(self) -> list[str]:
        """What came after the last line's end, if anything."""
        held, self._held = self._held, b""
        return [_text(held)] if held else []


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r")


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:  # it has just ended
        pass
