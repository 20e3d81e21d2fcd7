"""A terminal that a test can look at and type into, and the agents that work in it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.cli.conftest import add_agent
from beth_sdk.cli.conftest import home as home
from beth_sdk.conftest import Site
from beth_sdk.conftest import site as site

try:
    pyte: Any = import_module("pyte")
except ImportError:
    pyte = None

PATIENCE = 60.0
"""Seconds until what is waited for must be on the screen."""

PLAYER = """\
import os
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

def wait():
    with open(os.environ["FIFO"]) as opened:
        return opened.read()

class Player(Agent):
    async def execute(self, task, ctx):
        if "ask" in task.payload.description:
            return Result.complete({"summary": await ctx.ask("Which colour?", ["red", "blue"])})
        ctx.event("model", "m", cost_usd=0.42)
        await ctx.progress("pytest -q")
        await ctx.step("bash", wait, repeat="safe")
        return Result.complete({"summary": "It is built"})
"""

PLAN = """\
name = "solo"
[[task]]
name = "implementation"
agent = "builder-of-things"
type = "act"
"""


class Terminal:
    """A process at a terminal of so many columns and lines."""

    def __init__(self, command: list[str], environ: dict[str, str], columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._own, theirs = pty.openpty()
        self._size(columns, lines)
        self.process = subprocess.Popen(
            command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """Another size, as when somebody pulls at the window."""
        self._size(columns, lines)
        self.screen.resize(lines, columns)
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, seen: Callable[[str], bool]) -> str:
        """What is on the screen once `seen` says so of it."""
        end = time.monotonic() + PATIENCE
        while not seen(self.text):
            left = end - time.monotonic()
            assert left > 0, self.text
            if not self._read(left) and not seen(self.text):
                raise AssertionError(f"it ended:\n{self.text}")
        return self.text

    def ended(self) -> int:
        """The exit code, once it has one."""
        while self._read(PATIENCE):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._own], [], [], seconds)
        assert ready, self.text
        try:
            told = os.read(self._own, 65536)
        except OSError:  # Linux's way to say that nobody has the other end any more
            return False
        self._stream.feed(told)
        return bool(told)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._own)


Open = Callable[..., Terminal]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A named pipe: the step of a task waits until somebody has written to it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def terminal(home: Path, site: Site, tmp_path: Path, fifo: Path) -> Iterator[Open]:
    """Opens a terminal with `beth` in it."""
    if pyte is None:
        pytest.skip("pyte is not installed, which draws what a terminal shows")
    add_agent(site, "builder-of-things", code=PLAYER)
    (tmp_path / "solo.toml").write_text(PLAN)
    opened: list[Terminal] = []

    def begin(*arguments: str, columns: int = 80, lines: int = 24, **variables: str) -> Terminal:
        environ = {**os.environ, "PYTHONPATH": str(site.path), "TERM": "xterm-256color", "FIFO": str(fifo), **variables}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            if name not in variables:
                environ.pop(name, None)
        command = [sys.executable, "-m", "beth_sdk.cli", *arguments]
        opened.append(Terminal(command, environ, columns, lines))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
