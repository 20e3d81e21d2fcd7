"""A throw-away distribution of one agent with a model, and its worker as a process to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from beth_sdk.settings import sqlite_url
from scripts.workspace import ROOT

ROLE = "developer"

_MANIFEST = """\
manifest_version = 1
role = "{role}"
description = "Does what the model of a test says"
class = "beth_kit:LLMAgent"
network = "{network}"
limits = {{attempts = 1000, steps = 2000, concurrency = 1}}
"""


def make(folder: Path, *, network: str) -> Path:
    """Make the distribution in `folder`, to be put on PYTHONPATH, and return it."""
    info = folder / "a_throw_away_agent-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-throw-away-agent\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[beth.agents]\n{ROLE} = throw_away_{ROLE}\n", encoding="utf-8")
    package = folder / f"throw_away_{ROLE}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "agent.toml").write_text(_MANIFEST.format(role=ROLE, network=network), encoding="utf-8")
    return folder


def environment(distribution: Path, folder: Path, model_url: str, *, lease: float) -> dict[str, str]:
    """All variables of a worker. `lease` in seconds."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(distribution), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MESSAGE_BUS_URL": sqlite_url(folder / "bus.db"),
        "BETH_HOME": str(folder / "home"),
        "BETH_LEASE": f"{lease}s",
        "BETH_LOG_FORMAT": "json",
        "LLM_PROVIDER": "gateway",
        "LLM_MODEL": "loopback",
        "LLM_BASE_URL": model_url,
    }


class Worker:
    """`beth serve developer`, in a process group of its own. `module`: what stands in for `beth`, and its arguments."""

    def __init__(self, variables: Mapping[str, str], log: Path, module: Sequence[str] = ("beth_sdk.cli",)) -> None:
        self.log = log
        self._before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", *module, "serve", ROLE],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(variables),
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def died(self) -> int | None:
        """The exit status of one that is gone; None while it runs."""
        return self._process.poll()

    @property
    def ready(self) -> bool:
        """Whether it has said that it takes tasks."""
        with self.log.open("rb") as file:
            file.seek(self._before)
            return b'"message":"ready"' in file.read().replace(b" ", b"")

    def kill(self) -> None:
        """kill -9 for its whole process group."""
        if self.died is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait(self, patience: float) -> int:
        """Wait until it has ended; returns its exit status, a signal's as a negative number. Raises TimeoutExpired."""
        return self._process.wait(patience)

    def end(self, patience: float = 30.0) -> int:
        """Have it end as a container's would, and return its exit status."""
        if self.died is None:
            self._process.send_signal(signal.SIGTERM)
        return self.wait(patience)
