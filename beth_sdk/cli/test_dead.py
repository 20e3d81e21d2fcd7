"""`beth dead`: on a real bus, with letters that were buried as a worker does it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beth_sdk import schema
from beth_sdk.cli.conftest import Beth, OnPorts, add_agent, make_task
from beth_sdk.cli.options import Ports
from beth_sdk.clock import SystemClock
from beth_sdk.conftest import Site
from beth_sdk.dead_letters import bury
from beth_sdk.history import stream_of
from beth_sdk.messages import Task

NOON = 1_769_774_400.0
"""2026-01-30, 12 o'clock UTC."""

Bury = Callable[[str], Task]


@pytest.fixture
def echo(site: Site) -> None:
    """An agent whose queue has the dead letters."""
    add_agent(site, "echo")


@pytest.fixture
def buried(on_ports: OnPorts, echo: None) -> Bury:
    """Buries a task of this id in the queue of the echo role."""

    def one(task_id: str) -> Task:
        task = make_task(task_id)
        error = {"code": "retryable", "message": "no network"}
        first = {
            "epoch": 1,
            "outcome": "attempt_failed",
            "instance": "echo-1",
            "at": NOON,
            "seconds": 2.5,
            "error": error,
        }
        second = {"epoch": 2, "outcome": "died", "instance": "echo-2", "at": NOON + 10, "seconds": None, "error": None}

        async def do(both: Ports) -> None:
            await bury(
                both.bus,
                "tasks.echo",
                schema.encode(task),
                "2 of 2 attempts failed",
                SystemClock(),
                task=task,
                history=[first, second],
                error=error,
            )

        on_ports(do)
        return task

    return one


@pytest.fixture
def garbage(on_ports: OnPorts, echo: None) -> str:
    """Bytes that are no task, buried; returns how their name begins."""

    async def do(both: Ports) -> str:
        await bury(both.bus, "tasks.echo", b"{\x1bnot json", "not JSON", SystemClock())
        return "bytes-"

    on_ports(do)
    return "bytes-"


def names(beth: Beth, *arguments: str) -> list[str]:
    """The names in the list."""
    return [letter["key"] for letter in beth("dead", "list", "--json", *arguments).json["dead"]]


