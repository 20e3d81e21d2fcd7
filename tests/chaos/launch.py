"""`beth` with its bus and journal wrapped, as the environment says: `python -m tests.chaos.launch serve developer`.

The product knows nothing of this: the openers are replaced in this process before the command line is run.

CHAOS_POINTS  a file that gets the name of each point as it is hit
CHAOS_KILL    `<occurrence>@<point>`: this process kills itself there with SIGKILL
CHAOS_RECORD  holds taken and kept go into the ledger
CHAOS_RENEWALS  `held`: no renewal of a hold or a delivery ever gets through
CHAOS_WITHOUT   a safeguard that is taken out: see `safeguards`
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from beth_sdk import openers
from beth_sdk.bus.base import Bus
from beth_sdk.cli.main import main as beth
from beth_sdk.journal.base import Journal
from tests.chaos import ledger, safeguards
from tests.chaos.points import Hit, PointedBus, PointedJournal
from tests.chaos.recording import RecordingJournal, StarvedBus, StarvedJournal


def wrap(environ: dict[str, str]) -> None:
    """Replace the openers of this process by such as wrap what they open."""
    open_bus, open_journal = openers.open_bus, openers.open_journal
    hit = _hit(environ)
    without, starved = environ.get("CHAOS_WITHOUT"), environ.get("CHAOS_RENEWALS") == "held"

    async def bus(url: str, **options: Any) -> Bus:
        opened = await open_bus(url, **options)
        if without:
            opened = safeguards.bus_without(without, opened)
        if starved:
            opened = StarvedBus(opened)
        return PointedBus(opened, hit) if hit else opened

    async def journal(url: str, **options: Any) -> Journal:
        opened = await open_journal(url, **options)
        if without:
            opened = safeguards.journal_without(without, opened)
        if starved:
            opened = StarvedJournal(opened)
        if environ.get("CHAOS_RECORD"):
            opened = RecordingJournal(opened, ledger.of_this_process())
        return PointedJournal(opened, hit) if hit else opened

    openers.open_bus, openers.open_journal = bus, journal


def _hit(environ: dict[str, str]) -> Hit | None:
    points, kill = environ.get("CHAOS_POINTS"), environ.get("CHAOS_KILL")
    if not points and not kill:
        return None
    occurrence, _, victim = (kill or "").partition("@")
    left = int(occurrence) if kill else 0
    descriptor = os.open(points, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if points else None

    def hit(point: str) -> None:
        nonlocal left
        if descriptor is not None:
            os.write(descriptor, f"{point}\n".encode())
        if point == victim:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hit


def main(arguments: Sequence[str]) -> NoReturn:
    """Run a command line of `beth`, wrapped, and exit."""
    wrap(dict(os.environ))
    beth(list(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
