"""Many callers share a commit, nobody's failure is anybody else's, and every failure has a clear line."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from beth_sdk._sqlite import Connection, Database, open_database
from beth_sdk._sqlite.file import connect
from beth_sdk.errors import BethError, BusUnavailable


def insert(connection: Connection, number: int) -> int:
    connection.execute("INSERT INTO number VALUES (?)", (number,))
    return number


def numbers(connection: Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT value FROM number ORDER BY value")]


def trace(connection: Connection, statements: list[str]) -> None:
    connection.set_trace_callback(statements.append)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(tmp_path / "beth.db")
    await run(database, lambda connection: connection.execute("CREATE TABLE number (value INTEGER UNIQUE)"))
    yield database
    await database.release()


run = partial(Database.run, unavailable=BusUnavailable)


async def test_operations_that_wait_together_share_one_commit(database: Database) -> None:
    statements: list[str] = []
    await run(database, partial(trace, statements=statements))
    await asyncio.gather(*(run(database, partial(insert, number=n)) for n in range(100)))
    assert await run(database, numbers, writes=False) == list(range(100))
    # The first may have been picked up alone.
    assert statements.count("COMMIT") <= 5


async def test_writing_locks_others_out_from_the_start_and_reading_never_does(database: Database) -> None:
    statements: list[str] = []
    await run(database, partial(trace, statements=statements))
    statements.clear()
    await run(database, numbers, writes=False)
    assert statements[0] == "BEGIN"
    statements.clear()
    await run(database, partial(insert, number=1))
    assert statements[0] == "BEGIN IMMEDIATE"


async def test_an_operation_that_refuses_does_not_harm_its_neighbours(database: Database) -> None:
    def refuse(connection: Connection) -> None:
        raise BethError("no")

    outcomes = await asyncio.gather(
        run(database, partial(insert, number=1)),
        run(database, refuse),
        run(database, partial(insert, number=2)),
        return_exceptions=True,
    )
    assert (outcomes[0], str(outcomes[1]), outcomes[2]) == (1, "no", 2)
    assert await run(database, numbers, writes=False) == [1, 2]


async def test_an_operation_that_fails_halfway_is_undone_alone(database: Database) -> None:
    def write_and_fail(connection: Connection) -> None:
        insert(connection, 50)
        raise BethError("halfway")

    operations = [partial(insert, number=n) for n in range(10)]
    outcomes = await asyncio.gather(
        *(run(database, operation) for operation in operations[:5]),
        run(database, write_and_fail),
        *(run(database, operation) for operation in operations[5:]),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, BethError)] == list(range(10))
    assert await run(database, numbers, writes=False) == list(range(10))


async def test_a_statement_that_the_database_refuses_does_not_harm_its_neighbours(database: Database) -> None:
    await run(database, partial(insert, number=1))
    outcomes = await asyncio.gather(
        *(run(database, partial(insert, number=n)) for n in (0, 1, 2)), return_exceptions=True
    )
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (0, BusUnavailable, 2)
    assert await run(database, numbers, writes=False) == [0, 1, 2]


async def test_a_full_disk_is_named_and_what_fits_later_is_kept(database: Database) -> None:
    def fill(connection: Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS filling (x BLOB)")
        connection.execute("INSERT INTO filling VALUES (zeroblob(10000000))")

    def limit(connection: Connection, pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await run(database, partial(limit, pages=50))
    outcomes = await asyncio.gather(
        run(database, partial(insert, number=1)),
        run(database, fill),
        run(database, partial(insert, number=2)),
        return_exceptions=True,
    )
    assert (outcomes[0], outcomes[2]) == (1, 2)
    with pytest.raises(BusUnavailable, match=r"beth\.db: the disk is full: free some space"):
        await run(database, fill)
    await run(database, partial(limit, pages=100000))
    await run(database, fill)
    assert await run(database, numbers, writes=False) == [1, 2]


async def test_a_commit_of_another_process_is_waited_for(database: Database) -> None:
    with sqlite3.connect(database.path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO number VALUES (1)")
        waiting = asyncio.ensure_future(run(database, partial(insert, number=2)))
        committing = asyncio.get_running_loop().run_in_executor(None, other.execute, "COMMIT")
        assert await waiting == 2
        await committing
    other.close()
    assert await run(database, numbers, writes=False) == [1, 2]


async def test_a_file_that_is_locked_for_good_is_named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beth_sdk._sqlite.database._PATIENCE", 0.0)
    with sqlite3.connect(database.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusUnavailable, match=r"beth\.db: another program keeps it locked"):
            await asyncio.gather(*(run(database, partial(insert, number=n)) for n in range(3)))
        other.execute("ROLLBACK")
    other.close()
    assert await run(database, partial(insert, number=4)) == 4


async def test_a_file_that_was_deleted_is_never_written_on(database: Database) -> None:
    database.path.unlink()
    with pytest.raises(BusUnavailable, match=r"beth\.db: the file was removed or replaced"):
        await run(database, partial(insert, number=1))
    database.path.touch()
    with pytest.raises(BusUnavailable, match=r"beth\.db: the file was removed or replaced"):
        await run(database, partial(insert, number=1))


async def test_a_connection_that_broke_is_opened_anew(database: Database) -> None:
    def break_once(connection: Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        raise error

    with pytest.raises(BusUnavailable, match="the disk reports an error"):
        await run(database, break_once)
    assert await run(database, partial(insert, number=1)) == 1


async def test_a_connection_that_broke_because_its_file_went_away_makes_no_new_file(database: Database) -> None:
    def lose_file(connection: Connection) -> None:
        database.path.unlink()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        raise error

    with pytest.raises(BusUnavailable, match="the disk reports an error"):
        await run(database, lose_file)
    with pytest.raises(BusUnavailable, match="removed or replaced"):
        await run(database, numbers, writes=False)
    assert not database.path.exists()


async def test_users_of_one_file_in_a_process_share_its_thread(tmp_path: Path) -> None:
    def threads() -> int:
        return sum(thread.name == "beth-sqlite-shared.db" for thread in threading.enumerate())

    one, two = open_database(tmp_path / "shared.db"), open_database(tmp_path / "shared.db")
    assert one is two
    assert threads() == 1
    await one.release()
    assert await run(two, lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    await two.release()
    anew = open_database(tmp_path / "shared.db")
    assert anew is not two
    await anew.release()


async def test_loops_in_several_threads_get_their_own_answers(database: Database) -> None:
    async def many(start: int) -> list[int]:
        return await asyncio.gather(*(run(database, partial(insert, number=start + n)) for n in range(20)))

    def many_elsewhere(start: int) -> list[int]:
        return asyncio.run(many(start))

    elsewhere = [asyncio.to_thread(many_elsewhere, start) for start in (100, 200)]
    assert await asyncio.gather(many(0), *elsewhere) == [
        [*range(20)],
        [*range(100, 120)],
        [*range(200, 220)],
    ]


async def test_a_loop_that_ended_before_its_answer_harms_nobody(database: Database) -> None:
    go_on = threading.Event()

    async def leave() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        def slow(connection: Connection) -> None:
            loop.call_soon_threadsafe(started.set)
            go_on.wait(30)

        leaving = asyncio.ensure_future(run(database, slow))
        await started.wait()
        leaving.cancel()

    await asyncio.to_thread(lambda: asyncio.run(leave()))
    go_on.set()
    assert await run(database, partial(insert, number=1)) == 1


async def test_what_nobody_waits_for_any_more_is_not_started(database: Database) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        started.set()
        go_on.wait(30)

    first = asyncio.ensure_future(run(database, slow))
    await asyncio.to_thread(started.wait, 30)
    cancelled = asyncio.ensure_future(run(database, partial(insert, number=1)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    go_on.set()
    await first
    assert await run(database, numbers, writes=False) == []


FORKING = """
import asyncio, os, sys
from pathlib import Path
from beth_sdk._sqlite import open_database
from beth_sdk.errors import BusUnavailable

def one(connection):
    return connection.execute("SELECT 1").fetchone()

async def main(path):
    database = open_database(path)
    await database.run(one, unavailable=BusUnavailable)
    return database

database = asyncio.run(main(Path(sys.argv[1])))
child = os.fork()
if child == 0:
    try:
        asyncio.run(database.run(one, unavailable=BusUnavailable))
    except BusUnavailable as error:
        print("refused:", error)
    print("anew:", asyncio.run(open_database(database.path).run(one, unavailable=BusUnavailable)), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent:", asyncio.run(database.run(one, unavailable=BusUnavailable)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_told_to_open_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "beth.db"
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert said == [
        f"refused: {path}: opened before this process was forked: open it anew in the child",
        "anew: (1,)",
        "parent: (1,)",
    ]


def test_many_who_open_a_new_file_at_once_all_find_it_theirs(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def opened(path: Path) -> None:
        together.wait()
        while True:
            try:
                connect(path).close()
            except sqlite3.OperationalError as error:  # somebody else is just making it; `Database` tries again too
                assert error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # noqa: PT017
            else:
                return

    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            for opening in [pool.submit(opened, tmp_path / f"{number}.db") for _ in range(4)]:
                opening.result()
