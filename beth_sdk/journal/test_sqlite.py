"""The SQLite journal passes the suite of every journal, and keeps the promises of a file."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from functools import partial
from pathlib import Path

import pytest

from beth_sdk.bus.base import Outgoing
from beth_sdk.bus.sqlite import open_bus
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import JournalUnavailable
from beth_sdk.journal import sqlite_tables
from beth_sdk.journal.base import Fact
from beth_sdk.journal.sqlite import PAGE, SQLiteJournal, open_journal
from beth_sdk.testing import JournalConformance, ManualClock

STREAM = "task/task-abc123:0"


class TestSQLiteJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/beth.db"

    async def open(self, clock: Clock) -> SQLiteJournal:
        return await open_journal(self.url, clock=clock)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/beth.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_reboot_ends_all_holds_and_keeps_their_epochs(url: str, clock: ManualClock) -> None:
    journal = await open_journal(url, clock=clock)
    before = await journal.take(STREAM, "worker-1", 3600)
    await journal.close()
    clock.reboot()
    journal = await open_journal(url, clock=clock)
    assert (await journal.take(STREAM, "worker-2", 3600)).epoch > before.epoch
    await journal.close()


async def test_setting_the_date_ends_no_hold(url: str, clock: ManualClock) -> None:
    journal = await open_journal(url, clock=clock)
    hold = await journal.take(STREAM, "worker-1", 60)
    clock.set_wall(clock.wall() + 90 * 86400)
    await journal.append(STREAM, [Fact("a")], key="one", hold=hold)
    outcomes = await asyncio.gather(journal.take(STREAM, "worker-2", 60), return_exceptions=True)
    assert "is held by worker-1" in str(outcomes[0])
    await journal.close()


async def test_bus_and_journal_share_a_file_and_its_thread(url: str, clock: ManualClock) -> None:
    bus = await open_bus(url, clock=clock)
    journal = await open_journal(url, clock=clock)
    assert bus._database is journal._database
    await asyncio.gather(
        bus.publish("tasks.developer", Outgoing("a:0", b"")),
        journal.append(STREAM, [Fact("publishing")], key="publishing"),
    )
    await bus.close()
    assert [entry.fact.kind async for entry in journal.read(STREAM)] == ["publishing"]
    await journal.close()


async def test_a_read_holds_no_more_than_a_page(url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await open_journal(url, clock=clock)
    await journal.append(STREAM, [Fact("a")] * (PAGE * 3), key="one")
    limits = []

    def counted(connection: sqlite3.Connection, stream: str, after: int, limit: int) -> object:
        limits.append((after, limit))
        return read(connection, stream, after, limit)

    read = sqlite_tables.read
    monkeypatch.setattr(sqlite_tables, "read", counted)
    entries = journal.read(STREAM)
    assert (await anext(entries)).version == 1
    assert limits == [(0, PAGE)]
    assert sum([1 async for _ in entries]) == PAGE * 3 - 1
    await journal.close()


async def test_an_archive_that_was_interrupted_can_be_read_and_finished(url: str, clock: ManualClock) -> None:
    journal = await open_journal(url, clock=clock)
    await journal.append(STREAM, [Fact(str(n)) for n in range(50)], key="one")
    await journal._run(partial(sqlite_tables.close_stream, stream=STREAM, clock=clock))
    await journal._run(partial(sqlite_tables.pack, stream=STREAM, limit=20))
    everything = [str(n) for n in range(50)]
    assert [entry.fact.kind async for entry in journal.read(STREAM)] == everything
    await journal.archive(STREAM)
    assert [entry.fact.kind async for entry in journal.read(STREAM)] == everything
    await journal.close()


async def test_an_archived_stream_takes_little_room(url: str, clock: ManualClock) -> None:
    journal = await open_journal(url, clock=clock)
    await journal.append(STREAM, [Fact("step", {"text": "the same again and again " * 20})] * 500, key="one")
    await journal.archive(STREAM)

    def sizes(connection: sqlite3.Connection) -> tuple[int, int]:
        left = connection.execute("SELECT COUNT(*) FROM entry").fetchone()[0]
        return left, connection.execute("SELECT SUM(LENGTH(entries)) FROM archive").fetchone()[0]

    left, packed = await journal._run(sizes)
    assert left == 0
    assert packed < 500 * 500 / 20
    await journal.close()


async def test_a_closed_journal_says_so(url: str, clock: ManualClock) -> None:
    journal = await open_journal(url, clock=clock)
    await journal.close()
    await journal.close()
    with pytest.raises(JournalUnavailable, match=r"beth\.db: this connection to the journal was closed"):
        await journal.take(STREAM, "worker", 60)


WRITER = """
import asyncio, sys
from beth_sdk.journal.base import Fact
from beth_sdk.journal.sqlite import open_journal

async def main():
    journal = await open_journal(sys.argv[1])

    async def write(stream):
        hold = await journal.take(stream, "writer", 3600)
        for n in range(1_000_000):
            await journal.append(stream, [Fact("a", {"n": n}), Fact("b", {"n": n})], key=str(n), hold=hold)
            print(f"{stream} {n}", flush=True)

    await asyncio.gather(*(write(f"task/{lane}") for lane in range(10)))

asyncio.run(main())
"""


async def test_facts_that_were_acknowledged_survive_a_kill_and_batches_stay_whole(url: str) -> None:
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, url, stdout=PIPE)
    assert writer.stdout is not None
    lines = [(await asyncio.wait_for(writer.stdout.readline(), 60)).decode() for _ in range(300)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = await writer.communicate()
    acknowledged = {line.strip() for line in lines} | set(rest.decode().split("\n")[:-1])
    journal = await open_journal(url, clock=SystemClock())
    found = set()
    async for stream in journal.streams("task/"):
        written = [(entry.fact.kind, entry.fact.data["n"]) async for entry in journal.read(stream)]
        assert written == [(kind, n) for n in range(len(written) // 2) for kind in "ab"]
        found |= {f"{stream} {n}" for _, n in written}
    assert acknowledged <= found
    await journal.close()
