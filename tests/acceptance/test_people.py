"""Questions, cancel, pause, notes: what people say of a task counts, whoever is killed before or after they say it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beth_agent_beth import requests
from beth_sdk import history, publish
from beth_sdk.messages import Control
from tests.acceptance.cluster import Cluster


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_question_waits_for_its_answer_and_the_task_goes_on_with_it(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("ask")
    asking = await cluster.asks(request_id)
    if killed == "before":
        cluster.kill()
    assert await requests.answer(cluster.bus, cluster.journal, asking.id, "red")
    if killed == "after":
        cluster.kill()
    cluster.up()
    second = await cluster.asks(request_id)
    assert second.result is not None
    assert second.result.question is not None
    assert second.result.question.text == "Which shape?"
    cluster.restart()
    assert await requests.answer(cluster.bus, cluster.journal, asking.id, "round")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.result == {"colour": "red", "shape": "round"}
    assert cluster.ledger == ["before", "after-red-round"]


async def test_of_two_answers_the_first_counts(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("ask")
    asking = await cluster.asks(request_id)
    cluster.kill("beth")
    assert await requests.answer(cluster.bus, cluster.journal, asking.id, "blue")
    assert not await requests.answer(cluster.bus, cluster.journal, asking.id, "red")
    cluster.up("beth")
    await cluster.asks(request_id)
    assert await requests.answer(cluster.bus, cluster.journal, asking.id, "square")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.result == {"colour": "blue", "shape": "square"}


async def test_an_answer_that_is_no_option_is_refused_and_the_question_stays(cluster: Cluster) -> None:
    cluster.up()
    request_id = await cluster.submit("ask")
    asking = await cluster.asks(request_id)
    refused = cluster.beth("answer", asking.id, "green")
    assert refused.returncode == 2
    assert "red | blue" in refused.stderr
    assert cluster.beth("answer", asking.id, "red").returncode == 0


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_cancelled_task_ends_cancelled(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("gates a b")
    await cluster.reached("a")
    if killed == "before":
        cluster.kill()
    await requests.cancel(cluster.bus, cluster.journal, request_id, "not wanted any more")
    if killed == "after":
        cluster.kill()
    cluster.up()
    task = await cluster.ended(request_id)
    assert task.status == "cancelled"
    assert task.result is not None
    assert task.result.error is not None
    assert task.result.error.message == "not wanted any more"
    assert (await cluster.state(request_id)).status == "cancelled"
    assert "reached:b" not in cluster.ledger


async def test_a_task_that_nobody_began_is_cancelled_without_a_worker(cluster: Cluster) -> None:
    cluster.up("beth")
    request_id = await cluster.submit("gates a")
    await cluster.request(request_id, lambda state: bool(state.outstanding), "the task to be published")
    await requests.cancel(cluster.bus, cluster.journal, request_id, "")
    assert (await cluster.ended(request_id)).status == "cancelled"
    cluster.up("actor")
    stats = await cluster.bus.stats("tasks.actor")
    while stats.ready + stats.in_flight:
        await cluster.bus.read("results.beth", await cluster.bus.tail("results.beth"), wait=0.2)
        stats = await cluster.bus.stats("tasks.actor")
    assert cluster.ledger == []


async def test_cancelling_kills_the_whole_process_group_of_a_command(cluster: Cluster, tmp_path: Path) -> None:
    cluster.up("beth", "program")
    request_id = await cluster.submit("x", agent="program")
    await cluster.until(lambda: any(line.startswith("program:") for line in cluster.ledger), "the program runs")
    pids = [int(cluster.ledger[0].split(":")[1]), int((tmp_path / "child").read_text())]
    assert all(alive(pid) for pid in pids)
    await requests.cancel(cluster.bus, cluster.journal, f"{request_id}.1", "stop it")
    task = await cluster.ended(request_id)
    assert task.status == "cancelled"
    await cluster.until(lambda: not any(alive(pid) for pid in pids), "the group is gone")


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_paused_request_goes_on_only_when_it_is_resumed(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("gates a b")
    await cluster.reached("a")
    if killed == "before":
        cluster.kill()
    await requests.pause(cluster.bus, cluster.journal, request_id)
    if killed == "after":
        cluster.kill()
    cluster.open_gate("a")
    cluster.open_gate("b")
    cluster.up()
    parked = await cluster.request(
        request_id, lambda state: state.tasks[f"{request_id}.1"].status == "asking", "the task to be parked"
    )
    assert parked.paused
    assert "reached:b" not in cluster.ledger
    stats = await cluster.bus.stats("tasks.actor")
    assert (stats.ready, stats.in_flight) == (0, 0), "a paused task holds no slot"
    cluster.restart()
    await requests.resume(cluster.bus, cluster.journal, request_id)
    task = await cluster.ended(request_id)
    assert task.status == "complete"
    assert cluster.ledger.count("reached:b") == 1


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_a_note_is_seen_by_the_running_task(cluster: Cluster, killed: str) -> None:
    cluster.up()
    request_id = await cluster.submit("gates a b")
    await cluster.reached("a")
    if killed == "before":
        cluster.restart()
    task_id = f"{request_id}.1"
    await history.tell(cluster.journal, task_id, "mind the gap", token="1")
    await publish.send_control(cluster.bus, "actor", Control(kind="tell", task_id=task_id, text="mind the gap"))
    if killed == "after":
        cluster.restart()
    cluster.open_gate("a")
    cluster.open_gate("b")
    task = await cluster.ended(request_id)
    assert task.result is not None
    assert task.result.result == {"passed": ["a", "b"], "notes": ["mind the gap"]}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z" if Path("/proc").exists() else True
