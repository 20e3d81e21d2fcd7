"""A memory in a SQLite file of its own, searched with FTS5, for any number of processes of one machine."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from beth_kit.memory import sqlite_file
from beth_kit.memory.base import GONE, MemoryLimits, MemoryUnavailable, Remembered, count_of, note, plain_tags, storable
from beth_kit.memory.sqlite_file import OpenFile
from beth_kit.memory.words import query_words, ranked, searchable
from beth_sdk.clock import Clock, SystemClock

__all__ = ["SQLiteMemory"]

T = TypeVar("T")

_COLUMNS = "note.id, note.text, note.tags, note.at, note.task_id, note.request_id"


class SQLiteMemory:
    """A `Memory` in the file at `path`, which the first call opens. `secrets`: values that are never stored."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        limits: MemoryLimits | None = None,
        secrets: Sequence[str] = (),
        full_text: bool = True,
    ) -> None:
        self.path = path
        self._clock = clock or SystemClock()
        self._limits = limits or MemoryLimits()
        self._secrets = tuple(secrets)
        self._full_text = full_text
        self._lock = threading.Lock()
        self._file: OpenFile | None = None
        self._doubted = False
        self._closed = False

    async def remember(
        self,
        text: str,
        tags: Iterable[str] = (),
        *,
        key: str,
        task_id: str | None = None,
        request_id: str | None = None,
    ) -> Remembered:
        made = note(
            text,
            tags,
            key=key,
            at=self._clock.wall(),
            task_id=task_id,
            request_id=request_id,
            limits=self._limits,
            secrets=self._secrets,
        )
        return await asyncio.to_thread(self._run, functools.partial(_add, made=made, at_most=self._limits.notes))

    async def recall(self, query: str = "", limit: int = 5, tags: Iterable[str] = ()) -> list[Remembered]:
        wanted, count = query_words(query), count_of(limit)
        search = functools.partial(_search, wanted=wanted, tags=plain_tags(tags), count=count)
        return await asyncio.to_thread(self._run, search, writes=False) if count else []

    async def forget(self, id: str) -> bool:  # noqa: A002  as in the Protocol
        return await asyncio.to_thread(self._run, functools.partial(_remove, id=storable(id)))

    async def close(self) -> None:
        await asyncio.to_thread(self._end)

    # -- in a thread --------------------------------------------------------------------------

    def _run(self, call: Callable[[OpenFile], T], *, writes: bool = True) -> T:
        """Call `call` in a transaction, a second time where the file turns out to be damaged."""
        with self._lock:
            try:
                try:
                    return self._transaction(call, writes=writes)
                except sqlite3.Error as error:
                    self._disconnect()
                    if not sqlite_file.is_damage(error):
                        raise
                    self._doubted = True
                return self._transaction(call, writes=writes)
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                raise MemoryUnavailable(sqlite_file.explain(self.path, error)) from error

    def _transaction(self, call: Callable[[OpenFile], T], *, writes: bool) -> T:
        file = self._connected()
        file.connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            result = call(file)
            file.connection.execute("COMMIT")
        finally:
            if file.connection.in_transaction:
                file.connection.execute("ROLLBACK")
        return result

    def _connected(self) -> OpenFile:
        if self._closed:
            raise MemoryUnavailable(f"{self.path}: this memory was closed")
        if self._file is not None and sqlite_file.identity(self.path) != self._file.identity:
            self._disconnect()  # another process found it damaged; writing on into the old file would lose every note
        if self._file is None:
            self._file = sqlite_file.open_file(
                self.path, now=self._clock.wall(), full_text=self._full_text, doubted=self._doubted
            )
            self._doubted = False
        return self._file

    def _disconnect(self) -> None:
        if self._file is not None:
            self._file.connection.close()
            self._file = None

    def _end(self) -> None:
        with self._lock:
            self._closed = True
            self._disconnect()


# -- in a transaction -------------------------------------------------------------------------


