"""The work itself: what tasks commit side by side ends as one branch, also where it does not fit together at once."""

from __future__ import annotations

import json
from typing import Any

from beth_agent_beth import requests
from beth_agent_beth.plan import workflow
from beth_kit.workspace.repository import RequestRepository
from tests.acceptance.cluster import Cluster


def task(name: str, agent: str, description: str, needs: str = "") -> dict[str, Any]:
    return {"name": name, "agent": agent, "type": "act", "description": description, "needs": needs.split()}


async def submit(cluster: Cluster, *tasks: dict[str, Any]) -> str:
    plan = workflow.plan_of({"name": "side-by-side", "task": list(tasks)}, "test")
    return await requests.submit(cluster.bus, cluster.journal, "Write it down", plan=plan)


async def branch(cluster: Cluster, request_id: str) -> dict[str, str]:
    """The files of the request's branch with what is in them."""
    repository = await RequestRepository.open(cluster.folder / "home", request_id)
    head = await repository.head()
    return {name: await repository.git.line("show", f"{head}:{name}") for name in await repository.files(head)}


async def test_what_two_roles_commit_side_by_side_ends_in_one_branch_that_the_third_starts_from(
    cluster: Cluster,
) -> None:
    cluster.up()
    name = await submit(
        cluster,
        task("one", "actor", "commit a.txt a"),
        task("two", "friend", "commit b.txt b"),
        task("three", "actor", "commit c.txt c", "one two"),
    )
    state = await cluster.request(name, lambda state: state.ended, "the end of the request")
    assert (state.status, state.reason) == ("complete", "")
    assert await branch(cluster, name) == {"a.txt": "a", "b.txt": "b", "c.txt": "c"}
    assert state.branch.commits == {"actor": 2, "friend": 1, "beth": 1}
    printed = json.loads(cluster.beth("status", name, "--json").stdout)
    assert (printed["branch"], printed["commit"]) == (f"beth/{name}", state.branch.head)


async def test_a_conflict_is_resolved_by_a_task_and_ends_in_one_branch(cluster: Cluster) -> None:
    cluster.up()
    name = await submit(
        cluster,
        task("one", "actor", "commit shared.txt by-actor a"),
        task("two", "friend", "commit shared.txt by-friend b"),
        task("three", "actor", "commit c.txt c", "one two"),
    )
    for gate in ("a", "b"):  # both have begun before either has ended
        await cluster.reached(gate)
    for gate in ("a", "b"):
        cluster.open_gate(gate)
    state = await cluster.request(name, lambda state: state.ended, "the end of the request")
    assert (state.status, state.reason) == ("complete", "")
    assert await branch(cluster, name) == {"shared.txt": "by-actor\nby-friend", "c.txt": "c"}
    (resolving,) = [one for one in state.tasks.values() if one.resolves is not None]
    assert cluster.ledger.count(f"resolved:{resolving.id}") == 1
    assert resolving.name in ("one-resolve", "two-resolve")


async def test_killed_while_she_merges_beth_goes_on_and_nothing_is_merged_twice(cluster: Cluster) -> None:
    cluster.up()
    names = [
        await submit(
            cluster,
            task("one", "actor", f"commit shared.txt by-actor a{number}"),
            task("two", "friend", f"commit shared.txt by-friend b{number}"),
        )
        for number in range(4)
    ]
    for number in range(4):
        await cluster.reached(f"a{number}")
        await cluster.reached(f"b{number}")
    for number in range(4):
        cluster.open_gate(f"a{number}")
        cluster.open_gate(f"b{number}")
        cluster.restart("beth")
    for name in names:
        state = await cluster.request(name, lambda state: state.ended, "the end of the request")
        assert (state.status, state.reason) == ("complete", "")
        assert await branch(cluster, name) == {"shared.txt": "by-actor\nby-friend"}
        repository = await RequestRepository.open(cluster.folder / "home", name)
        subjects = sorted(entry.subject for entry in await repository.log(since=await repository.base()))
        assert subjects == [f"Work of {name}.{number}" for number in (1, 2, 3)]
