"""What a step of an agent with a model costs besides the command itself: sandbox, snapshot, journal.

Run as `python -m benchmarks.tool_step [ROUNDS] [FILES]`. Each round runs every part once, in turn: the bare command,
the same in the sandbox, a snapshot of a workspace of FILES files in which one changed, one fact appended to the SQLite
journal, and a whole `bash` step of an `LLMAgent`, which is all of these.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from beth_kit import KitContext, LLMAgent
from beth_kit.loop.answering import Answering
from beth_kit.loop.conversation import Call
from beth_kit.loop.equipment import Equipment
from beth_kit.loop.limits import Limits
from beth_kit.loop.progress import Progress
from beth_kit.loop.turn import Turn
from beth_kit.testing import Stage
from beth_kit.tools.bash import bash_tool
from beth_sdk.journal.base import Fact
from beth_sdk.manifest import parse_manifest
from beth_sdk.messages import Payload, Task
from beth_sdk.openers import open_journal

MANIFEST = 'manifest_version = 1\nrole = "worker"\ndescription = "Works"\nclass = "beth_kit:LLMAgent"\n'
TRANSCRIPT = "roles: {worker: {work: [{say: nothing}]}}"
COMMAND = "echo changed > changed.txt"


async def measure(rounds: int, files: int, folder: Path) -> None:
    task = Task(
        id="bench.1",
        type="work",
        agent="worker",
        payload=Payload(description="Work"),
        timestamp="2026-01-30T10:00:00Z",
        request_id="bench",
    )
    stage = Stage(LLMAgent(), parse_manifest(MANIFEST), task, TRANSCRIPT, folder / "home")
    equipment = Equipment.of(stage.agent.manifest, stage.agent.settings, stage.environ)
    ctx: KitContext = equipment.context(task, stage.diary.delivered())
    answering = Answering(stage.agent, {"bash": bash_tool("none")}, Progress(since=0.0), Limits(10**9), ctx)
    fill = json.dumps({"command": f"for i in $(seq {files}); do echo $i > f$i; done"})
    await answering.answer(Call("0", "bash", fill), Turn({}, "tool_calls", 0.0))
    journal = await open_journal(f"sqlite:///{folder}/journal.db")
    hold = await journal.take("task/bench", "bench", 3600)
    count = 0

    async def bare() -> None:
        process = await asyncio.create_subprocess_exec("bash", "-c", COMMAND, cwd=folder)
        await process.wait()

    async def sandboxed() -> None:
        await ctx.run(["bash", "-c", f"{COMMAND}; echo {count} >> changed.txt"])

    async def snapshot() -> None:
        await ctx.workspace.snapshot()

    async def append() -> None:
        fact = Fact("step_done", {"name": "bash", "n": count, "digest": "0" * 16, "outcome": {"text": "x" * 500}})
        await journal.append("task/bench", [fact], key=f"step:{count}", hold=hold)

    async def whole() -> None:
        command = f'{{"command": "echo {count} > changed.txt"}}'
        await answering.answer(Call(str(count), "bash", command), Turn({}, "tool_calls", 0.0))

    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "the bare command": bare,
        "the command in the sandbox": sandboxed,
        f"a snapshot of {files} files, one changed": snapshot,
        "an append to the journal (SQLite)": append,
        "a whole step, but for the append": whole,
    }
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for count in range(1, rounds + 1):  # noqa: B007 - the parts look at it
        for name, part in parts.items():
            began = time.perf_counter()
            await part()
            taken[name].append((time.perf_counter() - began) * 1000)
    await journal.close()
    bare_median = statistics.median(taken["the bare command"])
    print(f"{f'ms, of {rounds} rounds':<40}{'median':>8}{'p95':>8}{'x bare':>8}")
    for name, found in taken.items():
        median, p95 = statistics.median(found), statistics.quantiles(found, n=20)[18]
        print(f"{name:<40}{median:>8.1f}{p95:>8.1f}{median / bare_median:>8.1f}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    # Not under the usual temporary folder of tests: a task's own user must be able to get there.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        asyncio.run(measure(rounds, files, Path(folder)))


if __name__ == "__main__":
    main()
