"""The SQLite memory passes the suite of every memory, and keeps the promises of a file."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sqlite3
import stat
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from beth_kit.memory import sqlite, sqlite_file
from beth_kit.memory.base import MemoryLimits, MemoryUnavailable
from beth_kit.memory.sqlite import SQLiteMemory
from beth_kit.memory.test_conformance import MemoryConformance
from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError

WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from beth_kit.memory.sqlite import SQLiteMemory

async def main(path: str, name: str, count: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    memory = SQLiteMemory(Path(path))
    for number in itertools.islice(itertools.count(), count or None):
        made = await memory.remember(f"note {name} {number} " + "word " * 200, ["tag"], key=f"{name}-{number}")
        print(made.id, flush=True)
    await memory.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


class TestSQLiteMemory(MemoryConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "memory"

    async def open(
        self, clock: Clock, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> SQLiteMemory:
        return SQLiteMemory(self.folder / f"{role}.db", clock=clock, limits=limits, secrets=secrets)


class TestSQLiteMemoryWithoutFTS5(MemoryConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "memory"

    async def open(
        self, clock: Clock, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> SQLiteMemory:
        path = self.folder / f"{role}.db"
        return SQLiteMemory(path, clock=clock, limits=limits, secrets=secrets, full_text=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "developer.db"


@pytest.fixture
async def memory(path: Path) -> AsyncIterator[SQLiteMemory]:
    one = SQLiteMemory(path)
    yield one
    await one.close()


async def _filled(path: Path, count: int = 3) -> None:
    memory = SQLiteMemory(path)
    for number in range(count):
        await memory.remember(f"note {number} " + "word " * 500, key=str(number))
    await memory.close()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _content(*paths: Path) -> bytes:
    return b"".join(path.read_bytes() for path in paths)


def _garbage(path: Path, content: bytes = b"garbage ") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content * 1000)


def _asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob("developer.db.damaged-*Z*"))


def _write_into(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


async def _writer(path: Path, name: str, count: int) -> asyncio.subprocess.Process:
    """A process that is ready to write as soon as it is sent a line."""
    words = ("-c", WRITER, str(path), name, str(count))
    writer = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=PIPE, stdout=PIPE)
    assert writer.stdout is not None
    assert await asyncio.wait_for(writer.stdout.readline(), 30) == b"ready\n"
    return writer


def _go(*writers: asyncio.subprocess.Process) -> None:
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")


# -- the file ---------------------------------------------------------------------------------


async def test_nothing_is_made_before_the_first_call(path: Path) -> None:
    await SQLiteMemory(path).close()
    assert not path.parent.exists()


async def test_only_its_owner_can_read_the_file(memory: SQLiteMemory, path: Path) -> None:
    await memory.remember("x", key="k1")
    names = ("", "developer.db", "developer.db-wal", "developer.db-shm")
    assert [_mode(path.parent / name) for name in names] == [0o700, 0o600, 0o600, 0o600]


async def test_a_note_is_on_the_disk_without_the_secret_it_was_given_with(memory: SQLiteMemory, path: Path) -> None:
    await memory.remember("password=hunter2hunter2 opens the staging server", key="k1")
    await memory.close()
    content = _content(*path.parent.iterdir())
    assert b"staging server" in content
    assert b"hunter2" not in content


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.close()
    before = _content(path)
    with pytest.raises(ConfigurationError, match="another program's database"):
        await SQLiteMemory(path).recall()
    assert _content(path) == before


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    await _filled(path)
    file = sqlite3.connect(path)
    file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(ConfigurationError, match="upgrade beth-kit"):
        await SQLiteMemory(path).recall()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryUnavailable, match=r"file/developer\.db.*check that its folder"):
        await SQLiteMemory(tmp_path / "file" / "developer.db").remember("x", key="k1")


async def test_the_disk_running_full_loses_only_the_note_that_did_not_fit(memory: SQLiteMemory) -> None:
    made = await memory.remember("first", key="k1")
    assert memory._file is not None
    pages = memory._file.connection.execute("PRAGMA page_count").fetchone()[0]
    memory._file.connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(MemoryUnavailable, match="the disk is full"):
        await memory.remember("long " * 1500, key="long")
    assert await memory.recall("first") == [made]
    await memory.remember("second", key="k2")
    assert len(await memory.recall("second")) == 1


async def test_of_what_went_long_ago_nothing_is_kept(
    memory: SQLiteMemory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "GONE", 2)
    for number in range(5):
        await memory.forget((await memory.remember("x", key=str(number))).id)
    file = sqlite3.connect(path)
    assert file.execute("SELECT COUNT(*) FROM gone").fetchone() == (2,)
    file.close()
    for number in range(5):
        await memory.remember(f"note {number}", key=str(number))
    assert [note.text for note in await memory.recall()] == ["note 2", "note 1", "note 0"]


# -- damage -----------------------------------------------------------------------------------


async def test_a_file_that_is_no_database_is_moved_aside_and_reported(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _garbage(path, b"not a database at all ")
    memory = SQLiteMemory(path)
    with caplog.at_level(logging.ERROR):
        assert await memory.recall() == []
    (aside,) = _asides(path)
    assert _content(aside).startswith(b"not a database")
    (record,) = caplog.records
    assert "was damaged" in record.getMessage()
    assert record.__dict__["fields"] == {
        "file": str(path),
        "moved_to": str(aside),
        "damage": "file is not a database",
    }
    await memory.remember("anew", key="k1")
    assert len(await memory.recall("anew")) == 1
    await memory.close()


async def test_a_page_of_garbage_is_found_at_opening(path: Path) -> None:
    await _filled(path, 50)
    _write_into(path, 4096 * 3, b"\xa5" * 4096 * 10)
    memory = SQLiteMemory(path)
    assert await memory.recall() == []
    assert len(_asides(path)) == 1
    await memory.close()


async def test_damage_that_no_search_would_meet_is_found_at_opening_too(path: Path) -> None:
    await _filled(path, 50)
    _write_into(path, 4096 * 20, b"\xa5" * 4096)
    memory = SQLiteMemory(path, full_text=False)
    assert await memory.recall(limit=1) == []
    assert len(_asides(path)) == 1
    await memory.close()


async def test_a_file_cut_short_is_moved_aside(path: Path) -> None:
    await _filled(path, 50)
    os.truncate(path, 4096 * 2 + 100)
    memory = SQLiteMemory(path)
    assert await memory.recall() == []
    assert len(_asides(path)) == 1
    await memory.close()


async def test_damage_while_the_file_is_open_is_found_by_the_next_call(memory: SQLiteMemory, path: Path) -> None:
    await _filled(path, 50)
    assert len(await memory.recall()) == 5
    assert memory._file is not None
    memory._file.connection.execute("PRAGMA shrink_memory")  # so that the pages are not cached any more
    _write_into(path, 4096, b"\xa5" * 4096 * 50)
    assert await memory.recall("note") == []
    await memory.remember("anew", key="k1")
    assert len(await memory.recall("anew")) == 1
    assert len(_asides(path)) == 1


async def test_a_damaged_index_is_made_anew_and_no_note_is_lost(memory: SQLiteMemory, path: Path) -> None:
    await _filled(path, 20)
    file = sqlite3.connect(path)
    file.execute("UPDATE note_index_data SET block = x'a5a5a5a5a5a5a5a5a5a5a5a5' WHERE id > 10")
    file.commit()
    file.close()
    assert len(await memory.recall("note", limit=50)) == 20
    assert _asides(path) == []


async def test_a_check_that_finds_only_the_index_damaged_costs_no_note(
    memory: SQLiteMemory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _filled(path, 20)
    check = sqlite_file._check

    def as_of_sqlite_3_44(connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'note_index'").fetchone():
            damage = sqlite3.DatabaseError("malformed inverted index for FTS5 table main.note_index")
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
        check(connection)

    monkeypatch.setattr(sqlite_file, "_check", as_of_sqlite_3_44)
    assert len(await memory.recall("note", limit=50)) == 20
    assert _asides(path) == []


async def test_who_had_the_damaged_file_open_goes_on_in_the_new_one(path: Path) -> None:
    one, other = SQLiteMemory(path), SQLiteMemory(path)
    await one.remember("old", key="k1")
    assert one._file is not None
    one._disconnect()
    await other.recall()
    sqlite_file._move_aside(path, 0, sqlite3.DatabaseError("for the test"))
    await one.remember("new", key="k2")
    assert [note.text for note in await other.recall()] == ["new"]
    made = await other.remember("newer", key="k3")
    assert (await one.recall())[0] == made
    await one.close()
    await other.close()


async def test_two_that_find_the_damage_at_once_move_one_file_aside(path: Path) -> None:
    _garbage(path)
    memories = [SQLiteMemory(path) for _ in range(6)]
    await asyncio.gather(*(memory.remember("x", key=str(n)) for n, memory in enumerate(memories)))
    assert len(await memories[0].recall(limit=50)) == 6
    assert len(_asides(path)) == 1
    await asyncio.gather(*(memory.close() for memory in memories))


def test_a_second_damaged_file_does_not_replace_the_first(path: Path) -> None:
    for content in (b"garbage one ", b"garbage two "):
        _garbage(path, content)
        sqlite_file.open_file(path, now=0).connection.close()
        path.unlink()
    assert sorted(_content(aside)[:11] for aside in _asides(path)) == [b"garbage one", b"garbage two"]


# -- several at once --------------------------------------------------------------------------


async def test_processes_that_write_at_once_lose_nothing(path: Path, memory: SQLiteMemory) -> None:
    writers = [await _writer(path, name, 40) for name in ("a", "b", "c")]
    _go(*writers)
    printed = [(await asyncio.wait_for(writer.communicate(), 60))[0].decode().split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [len(ids) for ids in printed] == [40, 40, 40]
    for name in ("a", "b", "c"):
        found = await memory.recall(f"{name}", limit=50)
        assert len(found) == 40
    assert {note.id for name in "abc" for note in await memory.recall(name, limit=50)} == {
        one for ids in printed for one in ids
    }


async def test_what_a_writer_said_it_kept_outlives_its_being_killed(path: Path) -> None:
    kept: list[str] = []
    for name in ("a", "b", "c", "d"):
        writer = await _writer(path, name, 0)
        _go(writer)
        assert writer.stdout is not None
        kept += [(await asyncio.wait_for(writer.stdout.readline(), 30)).decode().strip() for _ in range(5)]
        writer.send_signal(signal.SIGKILL)
        kept += (await writer.stdout.read()).decode().split("\n")[:-1]
        await writer.wait()
    memory = SQLiteMemory(path)
    await memory.recall()
    assert memory._file is not None
    connection = memory._file.connection
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.execute("INSERT INTO note_index (note_index) VALUES ('integrity-check')")
    stored = {row[0] for row in connection.execute("SELECT id FROM note")}
    assert set(kept) <= stored
    assert len(kept) >= 20
    assert connection.execute("SELECT COUNT(*) FROM note_index").fetchone()[0] == len(stored)
    assert _asides(path) == []
    await memory.close()


async def test_a_file_that_stays_locked_is_an_error_and_no_hang(
    memory: SQLiteMemory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "PATIENCE", 0.05)
    await memory.remember("x", key="k1")
    locker = sqlite3.connect(path)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(MemoryUnavailable, match="another program keeps it locked"):
        await memory.remember("y", key="k2")
    locker.close()
    await memory.remember("y", key="k2")


async def test_an_opening_that_never_ends_elsewhere_is_an_error_and_no_hang(
    memory: SQLiteMemory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "PATIENCE", 0.05)
    path.parent.mkdir()
    with path.with_name("developer.db.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MemoryUnavailable, match="another process has been opening it"):
            await memory.recall()
    assert await memory.recall() == []


async def test_the_event_loop_goes_on_while_the_file_is_locked(memory: SQLiteMemory, path: Path) -> None:
    await memory.remember("x", key="k1")
    locker = sqlite3.connect(path)
    locker.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(memory.remember("y", key="k2"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not writing.done()
    locker.close()
    assert (await writing).text == "y"


async def test_nothing_of_sqlite_runs_in_the_threads_of_the_event_loop(
    memory: SQLiteMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    connected = memory._connected

    def noted() -> sqlite_file.OpenFile:
        threads.append(threading.current_thread().name)
        return connected()

    monkeypatch.setattr(memory, "_connected", noted)
    made = await memory.remember("x", key="k1")
    await memory.recall("x")
    await memory.forget(made.id)
    assert len(threads) == 3
    assert threading.main_thread().name not in threads


# -- without FTS5 -----------------------------------------------------------------------------


async def test_what_was_written_without_fts5_is_indexed_by_the_next_who_has_it(path: Path) -> None:
    await _filled(path, 2)
    without = SQLiteMemory(path, full_text=False)
    await without.remember("a late note", key="late")
    await without.forget((await without.recall("0"))[0].id)
    await without.close()
    memory = SQLiteMemory(path)
    assert [note.text for note in await memory.recall("late")] == ["a late note"]
    assert await memory.recall("0") == []
    assert len(await memory.recall("note")) == 2
    assert memory._file is not None
    assert memory._file.connection.execute("SELECT COUNT(*) FROM note_index").fetchone() == (2,)
    await memory.close()


async def test_an_sqlite_that_lacks_fts5_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "_INDEX", "USING fts99(words)")
    memory = SQLiteMemory(path)
    await memory.remember("a note", key="k1")
    assert memory._file is not None
    assert memory._file.full_text is False
    assert len(await memory.recall("note")) == 1
    await memory.close()
