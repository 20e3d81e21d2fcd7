"""Starting `beth` in processes of their own, quickly: by a fork server that has imported everything once."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "beth_agent_beth.commands.run",
        "beth_agent_beth.service",
        "beth_sdk.bus.sqlite",
        "beth_sdk.cli.serve",
        "beth_sdk.journal.sqlite",
        "tests.chaos.agents",
        "tests.chaos.launch",
    ]
)

_PR_SET_PDEATHSIG = 1
"""prctl(2)."""


class Child:
    """A process that was started; `name` is for people, `output` the file with its standard output and error."""

    def __init__(self, name: str, process: ForkServerProcess, output: Path) -> None:
        self.name = name
        self.output = output
        self._process = process
        pid = process.pid
        assert pid is not None
        self.pid = pid

    @property
    def alive(self) -> bool:
        return self._process.exitcode is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait until it has ended; returns its exit code, a signal's as a negative number."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code


def start(name: str, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Child:
    """Start `beth ARGUMENTS`, wrapped as `launch` says, in this very environment and no other. Its standard output and
    error are appended to `output`."""
    process = _CONTEXT.Process(target=_become, args=(list(arguments), dict(environment), str(output)), name=name)
    process.start()
    return Child(name, process, output)


def _become(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """In the child: do as a freshly started interpreter would."""
    if sys.platform == "linux":  # nobody looks after a child whose test was killed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    random.seed()

    from tests.chaos.launch import main

    main(arguments)
