"""What the tests of commands need: a home of their own, throw-away agents, `beth` in this process and in real ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from beth_sdk.cli.main import main
from beth_sdk.cli.options import Ports, ports, settings_from
from beth_sdk.conftest import Site
from beth_sdk.messages import Payload, Task
from beth_sdk.settings import VARIABLES

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds to wait for a line of another process before the test fails; they come in well under one."""

AGENT = """\
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

class Player(Agent):
    async def execute(self, task, ctx):
        return Result.complete("played")
"""


def add_agent(site: Site, role: str, *, code: str = AGENT, extra: str = "") -> str:
    """An installed agent of this role, from the distribution `zz-ROLE`; returns its package's name."""
    package = f"zz_{role}".replace("-", "_")
    manifest = (
        f'manifest_version = 1\nrole = "{role}"\ndescription = "Plays a part"\nclass = "{package}.agent:Player"\n'
    )
    site.files({f"{package}/__init__.py": "", f"{package}/agent.py": code, f"{package}/agent.toml": manifest + extra})
    site.distribution(f"zz-{role}", {"beth.agents": {role: package}}, version="1.2")
    return package


def make_task(task_id: str = "task-1", agent: str = "echo", **fields: Any) -> Task:
    """A task for a role."""
    return Task(
        id=task_id,
        type="implement",
        agent=agent,
        payload=Payload(description="Build it"),
        timestamp="2026-01-30T10:00:00Z",
        **fields,
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Beth's home for this test, which does not exist yet; no variable of the machine is left."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(f"{variable.name}_FILE", raising=False)
    for name in [name for name in os.environ if name.startswith("BETH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BETH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command line came to."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.stdout)


Beth = Callable[..., Ran]


@pytest.fixture
def beth(home: Path, capfd: pytest.CaptureFixture[str]) -> Beth:
    """Runs a command line in this process, from its arguments to its exit."""

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, captured.out, captured.err)

    return run


OnPorts = Callable[[Callable[[Ports], Awaitable[Any]]], Any]


@pytest.fixture
def on_ports(home: Path) -> OnPorts:
    """Does something with the bus and the journal of the test's home."""

    def do(what: Callable[[Ports], Awaitable[T]]) -> T:
        async def with_both() -> T:
            async with ports(settings_from(None)) as both:
                return await what(both)

        return asyncio.run(with_both())

    return do


class Running:
    """A `beth` in a process of its own, all of whose lines are kept."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "beth_sdk.cli", *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = threading.Condition()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def line(self, *words: str, count: int = 1) -> str:
        """Wait for a line with all these words, on either stream; the `count`th one."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in [*self.out, *self.err] if all(word in line for word in words)]
            return len(found) >= count

        with self._news:
            assert self._news.wait_for(there, PATIENCE), f"no line with {words}: {self.out} {self.err}"
        return found[count - 1]

    def events(self) -> list[dict[str, Any]]:
        """The JSON lines on standard output so far."""
        return [json.loads(line) for line in self.out]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end, and for all it said; returns its exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def close(self) -> None:
        """Kill it if it still runs, and let go of its pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()


Start = Callable[..., Running]


@pytest.fixture
def start(home: Path, site: Site) -> Iterator[Start]:
    """Starts `beth` in a process that sees the test's home and site, and kills it at the end of the test."""
    started: list[Running] = []

    def begin(*arguments: str, **variables: str) -> Running:
        environ = {**os.environ, "PYTHONPATH": str(site.path), "BETH_LOG_FORMAT": "text", **variables}
        started.append(Running(arguments, environ))
        return started[-1]

    yield begin
    for one in started:
        one.close()
