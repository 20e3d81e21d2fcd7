"""A task's stream under a hold: every fact once, and what others write seen."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk import history as facts
from beth_sdk import logs
from beth_sdk.errors import Held, HoldLost, JournalUnavailable
from beth_sdk.journal.base import Fact
from beth_sdk.worker.conftest import LEASE, Bench, a_task, soon
from beth_sdk.worker.stream import TaskStream

DONE = Fact(facts.STEP_DONE, {"name": "s", "n": 0, "digest": "d", "outcome": 1})
RAISED = Fact(facts.STEP_RAISED, {"name": "s", "n": 0, "digest": "d", "error": {}})


def a_stream(bench: Bench) -> TaskStream:
    return TaskStream(bench.around(), a_task(), logs.get("test"))


async def taken(bench: Bench) -> TaskStream:
    stream = a_stream(bench)
    await stream.take()
    await stream.read()
    return stream


async def test_each_hold_has_a_higher_epoch(bench: Bench) -> None:
    first = await taken(bench)
    await first.drop()
    second = await taken(bench)
    assert (first.epoch, second.epoch) == (1, 2)
    assert second.failed == 1


async def test_a_stream_that_is_held_cannot_be_taken(bench: Bench) -> None:
    await taken(bench)
    with pytest.raises(Held):
        await a_stream(bench).take()


async def test_the_first_facts_of_an_epoch_say_who_started_it_and_the_others_do_not(bench: Bench) -> None:
    stream = await taken(bench)
    await stream.append([DONE], key="one")
    await stream.append([RAISED], key="two")
    assert await bench.kinds() == ["started", "step_done", "step_raised"]
    started = (await bench.entries())[0].fact.data
    assert started == {"continuation": 0, "instance": "developer-1", "version": "beth-developer 1.2.0"}


async def test_letting_go_is_no_start(bench: Bench) -> None:
    await (await taken(bench)).let_go()
    assert await bench.kinds() == ["let_go"]


async def test_an_outcome_is_progress_and_an_error_is_none(bench: Bench) -> None:
    stream = await taken(bench)
    await stream.append([RAISED], key="one")
    assert not stream.progressed
    await stream.append([DONE], key="two")
    assert stream.progressed


async def test_what_was_written_is_folded_without_reading_it(bench: Bench) -> None:
    stream = await taken(bench)
    bench.watch.verbs.clear()
    await stream.append([DONE], key="one")
    assert stream.history.steps["s", 0].state == "done"
    assert stream.history.version == 2
    assert bench.watch.verbs == ["write started+step_done"]


async def test_a_gap_in_the_versions_shows_that_others_wrote_and_what(bench: Bench) -> None:
    stream = await taken(bench)
    await bench.told("tell", "hurry")
    await bench.told("cancel")
    assert not stream.history.notes
    await stream.append([DONE], key="one")
    assert stream.history.notes == ["hurry"]
    assert stream.history.cancel_reason == "enough"
    assert stream.history.steps["s", 0].state == "done"
    await stream.append([RAISED], key="two")
    assert stream.history.notes == ["hurry"]


async def test_an_append_whose_reply_was_lost_is_repeated_under_the_same_key_and_is_one_fact(bench: Bench) -> None:
    stream = await taken(bench)
    bench.watch.fail("write", JournalUnavailable("cut off before"))
    bench.watch.lose_reply("write", JournalUnavailable("cut off after"))
    appending = asyncio.ensure_future(stream.append([DONE], key="step"))
    for delay in (0.1, 0.2):
        await bench.clock.until_sleeping()
        bench.clock.advance(delay)
    await soon(appending)
    assert bench.journal.keys == ["1:step"] * 3
    assert await bench.kinds() == ["started", "step_done"]


async def test_the_keys_of_two_epochs_differ(bench: Bench) -> None:
    for _ in range(2):
        stream = await taken(bench)
        await stream.append([DONE], key="step")
        await stream.drop()
    assert bench.journal.keys == ["1:step", "2:step"]


async def test_an_append_under_an_old_epoch_is_refused(bench: Bench) -> None:
    stream = await taken(bench)
    bench.clock.advance(LEASE + 1)
    await taken(bench)
    with pytest.raises(HoldLost) as lost:
        await stream.append([DONE], key="one")
    assert (lost.value.epoch, lost.value.current) == (1, 2)
    assert await bench.kinds() == []


async def test_two_who_look_at_once_fold_every_fact_once(bench: Bench) -> None:
    stream = await taken(bench)
    await bench.told("tell", "hurry")
    gate = bench.watch.hold_up("read")
    looking = [asyncio.ensure_future(look()) for look in (stream.look, stream.read, stream.look)]
    await bench.watch.until("read")
    gate.set()
    await soon(asyncio.gather(*looking))
    assert stream.history.notes == ["hurry"]


async def test_reading_waits_for_the_journal_and_looking_does_not(bench: Bench) -> None:
    await bench.told("tell", "hurry")
    stream = a_stream(bench)
    await stream.take()
    bench.watch.fail("read", JournalUnavailable("down"), JournalUnavailable("down"))
    with pytest.raises(JournalUnavailable):
        await stream.look()
    reading = asyncio.ensure_future(stream.read())
    await bench.clock.until_sleeping()
    bench.clock.advance(0.1)
    assert (await soon(reading)).notes == ["hurry"]


async def test_a_stream_that_was_empty_when_it_was_taken_is_not_read(bench: Bench) -> None:
    stream = a_stream(bench)
    await stream.take()
    await stream.read()
    assert bench.watch.verbs == ["take"]


async def test_a_hold_that_is_given_up_is_known_to_be(bench: Bench) -> None:
    stream = await taken(bench)
    assert not stream.dropped
    await stream.drop()
    assert stream.dropped


async def test_time_is_counted_from_the_beginning_of_the_work(bench: Bench) -> None:
    stream = await taken(bench)
    bench.clock.advance(3)
    assert stream.seconds == 3
