"""Chaos at length: `python -m tests.chaos`. Exits with 1 when anything was lost or done twice."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.buses import BUSES
from tests.chaos.fleet import Fleet, Setup
from tests.chaos.schedules import SCHEDULES
from tests.chaos.sweep import Sweep


def main() -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of every schedule; default: any")
    parser.add_argument("--tasks", type=int, default=500, metavar="N", help="how many the fleet gets to do (500)")
    parser.add_argument("--bus", choices=sorted(BUSES), default="sqlite", help="the fleet's (sqlite)")
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="processes of the fleet (3)")
    parser.add_argument("--beths", type=int, default=2, metavar="N", help="orchestrators of the fleet (2)")
    parser.add_argument("--only", choices=("kills", "fleet"), help="one of the two parts")
    parser.add_argument("--without", choices=sorted(SCHEDULES), help="take out a safeguard: the fleet must fail then")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="beth-chaos-"))
    print(f"seed {arguments.seed}, in {folder}", flush=True)
    problems: list[str] = []
    if arguments.only != "kills":
        problems += asyncio.run(_fleet(folder, arguments))
    if arguments.only != "fleet" and arguments.without is None:
        problems += asyncio.run(_kills(folder, arguments.seed))
    for problem in problems:
        print(problem)
    if not problems:
        shutil.rmtree(folder)
    return 1 if problems else 0


async def _fleet(folder: Path, arguments: argparse.Namespace) -> list[str]:
    _say("a fleet of workers and Beths, killed, stopped, starved and blocked")
    setup = Setup(
        seed=arguments.seed,
        tasks=arguments.tasks,
        bus=arguments.bus,
        workers=arguments.workers,
        beths=arguments.beths,
        without=arguments.without,
    )
    place = folder / "fleet"
    place.mkdir()
    report = await Fleet(place, setup).run()
    print(report.table(), flush=True)
    return [str(violation) for violation in report.violations]


async def _kills(folder: Path, seed: int) -> list[str]:
    _say("beth run, killed at every hit of every point, then beth resume")
    place = folder / "kills"
    place.mkdir()
    report = await Sweep(place, seed=seed).long()
    print(report.table(), flush=True)
    return report.problems


def _say(what: str) -> None:
    print(f"\n{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