def _add(file: OpenFile, *, made: Remembered, at_most: int) -> Remembered:
    connection = file.connection
    found = connection.execute(f"SELECT {_COLUMNS} FROM note WHERE id = ?", (made.id,)).fetchone()  # noqa: S608
    if found is not None:
        return _remembered(found)
    if connection.execute("SELECT 1 FROM gone WHERE id = ?", (made.id,)).fetchone() is not None:
        return made
    words = searchable(made.text, made.tags)
    tags = "".join(f"\n{tag}\n" for tag in made.tags)
    added = connection.execute(
        "INSERT INTO note (id, text, tags, words, at, task_id, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (made.id, made.text, tags, words, made.at, made.task_id, made.request_id),
    )
    if file.full_text:
        connection.execute("INSERT INTO note_index (rowid, words) VALUES (?, ?)", (added.lastrowid, words))
    excess = connection.execute("SELECT COUNT(*) FROM note").fetchone()[0] - at_most
    if excess > 0:
        for (old,) in connection.execute("SELECT id FROM note ORDER BY seq LIMIT ?", (excess,)).fetchall():
            _remove(file, id=old)
    return made


def _remove(file: OpenFile, *, id: str) -> bool:  # noqa: A002
    connection = file.connection
    found = connection.execute("SELECT seq FROM note WHERE id = ?", (id,)).fetchone()
    if found is None:
        return False
    if file.full_text:
        connection.execute("DELETE FROM note_index WHERE rowid = ?", found)
    connection.execute("DELETE FROM note WHERE seq = ?", found)
    connection.execute("INSERT INTO gone (id) VALUES (?)", (id,))
    connection.execute("DELETE FROM gone WHERE seq <= (SELECT MAX(seq) FROM gone) - ?", (GONE,))
    return True


def _search(file: OpenFile, *, wanted: Sequence[str], tags: Sequence[str], count: int) -> list[Remembered]:
    connection = file.connection
    tagged = "".join(" AND instr(note.tags, ?)" for _ in tags)
    having = [f"\n{tag}\n" for tag in tags]
    if not wanted:
        newest = f"SELECT {_COLUMNS} FROM note WHERE 1{tagged} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [_remembered(row) for row in connection.execute(newest, (*having, count))]
    if not file.full_text:
        return _search_without_index(connection, wanted, tagged, having, count)
    # Words are letters and digits, so that nothing of a query is ever read as FTS5's own language.
    match = " OR ".join(f'"{word}"' for word in wanted)
    best = (
        f"SELECT {_COLUMNS}, -bm25(note_index) FROM note_index JOIN note ON note.seq = note_index.rowid"  # noqa: S608
        f" WHERE note_index MATCH ?{tagged} ORDER BY bm25(note_index), note.seq DESC LIMIT ?"
    )
    return [_remembered(row[:-1], row[-1]) for row in connection.execute(best, (match, *having, count))]


def _search_without_index(
    connection: sqlite3.Connection, wanted: Sequence[str], tagged: str, having: Sequence[str], count: int
) -> list[Remembered]:
    likes = " OR ".join("note.words LIKE ?" for _ in wanted)
    statement = f"SELECT {_COLUMNS}, note.words FROM note WHERE ({likes}){tagged} ORDER BY seq"  # noqa: S608
    rows = connection.execute(statement, (*(f"% {word} %" for word in wanted), *having)).fetchall()
    total = connection.execute("SELECT COUNT(*) FROM note").fetchone()[0]
    best = ranked([row[-1] for row in rows], wanted, of=total)[:count]
    return [_remembered(rows[index][:-1], score) for score, index in best]


def _remembered(row: Sequence[Any], score: float = 0.0) -> Remembered:
    id, text, tags, at, task_id, request_id = row  # noqa: A001
    return Remembered(id, text, tuple(tag for tag in tags.split("\n") if tag), at, task_id, request_id, score)