def test_every_dead_letter_is_listed_with_its_reason(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    heading, row = beth("dead", "list").stdout.splitlines()
    assert heading.split() == ["NAME", "QUEUE", "SINCE", "ATTEMPTS", "REASON"]
    assert row.startswith("task-1:0  tasks.echo  ")
    assert row.endswith("  2         2 of 2 attempts failed")


def test_where_nothing_is_dead_it_says_so(beth: Beth, echo: None) -> None:
    assert beth("dead", "list").stdout == "Nothing is dead.\n"
    assert beth("dead", "list", "--json").json == {"dead": []}


def test_only_one_queue_or_role_can_be_listed(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    assert names(beth, "--queue", "tasks.echo") == names(beth, "--role", "echo") == ["task-1:0"]
    assert names(beth, "--queue", "tasks.other") == names(beth, "--role", "other") == []
    assert beth("dead", "list", "--queue", "a", "--role", "b").exit_code == 2


def test_one_letter_is_shown_with_every_attempt(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    shown = beth("dead", "show", "task-1").stdout
    assert shown.splitlines()[0] == "task-1:0  dead"
    assert "  reason  2 of 2 attempts failed\n" in shown
    assert "  error   retryable: no network\n" in shown
    table = [line.split("  ") for line in shown.partition("\n\n")[2].partition("\n\n")[0].splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in table]
    assert cells == [
        ["EPOCH", "WHEN", "RAN", "OUTCOME", "WORKER", "ERROR"],
        ["1", "2026-01-30 12:00:00Z", "2.5 s", "attempt failed", "echo-1", "retryable: no network"],
        ["2", "2026-01-30 12:00:10Z", "–", "died", "echo-2", "–"],
    ]
    assert "task task-1 for echo, type implement" in shown
    assert "  Build it\n" in shown


def test_a_letter_is_shown_as_json_whole(beth: Beth, buried: Bury) -> None:
    task = buried("task-1")
    found = beth("dead", "show", "task-1:0", "--json").json
    assert (found["key"], found["state"], found["task"]) == ("task-1:0", "dead", task.to_json())
    assert [attempt["epoch"] for attempt in found["history"]] == [1, 2]


def test_bytes_that_are_no_task_are_shown_safely(beth: Beth, garbage: str) -> None:
    (name,) = names(beth)
    assert name.startswith(garbage)
    shown = beth("dead", "show", name).stdout
    assert "10 bytes that are no task:\n  {\\x1bnot json\n" in shown


def test_an_unknown_name_is_one_clear_line(beth: Beth, buried: Bury) -> None:
    ran = beth("dead", "show", "task-9")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "beth: no dead letter is called 'task-9'; `beth dead list` shows them\n"


def test_a_redriven_task_is_in_its_queue_again_as_the_next_continuation(
    beth: Beth, buried: Bury, on_ports: OnPorts
) -> None:
    buried("task-1")
    ran = beth("dead", "redrive", "task-1")
    assert (ran.exit_code, ran.stdout) == (0, "task-1:0 redriven\n")

    async def look(both: Ports) -> None:
        (delivery,) = await both.bus.receive(["tasks.echo"], "me", 0)
        assert schema.decode(Task, delivery.body).continuation == 1
        assert [entry.fact.kind async for entry in both.journal.read(stream_of("task-1"))] == ["redriven"]

    on_ports(look)
    assert names(beth) == []
    assert names(beth, "--all") == ["task-1:0"]
    assert "redriven" in beth("dead", "list", "--all").stdout


def test_all_dead_tasks_are_redriven_at_once_and_bytes_are_left(beth: Beth, buried: Bury, garbage: str) -> None:
    buried("task-1")
    buried("task-2")
    ran = beth("dead", "redrive", "--all", "--json")
    assert ran.exit_code == 0
    assert [(one["key"], one["redriven"], one["continuation"]) for one in ran.json["redriven"]] == [
        ("task-1:0", True, 1),
        ("task-2:0", True, 1),
    ]
    assert len(names(beth)) == 1


def test_redriving_bytes_fails_and_says_why(beth: Beth, garbage: str) -> None:
    (name,) = names(beth)
    ran = beth("dead", "redrive", name)
    assert ran.exit_code == 1
    assert f"beth: {name} never was a task, so it cannot be tried again" in ran.stderr


def test_redriving_needs_names_or_all_but_not_both(beth: Beth, buried: Bury) -> None:
    assert beth("dead", "redrive").exit_code == 2
    assert beth("dead", "redrive", "task-1", "--all").exit_code == 2


def test_one_wrong_name_keeps_all_from_being_redriven(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    assert beth("dead", "redrive", "task-1", "task-9").exit_code == 2
    assert names(beth) == ["task-1:0"]


def test_a_dropped_letter_is_dealt_with_but_stays(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    assert beth("dead", "drop", "task-1").stdout == "task-1:0 dropped\n"
    assert names(beth) == []
    assert beth("dead", "show", "task-1").stdout.splitlines()[0] == "task-1:0  dropped"


def test_what_was_dealt_with_is_not_dealt_with_again(beth: Beth, buried: Bury) -> None:
    buried("task-1")
    beth("dead", "drop", "task-1")
    for verb in ("drop", "redrive"):
        ran = beth("dead", verb, "task-1")
        assert (ran.exit_code, ran.stderr) == (1, "beth: task-1:0 was dropped already\n")
    assert beth("dead", "redrive", "task-1", "--json").json["redriven"][0]["error"]["code"] == "configuration"


def test_redriving_all_of_nothing_says_so(beth: Beth, echo: None) -> None:
    assert beth("dead", "redrive", "--all").stdout == "Nothing is dead.\n"
