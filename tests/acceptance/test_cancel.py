"""A request that is cancelled ends cancelled within seconds and leaves nothing behind, whatever it is doing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from beth_agent_beth import requests
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.state import RequestState
from beth_kit.sandbox.probe import probe
from tests.acceptance.cluster import Cluster, task
from tests.acceptance.leftovers import nothing_left

SOON = 15.0
"""Seconds; a machine that does nothing else takes one or two."""

Brought = Callable[[Cluster], Awaitable[str]]


async def asking_for(cluster: Cluster, request_id: str, kind: str) -> None:
    def so(state: RequestState) -> bool:
        return any(one.kind == kind for one in state.open_questions)

    await cluster.request(request_id, so, f"a question about the {kind}")


async def status(cluster: Cluster, request_id: str, wanted: str, number: int = 1) -> None:
    def so(state: RequestState) -> bool:
        one = state.tasks.get(f"{request_id}.{number}")
        return one is not None and one.status == wanted

    await cluster.request(request_id, so, f"task {number} to be {wanted}")


# -- the states -------------------------------------------------------------------------------


async def received(cluster: Cluster) -> str:
    """Nobody has looked at it yet."""
    return await cluster.submit("gates a")


async def planning(cluster: Cluster) -> str:
    """Beth's own model makes the plan, and has just run a command."""
    if probe().lacks is not None:
        pytest.skip(str(probe().lacks))
    cluster.up("beth")
    request_id = await requests.submit(cluster.bus, cluster.journal, "Make a plan", plan=None)
    await cluster.until(lambda: len(sleeping()) == 3, "the planner's tool and its children to run")
    return request_id


async def plan_waits_for_approval(cluster: Cluster) -> str:
    cluster.up()
    request_id = await cluster.submit("gates a", approve_plan=True)
    await asking_for(cluster, request_id, "plan")
    return request_id


async def ready_and_paused(cluster: Cluster) -> str:
    """Planned, with a task that may be published and is not."""
    request_id = await cluster.submit_tasks(task("one", "actor", "gates a"), task("two", "actor", "gates b", "one"))
    cluster.beth("pause", request_id)
    cluster.up()
    await cluster.request(request_id, lambda state: state.workflow is not None, "the plan")
    return request_id


async def published_and_not_taken(cluster: Cluster) -> str:
    cluster.up("beth")
    request_id = await cluster.submit("gates a")
    await cluster.request(request_id, lambda state: bool(state.outstanding), "the task to be published")
    return request_id


async def running(cluster: Cluster) -> str:
    """In a step, with a clone, and with a task that waits for it."""
    cluster.up()
    request_id = await cluster.submit_tasks(
        task("one", "actor", "in-clone gates a"), task("two", "actor", "gates b", "one")
    )
    await cluster.reached("a")
    return request_id


async def running_a_tool(cluster: Cluster) -> str:
    """A command of a model's, in the sandbox, with what it put into the background."""
    if probe().lacks is not None:
        pytest.skip(str(probe().lacks))
    cluster.up("beth", "crafter")
    request_id = await cluster.submit("craft", agent="crafter")
    await cluster.until(lambda: len(sleeping()) == 3, "the tool and its children to run")
    return request_id


async def running_under_a_dead_worker(cluster: Cluster) -> str:
    """Its worker was killed and never comes back, nor does another."""
    request_id = await running(cluster)
    cluster.kill("actor")
    return request_id


async def running_a_tool_under_a_dead_worker(cluster: Cluster) -> str:
    request_id = await running_a_tool(cluster)
    cluster.kill("crafter")
    return request_id


async def asking(cluster: Cluster) -> str:
    cluster.up()
    request_id = await cluster.submit("in-clone ask")
    await cluster.asks(request_id)
    return request_id


async def delegating(cluster: Cluster) -> str:
    """Itself with a clone, and one of its two subtasks ended."""
    cluster.up()
    request_id = await cluster.submit("in-clone delegate")
    await cluster.reached("a")
    cluster.open_gate("b")
    await cluster.request(
        request_id, lambda state: state.tasks[f"{request_id}.1.2"].status == "complete", "the second subtask"
    )
    return request_id


