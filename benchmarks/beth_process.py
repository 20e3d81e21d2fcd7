"""A Beth in a process of her own, whose processor time and memory can be read; and plans to give her."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from beth_agent_beth.plan import workflow

ROLE = "noop"
CHAINS = 10


class Process:
    """A Beth of her own process."""

    def __init__(self, home: Path) -> None:
        self._log = home / "beth.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BETH_", "MESSAGE_", "LLM_"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "beth_sdk.cli", "serve", "beth"],
                env={**kept, "BETH_HOME": str(home), "BETH_LOG_FORMAT": "json"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def ready(self) -> None:
        """Until she says that she has looked at every request."""
        while b'"open_requests"' not in self._log.read_bytes():
            if self._process.poll() is not None:
                raise RuntimeError(self._log.read_text())
            await asyncio.sleep(0.002)

    @property
    def processor(self) -> float:
        """Seconds of processor time that her threads have used so far."""
        threads = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    @property
    def peak(self) -> float:
        """The most memory she ever had, in MiB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def a_home() -> Iterator[Path]:
    # Not under the usual temporary folder of tests: a task's own user must be able to get there.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="beth-bench-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@asynccontextmanager
async def a_beth(home: Path) -> AsyncIterator[Process]:
    beth = Process(home)
    try:
        await beth.ready()
        yield beth
    finally:
        beth.end()


def plan_of(tasks: int, shape: str) -> workflow.Plan:
    """A plan of so many tasks that do nothing."""
    planned: list[dict[str, Any]] = []
    for number in range(1, tasks + 1):
        needs = [f"t{number - CHAINS}"] if shape == "chains" and number > CHAINS else []
        planned.append({"name": f"t{number}", "agent": ROLE, "type": "nothing", "needs": needs})
    return workflow.plan_of({"name": shape, "task": planned}, "benchmark")
