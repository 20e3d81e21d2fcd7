"""`beth log`."""

from __future__ import annotations

import asyncio

from beth_sdk.bus.base import Message
from beth_sdk.cli.conftest import Beth, OnPorts
from beth_sdk.cli.log import EVENTS, followed, is_over
from beth_sdk.cli.options import Ports, ports, settings_from
from beth_sdk.history import stream_of
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.worker.events import TOPIC

STARTED = Fact("started", {"continuation": 0, "instance": "echo-1", "version": "echo 1.2"})
STEP = Fact("step_done", {"name": "one", "n": 0, "digest": "d", "outcome": 1, "seconds": 0.5})


def ended(status: str = "complete") -> Fact:
    """The end of a task, or of one of its deliveries."""
    return Fact("ended", {"continuation": 0, "result": {"task_id": "task-1", "status": status}, "seconds": 1.0})


async def journaled(both: Ports, *facts: Fact, key: str = "key") -> None:
    """Write facts about task-1 as its worker does."""
    hold = await both.journal.take(stream_of("task-1"), "echo-1", 60)
    await both.journal.append(stream_of("task-1"), facts, key=key, hold=hold)
    await both.journal.drop(hold)


def test_a_task_is_told_from_its_journal(beth: Beth, on_ports: OnPorts) -> None:
    on_ports(lambda both: journaled(both, STARTED, STEP, ended()))
    ran = beth("log", "task-1")
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == "task task-1"
    assert lines[1].startswith("epoch 1 · ")
    assert [line.split("  ")[2] for line in lines[2:]] == ["step one done in 0.5 s: 1", "complete after 1 s: null"]


def test_programs_get_every_fact_whole(beth: Beth, on_ports: OnPorts) -> None:
    on_ports(lambda both: journaled(both, STARTED, STEP))
    found = beth("log", "task-1", "--json").json
    assert found["task_id"] == "task-1"
    assert [(fact["version"], fact["epoch"], fact["kind"]) for fact in found["facts"]] == [
        (1, 1, "started"),
        (2, 1, "step_done"),
    ]
    assert found["facts"][1]["data"] == dict(STEP.data)


def test_an_unknown_task_is_one_clear_line(beth: Beth) -> None:
    ran = beth("log", "task-9")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("beth: the journal knows no task 'task-9': ")
    assert ran.stderr.count("\n") == 1


def test_following_a_task_that_has_ended_ends_at_once(beth: Beth, on_ports: OnPorts) -> None:
    on_ports(lambda both: journaled(both, STARTED, STEP, ended()))
    ran = beth("log", "task-1", "--follow", "--json")
    assert ran.exit_code == 0
    assert [line.count('"kind"') for line in ran.stdout.splitlines()] == [1, 1, 1]


async def test_following_hands_over_what_is_written_meanwhile(home: object) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()
    async with ports(settings_from(None)) as both:

        async def follow() -> None:
            async for entry in followed(both.bus, both.journal, "task-1"):
                seen.put_nowait(entry.fact.kind)

        following = asyncio.ensure_future(follow())
        await journaled(both, STARTED, key="first")
        await both.bus.append(EVENTS, Message("task-1", b"{}"))
        assert await seen.get() == "started"
        await journaled(both, ended("needs_input"), key="asked")  # which is no end
        await journaled(both, ended(), key="ended")
        await following
        assert [seen.get_nowait(), seen.get_nowait()] == ["ended", "ended"]


def test_a_redriven_task_is_not_over() -> None:
    def entry(fact: Fact) -> Entry:
        return Entry(Version(1), fact, 0, 0.0)

    assert is_over(entry(ended("failed")), before=False)
    assert not is_over(entry(Fact("redriven", {})), before=True)
    assert is_over(entry(Fact("tell", {})), before=True)
    assert not is_over(entry(ended("needs_tasks")), before=False)


def test_it_listens_where_workers_speak() -> None:
    assert EVENTS == TOPIC
