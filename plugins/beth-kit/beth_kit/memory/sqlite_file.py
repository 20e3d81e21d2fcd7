"""The file of a role's memory: opened by one process at a time, checked, and moved aside where it is damaged."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from beth_kit.memory.base import MemoryUnavailable
from beth_sdk import logs
from beth_sdk.errors import ConfigurationError

PATIENCE = 10.0
"""Seconds to wait for another process that writes or opens the file. Either takes milliseconds."""

_VERSION = 1
"""Of the tables, in `PRAGMA user_version`."""

_APPLICATION = int.from_bytes(b"BMem", "big")
"""In `PRAGMA application_id`, so that no other program's database is taken for a memory."""

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS note (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were remembered
        id TEXT NOT NULL UNIQUE,
        text TEXT NOT NULL,
        tags TEXT NOT NULL,                     -- each between two line feeds
        words TEXT NOT NULL,                    -- what is searched: each between two blanks
        at REAL NOT NULL,                       -- seconds since the Unix epoch
        task_id TEXT,
        request_id TEXT
    )
    """,
    "CREATE TABLE IF NOT EXISTS gone (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE)",
)
_INDEX = "USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')"

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_HINTS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: make the file and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder is accessible and writable for this user",
    sqlite3.SQLITE_BUSY: "another program keeps it locked: end that program",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check the disk and its free space",
}

_log = logs.get("beth.kit.memory")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open connection. `full_text`: whether its SQLite can search with FTS5; `identity`: which file it leads to."""

    connection: sqlite3.Connection
    full_text: bool
    identity: tuple[int, int] | None


def open_file(path: Path, *, now: float, full_text: bool = True, doubted: bool = False) -> OpenFile:
    """Open the file, made where there is none (0600, in folders of 0700). A damaged one is moved aside, with a line in
    the log, and an empty one takes its place. `now` dates that, in seconds since the Unix epoch; `full_text`: search
    with FTS5 where there is one; `doubted`: make the index anew, as it may be what is damaged.

    Raises `ConfigurationError` for a file that is not for this program, `MemoryUnavailable`, `OSError`,
    `sqlite3.Error`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(path):
        # From SQLite 3.44 on the check finds damage in the index too, and that alone must not cost the notes.
        for again in (True,) if doubted else (False, True):
            try:
                return _opened(path, full_text=full_text, doubted=again)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                damage = error
        _move_aside(path, now, damage)
        return _opened(path, full_text=full_text, doubted=False)


def identity(path: Path) -> tuple[int, int] | None:
    """What changes when another file takes this path; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file, or the index in it, is no longer what SQLite wrote."""
    return _code(error) in _DAMAGE


def explain(path: Path, error: Exception) -> str:
    """One line for users: which file, what is wrong, what to do."""
    if isinstance(error, sqlite3.Error):
        hint = _HINTS.get(_code(error))
        return f"{path}: {hint} ({error})" if hint else f"{path}: {error}"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{path}: {reason}: check that its folder is accessible and writable for this user"


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code: the low byte of the extended one; 0 for what Python's module raises itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While nobody else opens, checks or replaces the file. Two that found the damage at the same time would move
    away each other's new one."""
    with path.with_name(f"{path.name}.lock").open("ab") as lock:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise MemoryUnavailable(f"{path}: another process has been opening it for too long") from None
            time.sleep(0.01)
        yield


def _opened(path: Path, *, full_text: bool, doubted: bool) -> OpenFile:
    _create(path)
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _refuse_foreign(connection, path)
        # WAL: readers and the one writer do not wait for each other. FULL: a note survives the loss of power.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS answers a plain fsync before the disk has the data
        indexed = full_text and _has_full_text(connection)
        connection.execute("BEGIN IMMEDIATE")
        if doubted and indexed:
            connection.execute("DROP TABLE IF EXISTS note_index")
        _check(connection)
        _prepare(connection, indexed=indexed)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return OpenFile(connection, indexed, identity(path))


def _create(path: Path) -> None:
    try:
        # Only ever created here, never opened: closing a descriptor of a database file takes away the locks that
        # SQLite holds on it in the same process.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # so that the new name survives the loss of power
    finally:
        os.close(folder)


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION and connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        raise ConfigurationError(f"{path}: this is another program's database: name another folder")
    if version > _VERSION:
        raise ConfigurationError(
            f"{path}: written by a newer beth-kit (file version {version}, this one knows {_VERSION}): "
            "upgrade beth-kit, or name another folder"
        )


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        damage = sqlite3.DatabaseError(found)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _has_full_text(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(f"CREATE VIRTUAL TABLE temp.probe {_INDEX}")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE temp.probe")
    return True


def _prepare(connection: sqlite3.Connection, *, indexed: bool) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    if not indexed:
        return
    connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS note_index {_INDEX}")
    # An SQLite without FTS5 may have used the file in between.
    connection.execute("DELETE FROM note_index WHERE rowid NOT IN (SELECT seq FROM note)")
    connection.execute(
        "INSERT INTO note_index (rowid, words)"
        " SELECT seq, words FROM note WHERE seq NOT IN (SELECT rowid FROM note_index)"
    )


def _move_aside(path: Path, now: float, error: sqlite3.Error) -> None:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    _log.error(
        "a role's memory was damaged: it starts empty, and the damaged file was moved aside",
        file=str(path),
        moved_to=str(aside),
        damage=str(error),
    )
