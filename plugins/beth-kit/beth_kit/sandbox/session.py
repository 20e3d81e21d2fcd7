"""A program in the sandbox that somebody talks with while it runs, on pipes, for as long as they like."""

from __future__ import annotations

import asyncio
import marshal
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_kit.sandbox import holding
from beth_kit.sandbox.buffer import HeadAndTail
from beth_kit.sandbox.denial import MOST, Denial, from_output
from beth_kit.sandbox.policy import Policy, environment
from beth_kit.sandbox.report import parse
from beth_kit.sandbox.run import CHUNK, LAUNCHER, python, spec
from beth_kit.sandbox.watch import Process

LOOKS = 1000
"""How often `pause` looks whether everything stands still, a millisecond apart."""

KEPT = 64 * 1024
"""Bytes of stderr that are kept, of its beginning and its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended. `code`: the exit code or the negative number of a signal; None where it was ended from
    outside, by `Session.close` or for going over the limit that `over_limit` names. `failed`: why the program, or the
    sandbox around it, could not be started; then nothing ran. `left`: processes that could not be killed."""

    code: int | None = None
    over_limit: str | None = None
    stderr: bytes = b""
    denials: tuple[Denial, ...] = ()
    failed: str | None = None
    left: int = 0


class Session:
    """A program that runs until it ends or is closed. Made by `Session.start`; everything on one event loop."""

    def __init__(self, policy: Policy, pipes: _Pipes, *, enforced: bool) -> None:
        self._policy = policy if enforced else None
        self._launcher = pipes.launcher
        self._pipes = pipes
        self._stderr = HeadAndTail(KEPT)
        self._closing: asyncio.Task[Ended] | None = None

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        policy: Policy,
        *,
        extra: Mapping[str, str] | None = None,
        sandbox: bool = True,
    ) -> Session:
        """Start a program as `run.run` does, with all of `policy` but `limits.wall` and `limits.output_bytes`: time and
        output are the caller's to limit, who reads them.

        Call `owner.prepare` once before. Raises OSError where no process could be made; a program that cannot be
        started shows as the end of its output, and `close` says why.
        """
        told = spec(argv, policy, environment(policy, extra or {}), sandbox=sandbox)
        session = cls(policy, _start(told), enforced=sandbox)
        try:
            await session._connect()
        except BaseException:
            session._pipes.close()
            session._launcher.wait()
            raise
        return session

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        pipes = self._pipes
        self._control, self._kill = await asyncio.open_unix_connection(sock=pipes.control)
        self._output = asyncio.StreamReader(limit=CHUNK)
        self._reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._output), pipes.output
        )
        self._errors, _ = await loop.connect_read_pipe(lambda: _Kept(self._stderr), pipes.errors)
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipes.input)
        self._input = asyncio.StreamWriter(transport, protocol, None, loop)

    async def read(self) -> bytes:
        """What the program printed to stdout since, as soon as there is something; nothing at the end."""
        return await self._output.read(CHUNK)

    async def write(self, data: bytes) -> None:
        """Hand bytes to the program's stdin; waits while it does not read. Raises OSError where it is gone."""
        if not self._input.is_closing():
            self._input.write(data)
            await self._input.drain()
        if self._input.is_closing():
            raise BrokenPipeError("the program's stdin is closed")

    async def pause(self) -> bool:
        """Make the program and everything below it stand still until `resume`; returns whether all do. What forks
        meanwhile is stopped in the next look, and what is stopped cannot fork."""
        still = 0
        for _ in range(LOOKS):
            moving = [one for one in self._below() if one.state not in "TtZX"]
            for one in moving:
                _send(one.pid, signal.SIGSTOP)
            # Twice: a child whose parent ended during a look is in the next one.
            still = 0 if moving else still + 1
            if still == 2:
                return True
            if moving:
                await asyncio.sleep(0.001)
        return False

    def resume(self) -> None:
        """Let everything go on that stands still."""
        for one in self._below():
            _send(one.pid, signal.SIGCONT)

    def _below(self) -> list[Process]:
        """All processes of the program: orphans come to the launcher, so they are all below it."""
        below: dict[int, list[Process]] = {}
        for folder in os.listdir("/proc"):  # noqa: PTH208 - as fast as can be
            process = _process(folder) if folder.isdigit() else None
            if process is not None:
                below.setdefault(process.parent, []).append(process)
        found = list(below.get(self._launcher.pid, ()))
        for process in found:
            found.extend(below.get(process.pid, ()))
        return found

    async def close(self) -> Ended:
        """End the program and everything below it, if it has not ended, and say how it did. Nothing of it is left
        afterwards, also where the caller is cancelled. May be called again."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        return await asyncio.shield(self._closing)

    async def _close(self) -> Ended:
        if not self._control.at_eof() and self._kill.can_write_eof():
            try:
                self._kill.write_eof()
            except OSError:  # gone meanwhile
                pass
        try:
            report = await self._control.read()
        except ConnectionResetError:  # how a socket may say that the other side died
            report = b""
        for transport in (self._reading, self._errors):
            transport.close()
        if not self._input.is_closing():  # else asyncio does it, and breaks on being told twice
            self._input.transport.abort()
        self._kill.close()
        self._launcher.wait()
        await asyncio.sleep(0)  # transports close their descriptors in the loop's next round
        return self._ended(report)

    def _ended(self, report: bytes) -> Ended:
        told, stderr = parse(report), self._stderr.value()
        if told.failed is not None:
            return Ended(stderr=stderr, failed=told.failed[1])
        said = from_output(stderr, self._policy) if self._policy is not None else []
        return Ended(
            code=told.code,
            over_limit=told.over_limit,
            stderr=stderr,
            denials=(*told.denials, *said)[:MOST],
            left=told.left,
        )


def _process(pid: str) -> Process | None:
    try:
        return Process(int(pid), Path("/proc", pid, "stat").read_text("utf-8", "replace"))
    except OSError:  # it is gone
        return None


def _send(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        pass


class _Kept(asyncio.Protocol):
    """Puts what comes from a pipe into a buffer."""

    def __init__(self, kept: HeadAndTail) -> None:
        self._kept = kept

    def data_received(self, data: bytes) -> None:
        self._kept.write(data)


@dataclass(frozen=True, slots=True)
class _Pipes:
    """A launcher, our end of its control socket, and of the program's stdin, stdout and stderr."""

    launcher: subprocess.Popen[bytes]
    control: socket.socket
    input: Any
    output: Any
    errors: Any

    def close(self) -> None:
        for one in (self.control, self.input, self.output, self.errors):
            one.close()


def _start(told: Mapping[str, Any]) -> _Pipes:
    """Start the launcher. Raises OSError."""
    with ExitStack() as ours, ExitStack() as theirs:
        control, control_end = socket.socketpair()
        ours.callback(control.close)
        theirs.callback(control_end.close)
        held = holding.inherited(told, theirs)
        given = theirs.enter_context(tempfile.TemporaryFile())
        given.write(marshal.dumps({**told, "held": held}, 2))  # a format that every Python 3 reads
        given.seek(0)
        launcher = subprocess.Popen(
            [python(), "-I", "-S", str(LAUNCHER), str(control_end.fileno()), str(given.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[control_end.fileno(), given.fileno(), *held],
            cwd="/",
            env={},
            start_new_session=True,
        )
        ours.pop_all()
    control.settimeout(0)  # asyncio does the waiting
    return _Pipes(launcher, control, launcher.stdin, launcher.stdout, launcher.stderr)
