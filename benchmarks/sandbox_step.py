"""What a sandboxed step costs: `true` in the sandbox, against `true` alone.

Run as `python -m benchmarks.sandbox_step [RUNS]`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from beth_kit.sandbox.owner import prepare
from beth_kit.sandbox.policy import Policy
from beth_kit.sandbox.run import run
from beth_sdk.clock import SystemClock


async def _bare() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()


async def _measure(runs: int, folder: Path) -> None:
    policy = Policy(folder / "clone", folder / "home", (folder / "clone", folder / "home"))
    policy.directory.mkdir()
    prepare(policy)
    clock = SystemClock()
    kinds: dict[str, Callable[[], Awaitable[object]]] = {
        "bare": _bare,
        "supervised, not locked in": lambda: run(["true"], policy, clock=clock, sandbox=False),
        "in the sandbox": lambda: run(["true"], policy, clock=clock),
    }
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(runs):
        for name, kind in kinds.items():  # in turn, so that what else the machine does hits all alike
            started = time.perf_counter()
            await kind()
            taken[name].append((time.perf_counter() - started) * 1000)
    print(f"{'ms for `true`':<28}{'median':>8}{'p95':>8}   of {runs}")
    for name, found in taken.items():
        print(f"{name:<28}{statistics.median(found):>8.1f}{statistics.quantiles(found, n=20)[18]:>8.1f}")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(runs, Path(folder)))


if __name__ == "__main__":
    main()
