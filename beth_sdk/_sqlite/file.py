"""The database file itself: where a URL says it is, how it is created and opened, and what its failures mean."""

from __future__ import annotations

import os
import sqlite3
import uuid
from pathlib import Path

from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError
from beth_sdk.private import make_private

SCHEMA_VERSION = 1
"""Of the tables in the file, in `PRAGMA user_version`. A file with a higher one was written by a newer Beth."""

APPLICATION_ID = int.from_bytes(b"Beth", "big")
"""In `PRAGMA application_id`, so that the file can be told from any other program's."""

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

_HINTS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written: make the file and its folder writable for this user",
    sqlite3.SQLITE_NOTADB: "the file is not a database: move it away or name another one",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a copy of it, or move it away to start afresh",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder exists and is accessible for this user",
    sqlite3.SQLITE_BUSY: "another program keeps it locked: end that program",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check the disk and its free space",
}


class FileReplaced(Exception):  # never leaves this package
    """The path no longer leads to the file that was opened."""


def path_of(url: str) -> Path:
    """The file a URL names, as SQLAlchemy reads it: `sqlite:///relative.db`, `sqlite:////absolute.db`; and
    `sqlite:///~/in-the-home-folder.db`. Raises `ConfigurationError`."""
    rest = url.removeprefix("sqlite://")
    if rest == url or not rest.startswith("/"):
        raise ConfigurationError(f"{url!r} does not name a file: write sqlite:///relative.db or sqlite:////absolute.db")
    name = rest[1:]
    if name in {"", ":memory:"}:
        raise ConfigurationError(f"{url!r} does not name a file; for a bus or journal in memory, write memory://NAME")
    if "?" in name:
        raise ConfigurationError(f"{url!r} has options; a SQLite URL takes none")
    return Path(os.path.realpath(Path(name).expanduser()))


def connect(path: Path) -> sqlite3.Connection:
    """Create the file where there is none (0600, in folders of 0700), open and check it.

    Raises `ConfigurationError` for a file that is not for this program, `OSError` and `sqlite3.Error`.
    """
    _create(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=256)
    try:
        _check(connection, path)
        # WAL: readers and the one writer do not wait for each other. FULL: a commit survives the loss of power.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS answers a plain fsync before the disk has the data
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if not _tables(connection):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_META)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int]:
    """What changes when another file takes this path. Raises `FileReplaced` where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  on the path of every commit, and Path.stat takes twice as long
    except FileNotFoundError:
        raise FileReplaced from None
    return found.st_dev, found.st_ino


def explain(path: Path, error: Exception) -> str:
    """One line for users: which file, what is wrong, what to do."""
    if isinstance(error, FileReplaced):
        return f"{path}: the file was removed or replaced while in use: start again"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}: check that its folder is accessible and writable for this user"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f"{path}: {error}"
    hint = _HINTS.get(code & 0xFF)  # the low byte of an extended code is the primary one
    return f"{path}: {hint} ({error})" if hint else f"{path}: {error}"


def is_another_boot(connection: sqlite3.Connection, owner: str, clock: Clock) -> bool:
    """Whether the monotonic moments that `owner` (one of the users of the file) stored mean nothing to this clock;
    from now on they are taken to be this clock's."""
    now = clock.monotonic()
    stored = dict(
        connection.execute("SELECT name, value FROM meta WHERE name IN (?, ?)", (f"{owner}_boot", f"{owner}_opened"))
    )
    values = [(f"{owner}_boot", clock.boot_id), (f"{owner}_opened", repr(now))]
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
    # The second condition tells a reboot on systems without a boot id.
    return stored.get(f"{owner}_boot") != clock.boot_id or float(stored[f"{owner}_opened"]) > now


def file_id(connection: sqlite3.Connection, name: str) -> str:
    """A random id kept in the file under `name`, made by whoever asks first."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, str(uuid.uuid4())))
    found: str = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]
    return found


def _create(path: Path) -> None:
    missing = make_private(path.parent)
    try:
        # Only ever created here, never opened: closing a descriptor of a database file takes away the locks that
        # SQLite holds on it in the same process.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    for folder in {path.parent, *(folder.parent for folder in missing)}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder survive the loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tables(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    return found


def _check(connection: sqlite3.Connection, path: Path) -> None:
    # In one transaction: another process may be making the file's first tables in this very moment.
    connection.execute("BEGIN")
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = _tables(connection)
    theirs = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("COMMIT")
    if owner != APPLICATION_ID and tables:
        raise ConfigurationError(f"{path}: this is another program's database: name another file")
    if theirs > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{path}: written by a newer Beth (file version {theirs}, this one knows {SCHEMA_VERSION}): "
            "upgrade beth-sdk, or name another file"
        )
