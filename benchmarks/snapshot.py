"""What a snapshot costs beside what a user would type, on one work tree of small files.

Rows: nothing changed, one file changed, and `git add -A && git write-tree` with one file changed, for comparison.

    python -m benchmarks.snapshot [--files 5000] [--rounds 15]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import restore, snapshot


async def measure(home: Path, files: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by what was done."""
    clone = await TaskClone.open(await RequestRepository.open(home, "r"), "t")
    for number in range(files):
        path = clone.directory / f"d{number % 100}" / f"f{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"print({number})\n" * 20)
    took: dict[str, list[float]] = {"first, all new": [], "nothing changed": [], "one changed": [], "restore one": []}
    took["git add -A && git write-tree"] = []

    async def timed(what: str, doing: object) -> None:
        started = time.perf_counter()
        await doing  # type: ignore[misc]
        took[what].append(time.perf_counter() - started)

    await timed("first, all new", snapshot(clone, 0))
    changed = clone.directory / "d1/f1.py"
    for number in range(rounds):
        await timed("nothing changed", snapshot(clone, 1))
        kept = await snapshot(clone, 1)
        changed.write_text(f"changed {number}\n")
        await timed("one changed", snapshot(clone, 1))
        await timed("restore one", restore(clone, kept))
        changed.write_text(f"changed again {number}\n")
        started = time.perf_counter()
        for words in (["add", "-A"], ["write-tree"]):
            subprocess.run(["git", *words], cwd=clone.directory, check=True, capture_output=True)  # noqa: ASYNC221
        took["git add -A && git write-tree"].append(time.perf_counter() - started)
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        took = asyncio.run(measure(Path(home), given.files, given.rounds))
    print(f"{str(given.files) + ' files, ' + str(given.rounds) + ' rounds':<34}{'median ms':>10}{'worst ms':>10}")
    for what, seconds in took.items():
        print(f"{what:<34}{statistics.median(seconds) * 1e3:>10.1f}{max(seconds) * 1e3:>10.1f}")


if __name__ == "__main__":
    main()
