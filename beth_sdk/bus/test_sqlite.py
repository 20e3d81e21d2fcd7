"""The SQLite bus passes the suite of every bus, and keeps the promises of a file."""

from __future__ import annotations

import asyncio
import signal
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from beth_sdk.bus import sqlite_tables
from beth_sdk.bus.base import BEGINNING, Cursor, Message, Outgoing, Queue
from beth_sdk.bus.sqlite import RECHECK, RECHECK_UNHEARD, SQLiteBus, history, open_bus
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BusError, BusUnavailable, CursorExpired
from beth_sdk.testing import BusConformance, ManualClock

QUEUE = "tasks.developer"
TOPIC = "results.beth"
DAY = 86400.0


class TestSQLiteBus(BusConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/beth.db"

    async def open(self, clock: Clock) -> SQLiteBus:
        return await open_bus(self.url, clock=clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "beth.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def folder_of_sockets(path: Path, mode: int) -> None:
    """The folder where waiters listen. One that others can write is not used."""
    folder = path.with_name("beth.db.wake")
    folder.mkdir()
    folder.chmod(mode)


@asynccontextmanager
async def opened(path: Path, clock: Clock, retention: float = 30 * DAY) -> AsyncIterator[SQLiteBus]:
    bus = await open_bus(f"sqlite:///{path}", clock=clock, retention=retention)
    try:
        yield bus
    finally:
        await bus.close()


# -- time ---------------------------------------------------------------------------------------


async def test_a_reboot_frees_all_leases_at_once(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as bus:
        await bus.declare(Queue(QUEUE, 3600))
        await bus.publish(QUEUE, Outgoing("a:0", b""))
        await bus.receive([QUEUE], "worker", 0)
    clock.reboot()
    async with opened(path, clock) as bus:
        [delivery] = await bus.receive([QUEUE], "worker", 0)
        assert (delivery.key, delivery.deliveries) == ("a:0", 2)


async def test_a_delay_goes_on_through_a_reboot(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as bus:
        await bus.publish(QUEUE, Outgoing("a:0", b""), delay=100)
        await bus.publish(QUEUE, Outgoing("over:0", b""), delay=20)
    clock.reboot(30)
    async with opened(path, clock) as bus:
        [over] = await bus.receive([QUEUE], "worker", 0, 2)
        assert over.key == "over:0"
        await bus.ack(over)
        clock.advance(69)
        assert await bus.receive([QUEUE], "worker", 0) == []
        clock.advance(1)
        assert [d.key for d in await bus.receive([QUEUE], "worker", 0)] == ["a:0"]


@pytest.mark.parametrize("jump", [-90 * DAY, 90 * DAY])
async def test_setting_the_date_ends_no_lease_and_no_delay(path: Path, clock: ManualClock, jump: float) -> None:
    async with opened(path, clock) as bus:
        await bus.publish(QUEUE, Outgoing("leased:0", b""))
        await bus.receive([QUEUE], "worker", 0)
        await bus.publish(QUEUE, Outgoing("delayed:0", b""), delay=30)
        clock.set_wall(clock.wall() + jump)
    async with opened(path, clock) as bus:
        assert await bus.receive([QUEUE], "worker", 0) == []
        assert (await bus.stats(QUEUE)).oldest_age == 0
        clock.advance(30)
        assert [d.key for d in await bus.receive([QUEUE], "worker", 0)] == ["delayed:0"]
        clock.advance(30)
        assert [d.key for d in await bus.receive([QUEUE], "worker", 0)] == ["leased:0"]


@pytest.mark.parametrize(("folder_mode", "after"), [(0o700, RECHECK), (0o777, RECHECK_UNHEARD)])
async def test_a_waiting_receive_looks_again_by_itself_should_a_wake_get_lost(
    path: Path, clock: ManualClock, folder_mode: int, after: float
) -> None:
    folder_of_sockets(path, folder_mode)
    async with opened(path, clock) as bus:
        waiting = asyncio.ensure_future(bus.receive([QUEUE], "worker", 3600))
        await clock.until_sleeping()
        # As another process would, but without telling anybody.
        await bus._run(
            lambda connection: sqlite_tables.publish(
                connection, QUEUE, Outgoing("a:0", b""), headers="{}", delay=0, clock=clock
            )
        )
        assert not waiting.done()
        clock.advance(after)
        assert [d.key for d in await asyncio.wait_for(waiting, 30)] == ["a:0"]


# -- the log and its retention ------------------------------------------------------------------


async def test_the_history_has_everything_in_the_order_of_publishing(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as bus:
        await bus.publish("tasks.product-manager", Outgoing("prd:0", b"task"))
        await bus.ack((await bus.receive(["tasks.product-manager"], "worker", 0))[0])
        await bus.append(TOPIC, Message("request-1", b"result"))
        await bus.publish(QUEUE, Outgoing("implement:0", b"task", priority=0), delay=60)
        await bus.append("events", Message("request-1", b"event"))
        expected = [
            ("tasks.product-manager", "prd:0", b"task"),
            (TOPIC, "request-1", b"result"),
            (QUEUE, "implement:0", b"task"),
        ]
        assert history(path, "tasks.product-manager", TOPIC, QUEUE) == expected
    assert history(path) == [*expected, ("events", "request-1", b"event")]


async def test_a_key_is_forgotten_with_its_message(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock, retention=DAY) as bus:
        await bus.publish(QUEUE, Outgoing("a:0", b"first"))
        await bus.ack((await bus.receive([QUEUE], "worker", 0))[0])
        clock.advance(DAY + 1)
        await bus.append(TOPIC, Message("any", b""))
        await bus.publish(QUEUE, Outgoing("a:0", b"second"))
        assert [d.body for d in await bus.receive([QUEUE], "worker", 0)] == [b"second"]


async def test_trimming_goes_on_in_chunks_until_all_is_gone(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_tables, "TRIM_CHUNK", 10)
    async with opened(path, clock, retention=DAY) as bus:
        await asyncio.gather(*(bus.append(TOPIC, Message("old", b"")) for _ in range(35)))
        clock.advance(2 * DAY)
        left = []
        for _ in range(5):
            await bus.append(TOPIC, Message("new", b""))
            left.append(sum(key == "old" for _, key, _ in history(path)))
        assert left == [25, 15, 5, 0, 0]
        assert len(await bus.read(TOPIC, BEGINNING)) == 5


async def test_trimming_looks_again_only_after_an_hour(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock, retention=60) as bus:
        await bus.append(TOPIC, Message("old", b""))
        clock.advance(3599)
        await bus.append(TOPIC, Message("new", b""))
        assert len(history(path)) == 2
        clock.advance(1)
        await bus.append(TOPIC, Message("new", b""))
        assert [key for _, key, _ in history(path)] == ["new", "new"]


async def test_a_task_done_after_its_retention_is_trimmed_in_the_next_round(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock, retention=60) as bus:
        await bus.publish(QUEUE, Outgoing("a:0", b""))
        clock.advance(7200)
        await bus.append("events.dead", Message("any", b""))
        [delivery] = await bus.receive([QUEUE], "worker", 0)
        await bus.ack(delivery)
        clock.advance(7200)
        await bus.append("events.dead", Message("any", b""))
        assert history(path, QUEUE) == []


async def test_cursors_are_never_given_out_twice(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock, retention=60) as bus:
        await bus.append(TOPIC, Message("old", b""))
        old = await bus.tail(TOPIC)
    clock.advance(7200)
    async with opened(path, clock, retention=60) as bus:
        assert history(path) == []
        await bus.append(TOPIC, Message("new", b""))
        assert await bus.tail(TOPIC) != old
        assert len(await bus.read(TOPIC, old)) == 1


async def test_a_cursor_of_another_bus_is_refused(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as bus:
        with pytest.raises(BusError, match="'1700000000000-0' is not a cursor of this bus"):
            await bus.read(TOPIC, Cursor("1700000000000-0"))


async def test_a_reader_that_waits_is_told_when_its_cursor_expires(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock, retention=60) as bus:
        for _ in range(3):
            await bus.append(TOPIC, Message("old", b""))
        cursor = (await bus.read(TOPIC, BEGINNING, limit=1))[0][0]
        clock.advance(7200)
        await bus.append("events", Message("any", b""))
        with pytest.raises(CursorExpired):
            await bus.read(TOPIC, cursor, wait=60)


async def test_a_closed_bus_says_so(path: Path, clock: ManualClock) -> None:
    bus = await open_bus(f"sqlite:///{path}", clock=clock)
    await bus.close()
    await bus.close()
    with pytest.raises(BusUnavailable, match=r"beth\.db: this connection to the bus was closed"):
        await bus.publish(QUEUE, Outgoing("a:0", b""))


async def test_a_receive_that_the_closing_meets_before_it_waits_leaves_no_socket_behind(
    path: Path, clock: ManualClock
) -> None:
    bus = await open_bus(f"sqlite:///{path}", clock=clock)
    receiving = asyncio.ensure_future(bus.receive([QUEUE], "w", 10))
    await asyncio.sleep(0)  # it has asked the file, and has no answer yet
    await bus.close()
    assert await receiving == []
    assert list(path.parent.glob("beth.db.wake/*")) == []


async def test_a_priority_that_is_refused_does_not_harm_publishes_beside_it(path: Path, clock: ManualClock) -> None:
    async with opened(path, clock) as bus:
        outcomes = await asyncio.gather(
            *(bus.publish(QUEUE, Outgoing(f"{n}:0", b"", priority=n)) for n in range(3, 7)), return_exceptions=True
        )
        assert [isinstance(outcome, ValueError) for outcome in outcomes] == [False, False, True, True]
        assert (await bus.stats(QUEUE)).ready == 2


# -- several processes --------------------------------------------------------------------------

WORKER = """
import asyncio, sys, time
from beth_sdk.bus.base import Message
from beth_sdk.bus.sqlite import open_bus
from beth_sdk.testing import ManualClock

async def main():
    # Time stands still here: nothing but being woken can end a wait.
    bus = await open_bus(sys.argv[1], clock=ManualClock())
    print("ready", flush=True)
    while True:
        for delivery in await bus.receive(["tasks.developer"], "worker", 60):
            received = time.monotonic()
            await bus.append("results.beth", Message(delivery.key, str(received).encode()))
            await bus.ack(delivery)

asyncio.run(main())
"""

HOLDER = """
import asyncio, sys
from beth_sdk.bus.sqlite import open_bus
from beth_sdk.testing import ManualClock

async def main():
    # Both processes start at the same moment of the same boot.
    bus = await open_bus(sys.argv[1], clock=ManualClock())
    [delivery] = await bus.receive(["tasks.developer"], "worker", 60)
    print(delivery.key, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

PUBLISHER = """
import asyncio, sys
from beth_sdk.bus.base import Outgoing
from beth_sdk.bus.sqlite import open_bus

async def main():
    bus = await open_bus(sys.argv[1])

    async def publish(lane):
        for n in range(1_000_000):
            key = f"{lane}-{n}:0"
            await bus.publish("tasks.developer", Outgoing(key, b"x" * 500))
            print(key, flush=True)

    await asyncio.gather(*(publish(lane) for lane in range(10)))

asyncio.run(main())
"""


@asynccontextmanager
async def running(program: str, path: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, f"sqlite:///{path}", stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()


async def test_two_processes_exchange_tasks_and_results_without_polling(path: Path, clock: ManualClock) -> None:
    async with running(WORKER, path) as worker, opened(path, clock) as bus:
        assert await line_of(worker) == "ready"
        cursor, latencies = BEGINNING, []
        for n in range(20):
            await bus.publish(QUEUE, Outgoing(f"{n}:0", b""))
            published = time.monotonic()
            [(cursor, result)] = await asyncio.wait_for(bus.read(TOPIC, cursor, wait=60), 30)
            assert result.key == f"{n}:0"
            latencies.append(float(result.body) - published)
    # A millisecond where nothing else runs; what counts is that no waiting interval is in it.
    assert statistics.median(latencies) < 0.25


async def test_competing_processes_share_the_tasks_and_never_one_task(path: Path, clock: ManualClock) -> None:
    async with running(WORKER, path) as one, running(WORKER, path) as two, opened(path, clock) as bus:
        assert [await line_of(one), await line_of(two)] == ["ready", "ready"]
        await asyncio.gather(*(bus.publish(QUEUE, Outgoing(f"{n}:0", b"")) for n in range(200)))
        cursor, done = BEGINNING, list[str]()
        while len(done) < 200:
            page = await asyncio.wait_for(bus.read(TOPIC, cursor, wait=60), 30)
            done += [result.key for _, result in page]
            cursor = page[-1][0]
        assert sorted(done) == sorted(f"{n}:0" for n in range(200))


async def test_what_was_acknowledged_survives_a_kill_of_its_process(path: Path) -> None:
    async with running(PUBLISHER, path) as publisher:
        acknowledged = [await line_of(publisher) for _ in range(300)]
        publisher.send_signal(signal.SIGKILL)
        rest, _ = await publisher.communicate()
    # The last line may have been cut off in the middle.
    acknowledged += rest.decode().split("\n")[:-1]
    async with opened(path, SystemClock()) as bus:
        received: list[str] = []
        while found := await bus.receive([QUEUE], "worker", 0, 500):
            received += [delivery.key for delivery in found]
    assert len(received) == len(set(received))
    assert set(acknowledged) <= set(received)


async def test_a_task_of_a_killed_process_comes_to_another_when_its_lease_is_over(path: Path) -> None:
    clock = ManualClock()
    async with opened(path, clock) as bus:
        await bus.declare(Queue(QUEUE, 60))
        await bus.publish(QUEUE, Outgoing("a:0", b""))
        async with running(HOLDER, path) as holder:
            assert await line_of(holder) == "a:0"
            holder.send_signal(signal.SIGKILL)
            await holder.wait()
        waiting = asyncio.ensure_future(bus.receive([QUEUE], "another", 3600))
        await clock.until_sleeping()
        clock.advance(59)
        await clock.until_sleeping()
        assert not waiting.done()
        clock.advance(1)
        assert [d.key for d in await asyncio.wait_for(waiting, 30)] == ["a:0"]
