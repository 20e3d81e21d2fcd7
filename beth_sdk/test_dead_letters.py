"""Dead letters: kept as they came, listed, tried again, dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beth_sdk import dead_letters, schema
from beth_sdk.bus.base import BEGINNING, Message
from beth_sdk.bus.memory import MemoryBus, open_bus
from beth_sdk.errors import ConfigurationError
from beth_sdk.history import read_history
from beth_sdk.journal.memory import MemoryJournal, open_journal
from beth_sdk.messages import Control, Task
from beth_sdk.testing import ManualClock

QUEUE = "tasks.developer"


class Graveyard:
    """A bus, a journal and a way to bury."""

    def __init__(self, bus: MemoryBus, journal: MemoryJournal, clock: ManualClock) -> None:
        self.bus = bus
        self.journal = journal
        self.clock = clock

    async def bury(self, task: Task, reason: str = "3 of 3 attempts failed") -> None:
        history = [{"epoch": 1, "outcome": "died"}]
        await dead_letters.bury(
            self.bus, QUEUE, schema.encode(task), reason, self.clock, task=task, history=history, error={"code": "x"}
        )

    async def letters(self) -> list[dead_letters.DeadLetter]:
        return await dead_letters.list_dead(self.bus, QUEUE)


@pytest.fixture
async def graveyard() -> Graveyard:
    clock = ManualClock()
    return Graveyard(await open_bus("memory://", clock=clock), await open_journal("memory://", clock=clock), clock)


def a_task(**changes: Any) -> Task:
    fields = {
        "id": "task-1",
        "type": "implement",
        "agent": "developer",
        "payload": {"description": "x"},
        "timestamp": "2026-01-30T10:00:00Z",
    }
    return schema.parse(Task, {**fields, **changes})


async def test_a_dead_letter_has_the_task_the_reason_and_the_history_of_its_attempts(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task())
    (letter,) = await graveyard.letters()
    shown = letter.to_json()
    assert (shown["key"], shown["state"], shown["reason"]) == ("task-1:0", "dead", "3 of 3 attempts failed")
    assert shown["task"] == a_task().to_json()
    assert shown["history"] == [{"epoch": 1, "outcome": "died"}]
    assert shown["error"] == {"code": "x"}
    assert shown["at"] == "2023-11-14T22:13:20.000Z"


async def test_burying_a_task_twice_is_one_dead_letter(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task(), "first")
    await graveyard.bury(a_task(), "second")
    assert [letter.reason for letter in await graveyard.letters()] == ["first"]


async def test_bytes_that_are_no_task_are_kept_byte_for_byte(graveyard: Graveyard) -> None:
    body = b'\xff\xfe{"id": '
    await dead_letters.bury(graveyard.bus, QUEUE, body, "not UTF-8", graveyard.clock)
    (letter,) = await graveyard.letters()
    assert letter.body == body
    assert letter.task is None
    assert letter.key.startswith("bytes-")
    assert letter.to_json()["body"] == '\\xff\\xfe{"id": '


async def test_a_letter_whose_task_can_no_longer_be_read_is_shown_as_the_bytes_it_is(graveyard: Graveyard) -> None:
    await dead_letters.bury(graveyard.bus, QUEUE, b"{", "why", graveyard.clock, task=a_task())
    (letter,) = await graveyard.letters()
    assert (letter.task, letter.to_json()["body"]) == (None, "{")


async def test_bytes_over_the_limit_of_a_message_are_kept_too(graveyard: Graveyard) -> None:
    await dead_letters.bury(graveyard.bus, QUEUE, b"x" * 400_000, "too large", graveyard.clock)
    assert len((await graveyard.letters())[0].body) == 400_000


async def test_what_others_write_to_the_topic_hides_no_dead_letter(graveyard: Graveyard) -> None:
    for body in (b"garbage", b"[]", b'{"key": "task-1:0"}', b'{"key": "k", "fact": "dead"}', b'{"key":"k","fact":"x"}'):
        await graveyard.bus.append(dead_letters.topic_of(QUEUE), Message("k", body))
    await graveyard.bury(a_task())
    assert [letter.key for letter in await graveyard.letters()] == ["task-1:0"]


async def test_more_dead_letters_than_one_page_are_all_listed_oldest_first(graveyard: Graveyard) -> None:
    for number in range(1002):
        await graveyard.bury(a_task(id=f"task-{number}"))
    assert [letter.key for letter in await graveyard.letters()] == [f"task-{number}:0" for number in range(1002)]


async def test_a_dead_letter_is_found_by_its_key_or_its_task_the_newest_first(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task())
    await graveyard.bury(a_task(continuation=1))
    queues = ["tasks.tester", QUEUE]
    assert (await dead_letters.find_dead(graveyard.bus, queues, "task-1")).key == "task-1:1"
    assert (await dead_letters.find_dead(graveyard.bus, queues, "task-1:0")).key == "task-1:0"
    with pytest.raises(ConfigurationError, match="no dead letter is called 'task-2'"):
        await dead_letters.find_dead(graveyard.bus, queues, "task-2")


async def test_redriving_publishes_the_task_as_its_next_continuation(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task(continuation=1, request_id="req-1"))
    (letter,) = await graveyard.letters()
    again = await dead_letters.redrive(graveyard.bus, graveyard.journal, letter, graveyard.clock)
    (delivery,) = await graveyard.bus.receive([QUEUE], "w", 0)
    assert schema.decode(Task, delivery.body) == again == a_task(continuation=2, request_id="req-1")
    history = await read_history(graveyard.journal, "task-1")
    assert (history.newest_continuation, history.redriven) == (2, again.to_json())
    assert (await graveyard.letters())[0].state == "redriven"
    ((_, nudge),) = await graveyard.bus.read("control.beth", BEGINNING)
    assert schema.decode(Control, nudge.body).task_id == "task-1"


async def test_redriving_goes_back_to_the_queue_the_task_came_from(graveyard: Graveyard) -> None:
    task = a_task()
    await dead_letters.bury(graveyard.bus, "tasks.dev", schema.encode(task), "why", graveyard.clock, task=task)
    (letter,) = await dead_letters.list_dead(graveyard.bus, "tasks.dev")
    await dead_letters.redrive(graveyard.bus, graveyard.journal, letter, graveyard.clock)
    assert (await graveyard.bus.stats("tasks.dev")).ready == 1


async def test_redriving_twice_at_the_same_time_is_one_task(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task())
    (letter,) = await graveyard.letters()
    for _ in range(2):  # the second still has the letter as it was
        await dead_letters.redrive(graveyard.bus, graveyard.journal, letter, graveyard.clock)
    assert (await graveyard.bus.stats(QUEUE)).ready == 1
    entries = [entry async for entry in graveyard.journal.read("task/task-1")]
    assert len(entries) == 1


async def test_a_letter_that_was_dealt_with_stays_and_cannot_be_dealt_with_again(graveyard: Graveyard) -> None:
    await graveyard.bury(a_task())
    (letter,) = await graveyard.letters()
    await dead_letters.drop(graveyard.bus, letter, graveyard.clock)
    (dropped,) = await graveyard.letters()
    assert dropped.state == "dropped"
    with pytest.raises(ConfigurationError, match="dropped already"):
        await dead_letters.drop(graveyard.bus, dropped, graveyard.clock)
    with pytest.raises(ConfigurationError, match="dropped already"):
        await dead_letters.redrive(graveyard.bus, graveyard.journal, dropped, graveyard.clock)


async def test_bytes_that_never_were_a_task_cannot_be_redriven(graveyard: Graveyard) -> None:
    await dead_letters.bury(graveyard.bus, QUEUE, json.dumps({"id": 1}).encode(), "no task", graveyard.clock)
    (letter,) = await graveyard.letters()
    with pytest.raises(ConfigurationError, match="never was a task"):
        await dead_letters.redrive(graveyard.bus, graveyard.journal, letter, graveyard.clock)
