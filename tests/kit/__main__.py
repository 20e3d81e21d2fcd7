"""A task with a model, killed again and again: `python -m tests.kit --steps 200 --kills 50 --seed 7`. Exits with 1 when
anything differs from a run that nobody disturbed."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys

from tests.kit.checker import problems
from tests.kit.homes import a_folder
from tests.kit.play import working
from tests.kit.runs import play, schedule, sweep
from tests.kit.table import table


def main() -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit", description=__doc__)
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="model calls and tool calls together (200)")
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="how often the worker is killed (50)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the schedule; default: any")
    parser.add_argument("--sweep", action="store_true", help="kill before and after every outcome instead")
    arguments = parser.parse_args()
    print("before and after every outcome" if arguments.sweep else f"seed {arguments.seed}", flush=True)
    found = asyncio.run(_run(arguments))
    for problem in found:
        print(problem)
    print("FAILED" if found else "nothing differs")
    return 1 if found else 0


async def _run(arguments: argparse.Namespace) -> list[str]:
    script = working(arguments.steps // 2)
    with a_folder() as folder:
        undisturbed = await play(folder / "undisturbed", script)
        if arguments.sweep:
            run = await sweep(folder / "killed", script)
        else:
            plan = schedule(arguments.steps, arguments.kills, random.Random(arguments.seed))
            run = await play(folder / "killed", script, plan)
    print(table(run, undisturbed), flush=True)
    return [*(f"undisturbed: {problem}" for problem in problems(undisturbed, undisturbed)), *problems(run, undisturbed)]


if __name__ == "__main__":
    sys.exit(main())