async def gate_asks_for_a_decision(cluster: Cluster) -> str:
    cluster.up()
    request_id = await cluster.submit_tasks(
        task("work", "actor", "commit colour.txt blue"),
        task("gate", "friend", "judge changes_requested", "work", gate=True, fix={"agent": "actor", "type": "act"}),
        policy=Policy.model_validate({"gate": {"rounds": 0}}),
    )
    await asking_for(cluster, request_id, "gate")
    return request_id


async def out_of_budget(cluster: Cluster) -> str:
    cluster.up()
    request_id = await cluster.submit("in-clone pay 9", budget={"cost_usd": 2.5})
    await asking_for(cluster, request_id, "budget")
    return request_id


async def paused_while_running(cluster: Cluster) -> str:
    cluster.up()
    request_id = await cluster.submit("in-clone gates a b")
    await cluster.reached("a")
    cluster.beth("pause", request_id)
    cluster.open_gate("a")
    await status(cluster, request_id, "asking")
    return request_id


async def resolving_a_conflict(cluster: Cluster) -> str:
    (cluster.folder / "slowly").touch()
    cluster.up()
    request_id = await cluster.submit_tasks(
        task("one", "actor", "commit shared.txt by-actor a"), task("two", "friend", "commit shared.txt by-friend b")
    )
    for gate in ("a", "b"):
        await cluster.reached(gate)
    for gate in ("a", "b"):
        cluster.open_gate(gate)
    await cluster.reached("resolving")
    return request_id


STATES: list[Brought] = [
    received,
    planning,
    plan_waits_for_approval,
    ready_and_paused,
    published_and_not_taken,
    running,
    running_a_tool,
    running_under_a_dead_worker,
    running_a_tool_under_a_dead_worker,
    asking,
    delegating,
    gate_asks_for_a_decision,
    out_of_budget,
    paused_while_running,
    resolving_a_conflict,
]


def sleeping() -> list[str]:
    """The commands of models that run."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes() if process.name.isdigit() else b""
        except OSError:
            continue
        if command.startswith(b"sleep\x00471"):
            found.append(command.decode())
    return found


# -- what must be so --------------------------------------------------------------------------


@pytest.mark.parametrize("brought", STATES, ids=lambda brought: brought.__name__)
async def test_a_cancelled_request_ends_cancelled_and_leaves_nothing(cluster: Cluster, brought: Brought) -> None:
    request_id = await brought(cluster)
    began = time.monotonic()
    said = cluster.beth("cancel", request_id, "--reason", "not wanted any more")
    assert said.returncode == 0, said.stderr
    if brought is received:
        cluster.up()
    state = await cluster.request(request_id, lambda state: state.ended, "the end of the request")
    assert time.monotonic() - began < SOON
    assert (state.status, state.reason) == ("cancelled", "not wanted any more")
    dead = brought in (running_under_a_dead_worker, running_a_tool_under_a_dead_worker)
    if brought is published_and_not_taken:
        cluster.up("actor")
    await nothing_left(cluster, request_id, queues=not dead)
    assert sleeping() == []
    # What nobody is there any more to resolve counts as failed; all else was cancelled or had its end.
    unresolved = {one.resolves for one in state.tasks.values()}
    assert {one.status for one in state.tasks.values() if one.id not in unresolved} <= {"cancelled", "complete"}
    if dead:  # whoever comes later finds nothing to do
        cluster.up("actor", "crafter")
        await nothing_left(cluster, request_id)
    again = cluster.beth("cancel", request_id)
    assert again.returncode == 2
    assert "has ended: cancelled" in again.stderr


async def test_cancelling_while_everything_is_down_counts_when_it_comes_back(cluster: Cluster) -> None:
    request_id = await delegating(cluster)
    cluster.kill()
    assert cluster.beth("cancel", request_id).returncode == 0
    cluster.up()
    state = await cluster.request(request_id, lambda state: state.ended, "the end of the request")
    assert state.status == "cancelled"
    await nothing_left(cluster, request_id)


async def test_a_beth_that_is_killed_after_a_cancel_leaves_no_clone_for_long(cluster: Cluster) -> None:
    request_id = await running(cluster)
    cluster.beth("cancel", request_id)
    cluster.restart("beth")
    await cluster.request(request_id, lambda state: state.ended, "the end of the request")
    cluster.restart("beth")
    await nothing_left(cluster, request_id)
