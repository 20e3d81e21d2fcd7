"""The demo's second act, `python -m beth_team.recover`: agents as processes, one killed in the middle of its work.

Everything happens in a folder `recover` below BETH_HOME, which is removed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from beth_sdk import history, openers
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.settings import Settings

REQUEST = "Build user authentication with JWT"
CRITERIA = ("JWT access tokens with 15min expiry", "Refresh token rotation", "Secure httpOnly cookies")
ROLES = ("beth", "product-manager", "researcher", "ux-designer", "developer", "tester", "security-reviewer")
VICTIM, TASK = "developer", "implementation"

STEPS = 12
"""Steps that the developer has done when it is killed: about a third of its work."""

LEASE = 5
"""Seconds after which what a dead process held may be taken by another; a minute unless BETH_LEASE says otherwise."""

PATIENCE = 120.0
"""Seconds that anything here is waited for."""

LOOK = 0.02
"""Seconds between two looks into the journal."""

BETH = (sys.executable, "-P", "-m", "beth_sdk.cli")


def main() -> int:
    """Plays the act; returns 0 if the task went on as it should, 1 if not, 130 after Ctrl-C."""
    home = Settings.from_environment(os.environ).home / "recover"
    shutil.rmtree(home, ignore_errors=True)
    try:
        return asyncio.run(act(home))
    except KeyboardInterrupt:
        return 130
    except TimeoutError:
        print(f"it took more than {PATIENCE:g} seconds, which it should not", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def act(home: Path) -> int:
    """Start the team, submit the request, kill the developer, and tell what became of its task."""
    environ = environment(home)
    async with team(environ) as pids, asyncio.timeout(PATIENCE):
        print(f"{len(pids)} agents run, each as a process of its own; the model is scripted", flush=True)
        request = await submitted(environ)
        journal = await openers.open_journal(Settings.from_environment(environ).journal_url)
        try:
            task = await implementation(environ, request)
            before = await entries(journal, task, lambda found: len(done(found)) >= STEPS)
            killed = pids[VICTIM]
            os.kill(killed, signal.SIGKILL)
            print(f"kill -9 {killed}: the {VICTIM} is dead, {len(done(before))} steps into {task}", flush=True)
            print(f"its hold on the task runs out within {LEASE} seconds; then another takes it ...", flush=True)
            after = await entries(journal, task, lambda found: found[-1].fact.kind == history.ENDED)
        finally:
            await journal.close()
    return told(after, killed, pids[VICTIM])


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with a home and a model of its own, and no server."""
    gone = {"MESSAGE_BUS_URL", "BETH_JOURNAL_URL", "BETH_RECORD", "BETH_REPLAY", "BETH_INSTANCE"}
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in gone}
    return {**kept, "BETH_HOME": str(home), "BETH_MODELS": "demo", "BETH_LEASE": f"{LEASE}s"}


@asynccontextmanager
async def team(environ: Mapping[str, str]) -> AsyncIterator[dict[str, int]]:
    """`beth up`, and the process of each role, the newest. Stopped at the end, however it comes."""
    # A session of its own: Ctrl-C is for this process, which then stops the team in order.
    up = await asyncio.create_subprocess_exec(
        *BETH,
        *("up", "--json", *ROLES),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    pids: dict[str, int] = {}
    everybody = asyncio.Event()
    watching = asyncio.create_task(_watch(up, pids, everybody))
    try:
        async with asyncio.timeout(PATIENCE):
            await everybody.wait()
        yield pids
    finally:
        with contextlib.suppress(ProcessLookupError):
            up.terminate()
        try:
            async with asyncio.timeout(30):
                await up.wait()
        except TimeoutError:
            up.kill()
        watching.cancel()


async def _watch(up: asyncio.subprocess.Process, pids: dict[str, int], everybody: asyncio.Event) -> None:
    assert up.stdout is not None
    async for line in up.stdout:
        happened = json.loads(line)
        if happened["event"] == "started":
            pids[happened["role"]] = happened["pid"]
        if pids.keys() >= set(ROLES):
            everybody.set()


async def submitted(environ: Mapping[str, str]) -> str:
    """Submit the request; its id."""
    criteria = [word for one in CRITERIA for word in ("--criteria", one)]
    return str((await said(environ, "submit", REQUEST, *criteria))["request_id"])


async def implementation(environ: Mapping[str, str], request: str) -> str:
    """The id of the task that the developer is killed in."""
    while True:
        tasks = (await said(environ, "status", request))["tasks"]
        for one in tasks:
            if one["name"] == TASK:
                return str(one["task_id"])
        await asyncio.sleep(LOOK)


async def said(environ: Mapping[str, str], *command: str) -> Any:
    """What a `beth` command prints with --json."""
    ran = await asyncio.create_subprocess_exec(*BETH, *command, "--json", env=environ, stdout=asyncio.subprocess.PIPE)
    try:
        printed, _ = await ran.communicate()
    finally:
        if ran.returncode is None:  # after Ctrl-C; it is not to write into a folder that is being removed
            ran.kill()
            await ran.wait()
    return json.loads(printed)


async def entries(journal: Journal, task: str, enough: Callable[[list[Entry]], bool]) -> list[Entry]:
    """The task's journal, once it is `enough`."""
    while True:
        found = [entry async for entry in journal.read(history.stream_of(task))]
        if found and enough(found):
            return found
        await asyncio.sleep(LOOK)


def done(found: list[Entry]) -> list[Entry]:
    """The steps whose outcome is on record."""
    return [entry for entry in found if entry.fact.kind == history.STEP_DONE]


def told(found: list[Entry], killed: int, successor: int) -> int:
    """Print who did what, from the journal alone; 0 if no step was done twice and both did some."""
    by_epoch = Counter(entry.epoch for entry in done(found))
    times = Counter((entry.fact.data["name"], entry.fact.data["n"]) for entry in done(found))
    (first, dead), *later = sorted(by_epoch.items())
    rest = sum(count for _, count in later)
    print(f"\n  epoch {first}  process {killed}: {dead} steps, then killed")
    for epoch, count in later:
        print(f"  epoch {epoch}  process {successor}: {dead} steps read from the journal, {count} done")
    twice = sum(count > 1 for count in times.values())
    status = found[-1].fact.data["result"]["status"]
    print(f"\n{len(times)} steps on record, {twice} of them done twice. The task is {status}.")
    return 0 if rest and not twice else 1


if __name__ == "__main__":
    sys.exit(main())
