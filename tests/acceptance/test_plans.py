"""Plans from files: large ones are carried out, impossible ones refused before anything is written; and a role that
nobody plays is refused at once, also to an agent that delegates to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.cluster import Cluster, task

MANY = 500


def plan(cluster: Cluster, *tasks: dict[str, Any]) -> str:
    """A workflow file."""
    file = cluster.folder / "plan.toml"
    lines = ['name = "from-a-file"']
    for one in tasks:
        lines += ["[[task]]", *(f"{name} = {json.dumps(value)}" for name, value in one.items())]
    file.write_text("\n".join(lines) + "\n")
    return str(file)


async def test_a_workflow_file_of_500_tasks_runs(cluster: Cluster) -> None:
    cluster.up()
    tasks = [task(f"t{n}", "actor", "gates", f"t{n - 10}" if n >= 10 else "") for n in range(MANY - 1)]
    last = task("last", "friend", "gates", " ".join(one["name"] for one in tasks))
    said = cluster.beth("submit", "Do it all", "-w", plan(cluster, *tasks, last), "--json")
    assert said.returncode == 0, said.stderr
    request_id = json.loads(said.stdout)["request_id"]
    state = await cluster.request(request_id, lambda state: state.ended, "the end of the request", patience=100)
    assert (state.status, state.reason) == ("complete", "")
    assert len(state.tasks) == MANY
    assert {one.status for one in state.tasks.values()} == {"complete"}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "task"),
        ([task("a", "actor", "gates", "b"), task("b", "actor", "gates", "a")], "wait for each other: a → b → a"),
        ([task("a", "actor", "gates", "a")], "wait for each other: a → a"),
        ([task("a", "actor", "gates", "z")], "needs 'z', which is no task of it"),
        ([task("a", "actor", "gates"), task("a", "actor", "gates")], "two tasks are called 'a'"),
        ([task("a", "wizard", "gates")], "no installed agent plays 'wizard'"),
    ],
)
async def test_a_file_that_cannot_be_carried_out_is_refused_and_nothing_is_written(
    cluster: Cluster, tasks: list[dict[str, Any]], said: str
) -> None:
    refused = cluster.beth("run", "Do it all", "-w", plan(cluster, *tasks))
    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert json.loads(cluster.beth("list", "--json").stdout) == []


async def test_delegating_to_a_role_that_nobody_plays_is_refused_at_once(cluster: Cluster) -> None:
    ran = cluster.beth("run", "Do it all", "-w", plan(cluster, task("only", "actor", "want wizard")), "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    (only, wanted) = told["tasks"]
    assert (only["status"], wanted["status"]) == ("complete", "rejected")
    assert only["result"]["error"] == wanted["error"]
    message = wanted["error"]["message"]
    assert "wizard" in message
    assert "actor" in message, "it says who is there"
    assert (await cluster.bus.stats("tasks.wizard")).ready == 0


async def test_where_nobody_knows_who_is_there_such_a_task_waits_and_can_be_cancelled(cluster: Cluster) -> None:
    cluster.up()
    said = cluster.beth("submit", "Do it all", "-w", plan(cluster, task("only", "actor", "want wizard")), "--json")
    request_id = json.loads(said.stdout)["request_id"]
    await cluster.request(request_id, lambda state: f"{request_id}.1.1" in state.outstanding, "the task for the wizard")
    assert cluster.beth("cancel", f"{request_id}.1.1").returncode == 0
    one = await cluster.ended(request_id)
    assert one.result is not None
    assert isinstance(one.result.result, dict)
    assert one.result.result["status"] == "cancelled"
