"""One run of a program in a process group of its own: bounded output, a time limit, and nothing left behind.

Everything is read by callbacks of the running event loop, so the program never waits for a reader that waits for
something else. A guard process (see `guard`) stands between, so that a worker killed with -9 takes the group along.
What holds: every process that stays in the program's process group is gone when `run` returns or raises, or when the
worker dies. A process that leaves the group on purpose (`setsid`) is not reached, and cannot hold `run` up either.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beth_sdk.clock import Clock, wait_for_event

GUARD = Path(__file__).with_name("guard.py")

CHUNK = 64 * 1024
"""Bytes read at once: the capacity of a pipe on Linux (pipe(7)), and little enough to keep the loop responsive."""

LAST_WORDS = 1024 * 1024
"""Bytes still read from a stream when the program has ended: the most a pipe can hold (pipe(7), pipe-max-size)."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `argv` never passes a shell; `environment` is all of it; `stdin` is given as a file, so that a
    program that does not read it disturbs nobody. `timeout` and `grace` (between SIGTERM and SIGKILL) in seconds,
    `stdout_limit` in bytes."""

    argv: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    stdin: bytes
    stdout_limit: int
    timeout: float | None
    grace: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. `code` is the exit code, or the negative number of the signal that ended the program; None when
    even that is unknown, because something killed the guard. `why` it ended: by itself, because its time was up, or
    because it wrote more than it may."""

    code: int | None
    stdout: bytes
    why: Literal["exited", "timeout", "overflow"] = "exited"


async def run(program: Program, *, stderr: Callable[[bytes], None], clock: Clock) -> Ending:
    """Run a program to its end and return how it ended. `stderr` is called with what it writes there, as it comes, and
    with an empty chunk at the end of it.

    When the time is up, or when this is cancelled, the group gets SIGTERM and, `grace` seconds later, SIGKILL; when it
    is cancelled a second time, SIGKILL at once. A program that writes more than `stdout_limit` is killed at once.
    Raises OSError where the program cannot be started; it has then done nothing.
    """
    running = _Run(program, stderr, clock)
    try:
        return await running.to_the_end()
    finally:
        running.close()


class _Reader:
    """The reading end of a pipe on the running loop: `sink` gets each chunk, and an empty one once, at its end."""

    def __init__(self, descriptor: int, sink: Callable[[bytes], None]) -> None:
        self._descriptor: int | None = descriptor
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self.read_once)

    def read_once(self) -> int:
        """Read a chunk if there is one now; returns its size, 0 when there is none."""
        if self._descriptor is None:
            return 0
        try:
            chunk = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return 0
        except ConnectionResetError:  # how a socket may say that the other side died
            chunk = b""
        if not chunk:
            self.close()
        self._sink(chunk)
        return len(chunk)

    def drain(self) -> None:
        """Read what the program left in the pipe, without waiting for anybody who still holds its other end."""
        left = LAST_WORDS
        while left > 0 and (read := self.read_once()):
            left -= read

    def close(self) -> None:
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


class _Run:
    """A program that runs. Everything here happens on one event loop."""

    def __init__(self, program: Program, stderr: Callable[[bytes], None], clock: Clock) -> None:
        self._program = program
        self._clock = clock
        self._stdout = bytearray()
        self._overflown = False
        self._stopping = False
        self._report = b""
        self._gone = asyncio.Event()  # the guard is dead, and with it the group
        self._over = asyncio.Event()  # that, or there is nothing more to wait for
        self._guard, control, out, err = _start(program)
        self._control = _Reader(control, self._on_control)
        self._out = _Reader(out, self._on_stdout)
        self._err = _Reader(err, stderr)

    async def to_the_end(self) -> Ending:
        why: Literal["exited", "timeout", "overflow"] = "exited"
        try:
            if not await self._wait_until_over():
                why = "timeout"
                await self._terminate()
            elif not self._gone.is_set():
                await self._kill()
        except asyncio.CancelledError:
            if not self._stopping:
                await self._terminate()
            raise
        self._out.drain()
        self._err.drain()
        return Ending(self._code(), bytes(self._stdout), "overflow" if self._overflown else why)

    async def _wait_until_over(self) -> bool:
        if self._program.timeout is None:
            return await self._over.wait()
        return await wait_for_event(self._clock, self._over, self._program.timeout)

    async def _terminate(self) -> None:
        self._stopping = True
        if self._gone.is_set():
            return
        self._signal(signal.SIGTERM)
        if not await wait_for_event(self._clock, self._gone, self._program.grace):
            await self._kill()

    async def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        await self._gone.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The guard leads the group and is not reaped before `close`, so that this number can mean no other group.
        try:
            os.killpg(self._guard.pid, number)
        except (ProcessLookupError, PermissionError):  # all gone; macOS says EPERM where only zombies are left
            pass

    def _code(self) -> int | None:
        kind, _, number = self._report.decode("ascii").partition(" ")
        if kind == "error":
            raise OSError(int(number), os.strerror(int(number)), self._program.argv[0])
        if kind == "exit":
            return int(number)
        return -int(number) if kind == "signal" else None

    def _on_control(self, chunk: bytes) -> None:
        self._report += chunk
        if not chunk:
            self._gone.set()
            self._over.set()

    def _on_stdout(self, chunk: bytes) -> None:
        self._stdout += chunk
        if len(self._stdout) > self._program.stdout_limit:
            self._overflown = True
            self._out.close()
            self._over.set()

    def close(self) -> None:
        """Whatever happened, nobody of the group is left after this."""
        self._signal(signal.SIGKILL)
        self._guard.wait()
        for reader in (self._control, self._out, self._err):
            reader.close()


def _start(program: Program) -> tuple[subprocess.Popen[bytes], int, int, int]:
    """The guard, and our ends of its control socket, the program's stdout and stderr. Raises OSError."""
    with ExitStack() as ours, ExitStack() as theirs:
        control, control_end = (end.detach() for end in socket.socketpair())
        ours.callback(os.close, control)
        theirs.callback(os.close, control_end)
        out, out_end = os.pipe()
        ours.callback(os.close, out)
        theirs.callback(os.close, out_end)
        err, err_end = os.pipe()
        ours.callback(os.close, err)
        theirs.callback(os.close, err_end)
        stdin = theirs.enter_context(tempfile.TemporaryFile())
        stdin.write(program.stdin)
        stdin.seek(0)
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(control_end), *program.argv],
            stdin=stdin,
            stdout=out_end,
            stderr=err_end,
            pass_fds=[control_end],
            cwd=program.directory,
            env=dict(program.environment),
            start_new_session=True,
        )
        ours.pop_all()
    return guard, control, out, err
