"""What importing costs: seconds and resident memory of a fresh interpreter, beside the bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 7
WHAT = (
    "pass",
    "import beth_sdk",
    "from beth_sdk import Agent",
    "import beth_sdk.worker.host",
    "import beth_sdk.bus.sqlite, beth_sdk.journal.sqlite",
)
PROBE = """
import resource, time
started = time.perf_counter()
{what}
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def cost(what: str) -> tuple[float, float]:
    """Seconds of the import and MiB of the process."""
    printed = subprocess.run(
        [sys.executable, "-c", PROBE.format(what=what)], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(printed[0]), float(printed[1])


def main() -> None:
    """Measure and print."""
    rounds: dict[str, list[tuple[float, float]]] = {what: [] for what in WHAT}
    for _ in range(ROUNDS):
        for what in WHAT:
            rounds[what].append(cost(what))
    bare = statistics.median(memory for _, memory in rounds["pass"])
    print(f"{'median of ' + str(ROUNDS) + ' rounds':<54}{'ms':>8}{'MiB':>8}{'+MiB':>8}")
    for what, figures in rounds.items():
        seconds = statistics.median(figure[0] for figure in figures)
        memory = statistics.median(figure[1] for figure in figures)
        print(f"{what:<54}{seconds * 1000:>8.1f}{memory:>8.1f}{memory - bare:>8.1f}")


if __name__ == "__main__":
    main()
