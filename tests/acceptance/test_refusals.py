"""What no worker may execute: each is answered, none is lost, and bytes that are no task are kept as they came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.bus.base import BEGINNING, Outgoing
from beth_sdk.errors import MessageTooLarge
from beth_sdk.messages import Result, Task
from beth_sdk.publish import publish_task
from tests.acceptance.cluster import Cluster


def a_task(**fields: Any) -> dict[str, Any]:
    return {
        "id": "task-1",
        "type": "act",
        "agent": "actor",
        "payload": {"description": "gates a"},
        "reply_to": "results.test",
        "timestamp": "2026-01-30T10:00:00Z",
        **fields,
    }


async def result_of(cluster: Cluster) -> Result:
    """The first result that a worker sends to this test."""
    page = await cluster.bus.read("results.test", BEGINNING, wait=30)
    assert page, cluster.log("actor")
    return schema.decode(Result, page[0][1].body)


@pytest.mark.parametrize("killed", ["before", "after"])
async def test_an_expired_task_is_rejected(cluster: Cluster, killed: str) -> None:
    if killed == "after":
        cluster.up("actor")
    task = schema.parse(Task, a_task(expires_at="2026-01-30T11:00:00Z"))
    await publish_task(cluster.bus, task, journal_id=cluster.journal.id)
    if killed == "after":
        cluster.restart("actor")
    else:
        cluster.up("actor")
    result = await result_of(cluster)
    assert result.error is not None
    assert (result.status, result.error.code) == ("rejected", "expired")
    assert cluster.ledger == []


async def test_a_task_under_a_newer_contract_is_refused_with_both_versions(cluster: Cluster) -> None:
    cluster.up("actor")
    body = json.dumps(a_task(schema_version="2.0", payload={"something": "new"})).encode()
    await cluster.bus.publish("tasks.actor", Outgoing("task-1:0", body))
    result = await result_of(cluster)
    assert result.error is not None
    assert (result.status, result.error.code) == ("rejected", "version_refused")
    assert "2.0" in result.error.message
    assert "1.0" in result.error.message
    assert cluster.dead("actor")[0]["body"] == body.decode()


async def test_a_task_for_another_role_or_of_an_unknown_version_is_rejected(cluster: Cluster) -> None:
    cluster.up("actor")
    task = schema.parse(Task, a_task(agent="nobody"))
    await publish_task(cluster.bus, task, journal_id=cluster.journal.id, queue="tasks.actor")
    result = await result_of(cluster)
    assert result.error is not None
    assert (result.status, result.error.code) == ("rejected", "wrong_role")


async def test_a_task_that_requires_another_version_of_the_agent_is_rejected(cluster: Cluster) -> None:
    cluster.up("actor")
    task = schema.parse(Task, a_task(requires=">=2"))
    await publish_task(cluster.bus, task, journal_id=cluster.journal.id)
    result = await result_of(cluster)
    assert result.error is not None
    assert (result.status, result.error.code) == ("rejected", "version")
    assert "1.0" in result.error.message


async def test_a_plan_for_a_role_that_nobody_plays_is_refused_before_anything_runs(cluster: Cluster) -> None:
    plan = cluster.folder / "plan.toml"
    plan.write_text('name = "p"\n[[task]]\nname = "only"\nagent = "actr"\ntype = "act"\n')
    refused = cluster.beth("run", "gates a", "--workflow", str(plan))
    assert refused.returncode != 0
    assert "$.task[0].agent" in refused.stderr
    assert "actor" in refused.stderr
    assert json.loads(cluster.beth("list", "--json").stdout) == []


@pytest.mark.parametrize(
    "body", [b"\xff\xfe not json", b'{"id": "task-1"', b'{"id":"../../etc","type":"act"}', b"[" * 9000]
)
async def test_poison_bytes_are_kept_as_they_came_and_do_no_harm(cluster: Cluster, body: bytes) -> None:
    cluster.up("actor")
    await cluster.bus.publish("tasks.actor", Outgoing("poison:0", body))
    cluster.restart("actor")
    await publish_task(cluster.bus, schema.parse(Task, a_task()), journal_id=cluster.journal.id)
    cluster.open_gate("a")
    assert (await result_of(cluster)).status == "complete"
    letters = cluster.dead("actor")
    assert len(letters) == 1
    assert letters[0]["body"] == body.decode("utf-8", "backslashreplace")
    assert letters[0]["reason"]
    refused = cluster.beth("dead", "redrive", letters[0]["key"])
    assert refused.returncode == 1
    assert "never was a task" in refused.stderr


async def test_an_oversize_task_is_refused_at_publish_with_its_size(cluster: Cluster) -> None:
    task = schema.parse(Task, a_task(payload={"description": "x" * 300_000}))
    with pytest.raises(MessageTooLarge) as refused:
        await publish_task(cluster.bus, task, journal_id=cluster.journal.id)
    assert refused.value.size > 300_000
    assert refused.value.limit == 256 * 1024
    assert (await cluster.bus.stats("tasks.actor")).ready == 0


async def test_an_oversize_request_is_refused_and_nothing_is_written(cluster: Cluster) -> None:
    (cluster.folder / "request.txt").write_text("x " * 100_000)
    refused = cluster.beth("submit", str(cluster.folder / "request.txt"))
    assert refused.returncode != 0
    assert "65,536" in refused.stderr
    assert json.loads(cluster.beth("list", "--json").stdout) == []


async def test_a_task_of_another_journal_is_left_alone(cluster: Cluster) -> None:
    cluster.up("actor")
    await publish_task(cluster.bus, schema.parse(Task, a_task()), journal_id="another")
    await cluster.until(lambda: "held in another journal" in cluster.log("actor"), "the worker to notice")
    assert cluster.ledger == []
    stats = await cluster.bus.stats("tasks.actor")
    assert stats.delayed + stats.ready + stats.in_flight == 1
