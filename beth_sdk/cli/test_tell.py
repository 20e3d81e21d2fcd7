"""`beth tell`."""

from __future__ import annotations

import pytest

from beth_sdk import schema
from beth_sdk.bus.base import BEGINNING
from beth_sdk.cli.conftest import Beth, OnPorts, add_agent
from beth_sdk.cli.options import Ports
from beth_sdk.cli.tell import MAX_TEXT
from beth_sdk.conftest import Site
from beth_sdk.history import read_history, stream_of
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Control

RESULT = {"task_id": "task-1", "status": "complete"}


async def notes(both: Ports) -> list[str]:
    return (await read_history(both.journal, "task-1")).notes


async def start_task(both: Ports) -> None:
    fact = Fact("started", {"continuation": 0, "instance": "echo-1", "version": "echo 1.2"})
    await both.journal.append(stream_of("task-1"), [fact], key="started")


async def end_task(both: Ports) -> None:
    await both.journal.append(stream_of("task-1"), [Fact("ended", {"continuation": 0, "result": RESULT})], key="ended")


async def nudges(both: Ports) -> list[Control]:
    found = await both.bus.read("control.echo", BEGINNING)
    return [schema.decode(Control, message.body) for _, message in found]


def test_a_note_stands_in_the_journal_and_the_role_is_nudged(beth: Beth, on_ports: OnPorts) -> None:
    on_ports(start_task)
    ran = beth("tell", "task-1", "use Postgres", "--role", "echo")
    assert (ran.exit_code, ran.stdout) == (0, "task-1 sees the note from its next step on\n")
    assert on_ports(notes) == ["use Postgres"]
    (nudge,) = on_ports(nudges)
    assert (nudge.kind, nudge.task_id, nudge.text) == ("tell", "task-1", "use Postgres")


def test_without_a_role_all_installed_ones_are_nudged(beth: Beth, site: Site, on_ports: OnPorts) -> None:
    add_agent(site, "echo")
    on_ports(start_task)
    beth("tell", "task-1", "use Postgres")
    assert len(on_ports(nudges)) == 1


def test_the_same_text_twice_is_two_notes(beth: Beth, on_ports: OnPorts) -> None:
    beth("tell", "task-1", "hurry")
    beth("tell", "task-1", "hurry")
    assert on_ports(notes) == ["hurry", "hurry"]


def test_a_task_that_nobody_has_taken_yet_finds_the_note_when_it_starts(beth: Beth, on_ports: OnPorts) -> None:
    ran = beth("tell", "task-1", "hurry")
    assert ran.exit_code == 0
    assert ran.stderr.startswith("beth: nobody has taken a task task-1 yet")
    assert on_ports(notes) == ["hurry"]
    assert beth("tell", "task-2", "hurry", "--json").json == {"task_id": "task-2", "told": True, "known": False}


def test_a_task_that_has_ended_is_told_nothing(beth: Beth, on_ports: OnPorts) -> None:
    on_ports(end_task)
    ran = beth("tell", "task-1", "hurry")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == "beth: task task-1 has ended (complete), so nobody would read the note\n"
    assert on_ports(notes) == []


@pytest.mark.parametrize(
    ("task", "text", "reason"),
    [
        ("../etc", "hurry", "'../etc' is no task's id"),
        ("task-1", "  ", "the note has 2 characters"),
        ("task-1", "x" * (MAX_TEXT + 1), "accepted: 1 to 16,000"),
    ],
)
def test_what_is_no_id_or_no_note_is_wrong_usage(beth: Beth, task: str, text: str, reason: str) -> None:
    ran = beth("tell", task, text)
    assert ran.exit_code == 2
    assert reason in ran.stderr
