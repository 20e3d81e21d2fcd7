"""What a task costs Beth, however many tasks its request has, and how long she takes to start again.

Run as `python -m benchmarks.orchestrator [--sizes 10,100,1000,10000] [--shape wide|chains] [--no-sizes] [--no-restart]
[--json]`. For each size a fresh Beth, a process of her own, looks after one request of so many tasks that do nothing;
their agent lives in this process. `time`: from submitting to the end, for each task. `beth`: processor time of Beth's
process for each task; it depends least on what else the machine does. Both `flow`s leave out what each request costs
once, however small it is: they begin with the first event of a task. The ratios are to the request of 100 tasks.
Shapes: `wide`, nothing waits for anything; `chains`, ten chains side by side, each task waits for the one before it.

Restart: a journal of 100,000 facts, and a new Beth until she says that she is ready, beside one with an empty journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import asdict, dataclass
from typing import cast

from benchmarks.beth_process import ROLE, Process, a_beth, a_home, plan_of
from benchmarks.restart import Restarted, restarts
from benchmarks.whole_path import Installed
from beth_agent_beth import requests
from beth_agent_beth.plan import workflow
from beth_sdk.bus.base import Bus
from beth_sdk.journal.base import Journal
from beth_sdk.manifest import parse_manifest
from beth_sdk.plugins import InstalledAgent
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host

SIZES = (10, 100, 1_000, 10_000)
COMPARED_WITH = 100
"""Tasks: with fewer, what a process does once weighs more than what it does for each."""

ROUNDS = 5
"""How often a size is measured that is over soon; medians count."""
SOON = 1_000
ENDED = ("complete", "failed", "cancelled")


@dataclass(frozen=True)
class Figures:
    """Of one size. Times in milliseconds a task, memory in MiB."""

    shape: str
    tasks: int
    time: float
    flow: float
    beth: float
    beth_flow: float
    peak: float
    more: float
    """Peak memory above that of a Beth who is ready and has nothing to do."""


FIGURES = ("time", "flow", "beth", "beth_flow", "peak", "more")


# -- tasks ------------------------------------------------------------------------------------


async def measure(tasks: int, shape: str, concurrency: int) -> Figures:
    """One request of so many tasks."""
    manifest = parse_manifest(
        f'manifest_version = 1\nrole = "{ROLE}"\ndescription = "does nothing"\nclass = "bench:Noop"\n'
        f"[limits]\nconcurrency = {concurrency}\n"
    )
    with a_home() as home:
        url = f"sqlite:///{home}/beth.db"
        settings = Settings(bus_url=url, journal_url=url, home=home)
        async with Host(settings) as host, a_beth(home) as beth:
            idle = beth.peak
            host.play(cast("InstalledAgent", Installed(manifest)))
            found = await host.call(_one_request(host.bus, host.journal, plan_of(tasks, shape), beth))
            return Figures(shape, tasks, *found, beth.peak, beth.peak - idle)


def measured(tasks: int, shape: str, concurrency: int) -> Figures:
    """The medians of several rounds where one is over soon."""
    rounds = ROUNDS if tasks <= SOON else 1
    found = [asdict(asyncio.run(measure(tasks, shape, concurrency))) for _ in range(rounds)]
    time_, flow, beth, beth_flow, peak, more = (statistics.median(one[name] for one in found) for name in FIGURES)
    return Figures(shape, tasks, time_, flow, beth, beth_flow, peak, more)


async def _one_request(
    bus: Bus, journal: Journal, plan: workflow.Plan, beth: Process
) -> tuple[float, float, float, float]:
    """The first four figures."""
    cursor = await bus.tail("events")
    began = flowed = (time.perf_counter(), beth.processor)
    request_id = await requests.submit(bus, journal, "Do nothing", plan=plan, budget={"cost_usd": 5.0})
    while True:
        page = await bus.read("events", cursor, wait=60, limit=500)
        if flowed is began and page:
            flowed = (time.perf_counter(), beth.processor)
        for cursor, message in page:  # noqa: B007 - the cursor is where the next round goes on
            if b'"progress"' in message.body and _ended(message.body, request_id):
                now, each = (time.perf_counter(), beth.processor), 1000 / len(plan.task)
                whole, flow = ([(b - a) * each for a, b in zip(since, now, strict=True)] for since in (began, flowed))
                return whole[0], flow[0], whole[1], flow[1]


def _ended(body: bytes, request_id: str) -> bool:
    event = json.loads(body)
    status = event.get("data", {}).get("status")
    if event.get("request_id") != request_id or event.get("agent") != "beth" or status not in ENDED:
        return False
    if status != "complete":
        raise RuntimeError(f"the request ended {status}")
    return True


# -- the tables -------------------------------------------------------------------------------


def compared(found: list[Figures]) -> dict[str, dict[int, dict[str, float]]]:
    """Each figure of each size beside that of the first size which is large enough."""
    ratios: dict[str, dict[int, dict[str, float]]] = {}
    for shape in dict.fromkeys(one.shape for one in found):
        these = [one for one in found if one.shape == shape]
        base = next((one for one in these if one.tasks >= COMPARED_WITH), these[0])
        ratios[shape] = {
            one.tasks: {
                name: round(getattr(one, name) / max(getattr(base, name), 1e-9), 2)
                for name in ("time", "flow", "beth", "beth_flow")
            }
            for one in these
        }
    return ratios


def show(found: list[Figures], restarted: list[Restarted]) -> None:
    ratios = compared(found)
    print(f"{'ms a task':<18}", *(f"{name:>16}" for name in ("time", "flow", "beth", "beth flow")), f"{'peak MiB':>18}")
    for one in found:
        ratio = ratios[one.shape][one.tasks]
        cells = (f"{getattr(one, name):>9.2f} {ratio[name]:>4.2f}x" for name in ("time", "flow", "beth", "beth_flow"))
        memory = f"{one.peak:>9.0f} (+{one.more:.0f})"
        print(f"{one.shape:<8}{one.tasks:>10,}", *(f"{cell:>16}" for cell in cells), memory)
    if restarted:
        print()
        print(f"{'restart with':<34}{'facts':>10}{'requests':>10}{'seconds':>10}{'processor':>11}{'peak MiB':>10}")
    for again in restarted:
        print(
            f"{again.journal:<34}{again.facts:>10,}{again.requests:>10,}{again.seconds:>10.2f}"
            f"{again.processor:>11.2f}{again.peak:>10.0f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(str(size) for size in SIZES))
    parser.add_argument("--shape", choices=("wide", "chains"), action="append")
    parser.add_argument("--concurrency", type=int, default=16, help="tasks that the agent carries out at a time")
    parser.add_argument("--no-sizes", action="store_true")
    parser.add_argument("--no-restart", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [] if options.no_sizes else [int(size) for size in options.sizes.split(",") if size]
    shapes = options.shape or ["wide", "chains"]
    found = [measured(size, shape, options.concurrency) for shape in shapes for size in sizes]
    restarted = [] if options.no_restart else asyncio.run(restarts())
    if options.json:
        print(
            json.dumps(
                {
                    "sizes": [asdict(one) for one in found],
                    "ratios": compared(found),
                    "restarts": [asdict(one) for one in restarted],
                }
            )
        )
        return
    show(found, restarted)


if __name__ == "__main__":
    main()
