"""Tasks that fail, kill their worker or wait for others: nothing is lost, and the dead can be tried again."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.cluster import Cluster


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_delegated_tasks_are_done_by_others_and_their_results_come_back(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("delegate")
    await cluster.reached("a")
    await cluster.reached("b")
    if killed == "before":
        cluster.restart()
    cluster.open_gate("a")
    if killed == "after":
        await cluster.request(
            request_id, lambda state: state.tasks[f"{request_id}.1.1"].status == "complete", "the first child"
        )
        cluster.restart()
    cluster.open_gate("b")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.result == {
        "children": ["complete", "complete"],
        "ids": [f"{request_id}.1.1", f"{request_id}.1.2"],
    }
    assert cluster.ledger.count("before") == 1


async def test_a_loop_of_delegation_is_refused_with_its_chain(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("loop")
    task = await cluster.ended(request_id)
    # actor asked friend, who asked friend for the very same thing
    assert task.result is not None
    assert isinstance(task.result.result, dict)
    inner = task.result.result
    assert inner["status"] == "complete"
    state = await cluster.state(request_id)
    refused = state.tasks[f"{request_id}.1.1.1"].result
    assert refused is not None
    assert refused.error is not None
    assert (refused.status, refused.error.code) == ("rejected", "loop")
    assert refused.error.details == {
        "chain": [f"{request_id}.1 (actor)", f"{request_id}.1.1 (friend)", f"{request_id}.1.1.1 (friend)"]
    }


async def test_delegating_ever_deeper_ends_at_the_hop_limit(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("deeper 1")
    await cluster.ended(request_id)
    state = await cluster.state(request_id)
    deepest = max(state.tasks.values(), key=lambda one: len(one.id))
    assert deepest.result is not None
    assert deepest.result.error is not None
    assert deepest.result.error.code == "loop"
    assert deepest.task is not None
    chain = (deepest.result.error.details or {})["chain"]
    assert isinstance(chain, list)
    assert len(chain) == deepest.task.max_hops + 1


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_failing_task_is_tried_again_with_backoff(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("fail 2")
    await cluster.until(lambda: "attempt" in cluster.ledger, "the first attempt")
    if killed == "after":
        await cluster.until(lambda: "attempt failed" in cluster.log("actor"), "the failure to be journaled")
    cluster.restart()
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.result == {"attempts": 3}
    history = await cluster.history(f"{request_id}.1")
    outcomes = [attempt.outcome for attempt in history.attempts(0, 99) if attempt.outcome != "died"]
    assert outcomes[-1] == "complete"
    assert "attempt_failed" in outcomes


async def test_a_task_that_keeps_failing_is_dead_with_its_history_and_can_be_redriven(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("fail 4")
    task = await cluster.ended(request_id)
    assert task.status == "failed"
    assert (await cluster.state(request_id)).status == "failed"
    letter = json.loads(cluster.beth("dead", "show", task.id, "--json").stdout)
    assert [attempt["outcome"] for attempt in letter["history"]] == ["attempt_failed", "attempt_failed", "failed"]
    assert [attempt["error"]["message"] for attempt in letter["history"][:2]] == ["not yet, of 4"] * 2
    assert letter["task"]["payload"]["description"] == "fail 4"
    cluster.restart("actor")
    assert cluster.beth("dead", "redrive", task.id).returncode == 0
    cluster.restart()
    again = await cluster.ended_again(request_id, continuation=1)
    assert again.status == "complete"
    assert (await cluster.state(request_id)).status == "complete"
    assert cluster.ledger.count("attempt") == 5
    twice = cluster.beth("dead", "redrive", task.id)
    assert twice.returncode == 1
    assert "redriven already" in twice.stderr


async def test_a_task_that_kills_its_worker_every_time_is_dead_too(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("die")
    for attempt in range(1, 4):
        await cluster.until(lambda n=attempt: cluster.ledger.count("attempt") >= n, f"attempt {attempt}")  # type: ignore[misc]
        await cluster.until(lambda: cluster.died("actor") is not None, "the worker dies")
        cluster.restart("actor")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.error is not None
    assert task.result.error.code == "worker_died"
    assert cluster.ledger.count("attempt") == 3
    cluster.open_gate("mended")
    assert cluster.beth("dead", "redrive", task.id).returncode == 0
    again = await cluster.ended_again(request_id, continuation=1)
    assert again.result is not None
    assert again.result.result == {"mended": True}


async def test_an_oversize_result_is_refused_and_said_so(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("large")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.error is not None
    assert task.result.error.code == "too_large"
    assert "262,144" in task.result.error.message
