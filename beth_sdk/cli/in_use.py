"""Whether any process has a SQLite file open, this one left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from beth_sdk.errors import BethError


def refuse_in_use(databases: Sequence[Path]) -> None:
    """Raises `BethError` for the first file that a process uses, with the ids of those that are known."""
    for path in databases:
        if path.exists() and is_in_use(path):
            known = users(path)
            who = f" (process {', '.join(map(str, known))})" if known else ""
            raise BethError(f"{path} is in use{who}: stop what runs on it, then try again")


def is_in_use(path: Path) -> bool:
    """Whether anybody else has the file open: a connection in WAL mode keeps a shared lock for as long as it lives,
    and an exclusive one is not to be had then. A file that is no database is in nobody's use."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
            connection.isolation_level = None
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return False


def users(path: Path) -> list[int]:
    """The ids of the processes that wait on the file: they have sockets named after them beside it."""
    folder = path.with_name(f"{path.name}.wake")
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    return sorted({int(name.split("-")[0]) for name in names if name.split("-")[0].isdigit()})
