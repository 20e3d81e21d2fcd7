"""What a request that is over may not leave behind: processes, clones, held tasks, work in queues."""

from __future__ import annotations

from pathlib import Path

from beth_agent_beth.fold import facts
from beth_kit.places import workspaces
from beth_kit.workspace import clearing
from beth_sdk import history
from beth_sdk.errors import Held
from tests.acceptance.cluster import Cluster


async def nothing_left(cluster: Cluster, request_id: str, *, queues: bool = True) -> None:
    """Raises TimeoutError for what is still there after a while."""
    place = workspaces(cluster.folder / "home")
    work = place / "work" / request_id
    await cluster.until(lambda: not _at_work(work), f"no process in {work}")
    await cluster.until(lambda: not clearing.tasks_with_clones(place, request_id), "no clone")
    await cluster.until(lambda: request_id not in clearing.requests_with_clones(place), "no rest of a clone")
    state = await cluster.state(request_id)
    for stream in (facts.stream_of(request_id), *(history.stream_of(task_id) for task_id in state.tasks)):
        await _free(cluster, stream)
    if queues:
        for role in {one.agent for one in state.tasks.values()}:
            await _empty(cluster, f"tasks.{role}")


def _at_work(folder: Path) -> list[str]:
    """The processes that work in a folder, or name it, or are the tools of the role `crafter`."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            cwd = str((process / "cwd").readlink())
        except OSError:  # gone by now
            continue
        if str(folder) in command or cwd.startswith(str(folder)):
            found.append(f"{process.name}: {command}")
    return found


async def _free(cluster: Cluster, stream: str) -> None:
    for _ in range(200):
        try:
            hold = await cluster.journal.take(stream, "test", 1.0)
        except Held as held:
            await cluster.bus.read("events", await cluster.bus.tail("events"), wait=min(0.1, held.remaining))
        else:
            await cluster.journal.drop(hold)
            return
    raise TimeoutError(f"{stream} is still held")


async def _empty(cluster: Cluster, queue: str) -> None:
    for _ in range(200):
        stats = await cluster.bus.stats(queue)
        if not stats.ready + stats.delayed + stats.in_flight:
            return
        await cluster.bus.read("events", await cluster.bus.tail("events"), wait=0.1)
    raise TimeoutError(f"{queue}: {stats}")
