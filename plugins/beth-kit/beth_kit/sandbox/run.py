"""One run of a program in the sandbox: bounded output, limits, and nothing left behind."""

from __future__ import annotations

import asyncio
import marshal
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from beth_kit.sandbox import cgroups, holding, landlock, seccomp
from beth_kit.sandbox.buffer import HeadAndTail
from beth_kit.sandbox.denial import MOST, Denial, from_output
from beth_kit.sandbox.policy import DEVICES, Policy, environment, system_roots
from beth_kit.sandbox.report import parse
from beth_kit.sandbox.syscalls import number
from beth_sdk.clock import Clock, wait_for_event

LAUNCHER = Path(__file__).with_name("launch.py")

CHUNK = 64 * 1024
"""Bytes read at once: the capacity of a pipe on Linux (pipe(7))."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `code` is the exit code, or the negative number of the signal that ended the program; None where
    it was killed from outside: `timed_out`, or over the limit named by `over_limit` (`processes`, `cpu`, `memory`,
    `disk`). `denials`: what was refused, 20 different ones at the most; `refused`: how often in all. `left`: processes
    that could not be killed."""

    code: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    over_limit: str | None = None
    denials: tuple[Denial, ...] = ()
    left: int = 0
    refused: int = 0


async def run(
    argv: Sequence[str],
    policy: Policy,
    *,
    clock: Clock,
    stdin: bytes = b"",
    extra: Mapping[str, str] | None = None,
    sandbox: bool = True,
) -> Outcome:
    """Run a program to its end, with the variables of `environment(policy, extra)`, and end everything it started.

    `argv` never passes a shell. `sandbox=False` (see `probe.require`) enforces nothing but `policy.limits.wall`, and
    ends only the program's process group. Call `owner.prepare` once before. Raises OSError where the program, or
    the sandbox around it, cannot be started: then nothing ran. A cancelled run is killed.
    """
    running = _Run(spec(argv, policy, environment(policy, extra or {}), sandbox=sandbox), stdin, policy)
    try:
        timed_out = not await wait_for_event(clock, running.gone, policy.limits.wall)
        if timed_out:
            await running.kill()
        return running.outcome(timed_out=timed_out)
    finally:
        await asyncio.shield(running.close())


def spec(argv: Sequence[str], policy: Policy, variables: Mapping[str, str], *, sandbox: bool = True) -> dict[str, Any]:
    """What the launcher is told to do: numbers, strings, lists and dicts."""
    told: dict[str, Any] = {
        "argv": list(argv),
        "env": dict(variables),
        "directory": str(policy.directory),
        "enforce": sandbox,
        "held": None if policy.held is None else str(policy.held),
    }
    if not sandbox:
        return told
    handled = landlock.handled(landlock.abi(), tcp=policy.tcp_restricted)
    return told | {
        "uid": policy.uid,
        "limits": asdict(policy.limits),
        "writable": [str(folder) for folder in policy.writable],
        "shared_memory": policy.shared_memory,
        "handled": [handled.fs, handled.net, handled.scoped],
        "rules": [[str(path), rights] for path, rights in _rules(policy)],
        "ports": _ports(policy) if handled.net else [],
        "groups": [place.told(policy.limits) for place in cgroups.places()],
        "udp": policy.udp,
        **_filters(policy, watch_network=bool(handled.net)),
    }


def _filters(policy: Policy, *, watch_network: bool) -> dict[str, Any]:
    machine = platform.machine()
    watch = (*(seccomp.NETWORK if watch_network else ()), *seccomp.SIGNALS, *seccomp.FILES)
    return {
        "filter": seccomp.program(machine, udp=policy.udp, listen=policy.listens),
        "asking": seccomp.program(machine, udp=policy.udp, listen=policy.listens, ask=True, watch=watch),
        "answers": seccomp.answers(machine, watch),
        "seccomp": number("seccomp", machine),
    }


def _rules(policy: Policy) -> list[tuple[Path, int]]:
    read = [(path, landlock.READ) for path in (*system_roots(policy.uid), *policy.readable)]
    write = [(path, landlock.WRITE) for path in policy.writable]
    devices = [(Path(path), landlock.DEVICE) for path in DEVICES]
    shared = [(Path("/dev/shm"), landlock.SHARED_MEMORY)] if policy.shared_memory else []  # noqa: S108 - made by libc
    return read + write + devices + shared


