"""`beth stats`."""

from __future__ import annotations

import json
import signal

from beth_sdk import schema
from beth_sdk.bus.base import Queue
from beth_sdk.cli.conftest import Beth, OnPorts, Start, add_agent, make_task
from beth_sdk.cli.options import Ports
from beth_sdk.cli.stats import Reader, Row, lines
from beth_sdk.clock import SystemClock
from beth_sdk.conftest import Site
from beth_sdk.dead_letters import bury, drop, find_dead
from beth_sdk.publish import publish_task


async def some_of_each(both: Ports) -> None:
    """One task that runs, two that are ready, three that are delayed, one that is dead."""
    await both.bus.declare(Queue("tasks.echo"))
    for number in range(3):
        await publish_task(both.bus, make_task(f"ready-{number}"), journal_id=both.journal.id)
    for number in range(3):
        await publish_task(both.bus, make_task(f"later-{number}"), journal_id=both.journal.id, delay=1000)
    await both.bus.receive(["tasks.echo"], "me", 0)
    await bury_one(both, "dead-1")


async def bury_one(both: Ports, task_id: str) -> None:
    task = make_task(task_id)
    await bury(both.bus, "tasks.echo", schema.encode(task), "why", SystemClock(), task=task)


def test_the_numbers_of_each_queue_are_told(beth: Beth, site: Site, on_ports: OnPorts) -> None:
    add_agent(site, "echo")
    on_ports(some_of_each)
    (found,) = beth("stats", "--json", "--queue", "tasks.echo").json["queues"]
    assert found.pop("oldest_age") < 60
    assert found == {"queue": "tasks.echo", "ready": 2, "delayed": 3, "in_flight": 1, "dead": 1}


def test_without_options_the_queues_of_all_agents_are_told(beth: Beth, site: Site) -> None:
    add_agent(site, "echo")
    add_agent(site, "other")
    told = {row["queue"] for row in beth("stats", "--json").json["queues"]}
    assert {"tasks.echo", "tasks.other"} <= told


def test_people_see_a_table() -> None:
    assert lines([Row("tasks.echo", 2, 3, 1, 75.0, 4), Row("tasks.b", 0, 0, 0, 0.0, 0)]) == [
        "QUEUE       READY  DELAYED  RUNNING  OLDEST      DEAD",
        "tasks.echo  2      3        1        1 min 15 s  4",
        "tasks.b     0      0        0        –           0",
    ]


def test_letters_that_were_dealt_with_do_not_count(on_ports: OnPorts) -> None:
    async def do(both: Ports) -> None:
        reader = Reader(both.bus)
        await bury_one(both, "dead-1")
        await bury_one(both, "dead-2")
        assert (await reader.read(["tasks.echo"]))[0].dead == 2
        await drop(both.bus, await find_dead(both.bus, ["tasks.echo"], "dead-1"), SystemClock())
        assert (await reader.read(["tasks.echo"]))[0].dead == 1
        assert (await reader.read(["tasks.echo"]))[0].dead == 1

    on_ports(do)


def test_watching_tells_again_and_again_until_ctrl_c(start: Start) -> None:
    running = start("stats", "--watch", "--json", "--queue", "tasks.echo")
    running.line("tasks.echo", count=2)
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert json.loads(running.out[1])["queues"][0]["queue"] == "tasks.echo"
    assert running.err in ([], [""])