def _ports(policy: Policy) -> list[list[int]]:
    connects = [[port, landlock.CONNECT_TCP] for port in policy.connects]
    return connects + [[port, landlock.BIND_TCP] for port in policy.bind_ports]


class _Run:
    """A program that runs. Everything here happens on one event loop."""

    def __init__(self, told: Mapping[str, Any], stdin: bytes, policy: Policy) -> None:
        self.gone = asyncio.Event()
        self._argv = told["argv"]
        self._policy = policy if told["enforce"] else None
        self._stdout = HeadAndTail(policy.limits.output_bytes)
        self._stderr = HeadAndTail(policy.limits.output_bytes)
        self._report = b""
        self._loop = asyncio.get_running_loop()
        self._launcher, control, out, err = _start(told, stdin)
        self._control = control
        self._reading: dict[int, HeadAndTail | None] = {control.fileno(): None, out: self._stdout, err: self._stderr}
        for descriptor in self._reading:
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._read, descriptor)

    def _read(self, descriptor: int) -> bool:
        """Read a chunk if there is one now; returns whether there was one."""
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        except ConnectionResetError:  # how a socket may say that the other side died
            chunk = b""
        kept = self._reading[descriptor]
        if kept is not None:
            kept.write(chunk)
        self._report += chunk if kept is None else b""
        if not chunk:
            self._loop.remove_reader(descriptor)
            if kept is None:
                self.gone.set()
            else:
                os.close(descriptor)
                del self._reading[descriptor]
        return bool(chunk)

    async def kill(self) -> None:
        """End the program and everything below it; the launcher does, and ends when nothing is left."""
        if not self.gone.is_set():
            self._control.shutdown(socket.SHUT_WR)
            await self.gone.wait()

    def outcome(self, *, timed_out: bool) -> Outcome:
        for descriptor, kept in list(self._reading.items()):
            # What is in a pipe is its last: nobody who could write is left, or nobody waits for those who are.
            left = 1024 * 1024
            while kept is not None and descriptor in self._reading and left > 0 and self._read(descriptor):
                left -= CHUNK
        told = parse(self._report)
        if told.failed is not None:
            code, reason = told.failed
            raise OSError(code, f"cannot be started in the sandbox: {reason}", self._argv[0])
        out, err = self._stdout.value(), self._stderr.value()
        said = from_output(err, self._policy) if self._policy is not None else []
        return Outcome(
            code=told.code,
            stdout=out,
            stderr=err,
            timed_out=timed_out,
            over_limit=told.over_limit,
            denials=(*told.denials, *said)[:MOST],
            left=told.left,
            refused=told.refused + len(said),
        )

    async def close(self) -> None:
        """Nothing of the program is left after this, whatever happened."""
        await self.kill()
        for descriptor, kept in self._reading.items():
            self._loop.remove_reader(descriptor)
            if kept is not None:
                os.close(descriptor)
        self._control.close()
        self._launcher.wait()


def python() -> str:
    """A Python for the launcher: this one, where the user may execute it."""
    return sys.executable if os.access(sys.executable, os.X_OK) else shutil.which("python3") or sys.executable


def _start(told: Mapping[str, Any], stdin: bytes) -> tuple[subprocess.Popen[bytes], socket.socket, int, int]:
    """The launcher, and our ends of its control socket, the program's stdout and stderr. Raises OSError."""
    with ExitStack() as ours, ExitStack() as theirs:
        control, control_end = socket.socketpair()
        ours.callback(control.close)
        theirs.callback(control_end.close)
        out, out_end = os.pipe()
        ours.callback(os.close, out)
        theirs.callback(os.close, out_end)
        err, err_end = os.pipe()
        ours.callback(os.close, err)
        theirs.callback(os.close, err_end)
        held = holding.inherited(told, theirs)
        given = theirs.enter_context(tempfile.TemporaryFile())
        given.write(stdin)
        given.seek(0)
        said = theirs.enter_context(tempfile.TemporaryFile())
        said.write(marshal.dumps({**told, "held": held}, 2))  # a format that every Python 3 reads
        said.seek(0)
        if told["enforce"]:
            cgroups.warm_up(cgroups.places())
        launcher = subprocess.Popen(
            [python(), "-I", "-S", str(LAUNCHER), str(control_end.fileno()), str(said.fileno())],
            stdin=given,
            stdout=out_end,
            stderr=err_end,
            pass_fds=[control_end.fileno(), said.fileno(), *held],
            cwd="/",
            env={},
            start_new_session=True,
        )
        ours.pop_all()
    return launcher, control, out, err
