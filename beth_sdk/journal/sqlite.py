"""The SQLite journal: one file, any number of processes of one machine, nothing to install or run."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from beth_sdk._sqlite import Connection, Database, open_database, path_of
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import JournalUnavailable
from beth_sdk.journal import sqlite_tables as tables
from beth_sdk.journal.base import Entry, Fact, Hold, Version

__all__ = ["SQLiteJournal", "open_journal"]

T = TypeVar("T")

PAGE = 200
"""Entries, or names of streams, that are read at a time."""


class SQLiteJournal:
    """A `Journal` in a SQLite file, which may be that of the bus. Get one with `open_journal`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._id = ""
        self._closed = False

    @property
    def id(self) -> str:
        return self._id

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        return await self._run(functools.partial(tables.take, stream=stream, holder=holder, ttl=ttl, clock=self._clock))

    async def renew(self, hold: Hold) -> None:
        await self._run(functools.partial(tables.renew, hold=hold, clock=self._clock))

    async def drop(self, hold: Hold) -> None:
        await self._run(functools.partial(tables.drop, hold=hold))

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        rows = tables.encode(facts)
        return await self._run(
            functools.partial(tables.append, stream=stream, rows=rows, key=key, hold=hold, clock=self._clock)
        )

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        position = after or 0
        while True:
            page = functools.partial(tables.read, stream=stream, after=position, limit=PAGE)
            entries, more = await self._run(page, writes=False)
            for entry in entries:
                yield entry
            if not more:
                return
            position = entries[-1].version

    async def streams(self, prefix: str) -> AsyncIterator[str]:
        position = prefix
        inclusive = True
        while True:
            page = functools.partial(tables.streams, start=position, inclusive=inclusive, limit=PAGE)
            names = await self._run(page, writes=False)
            for name in names:
                if not name.startswith(prefix):
                    return
                yield name
            if len(names) < PAGE:
                return
            position, inclusive = names[-1], False

    async def archive(self, stream: str) -> None:
        await self._run(functools.partial(tables.close_stream, stream=stream, clock=self._clock))
        while await self._run(functools.partial(tables.pack, stream=stream, limit=PAGE)):
            pass

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._database.release()

    async def _prepare(self) -> None:
        self._id = await self._run(functools.partial(tables.create, clock=self._clock))

    async def _run(self, call: Callable[[Connection], T], *, writes: bool = True) -> T:
        if self._closed:
            raise JournalUnavailable(f"{self._database.path}: this connection to the journal was closed")
        return await self._database.run(call, unavailable=JournalUnavailable, writes=writes)


async def open_journal(url: str, *, clock: Clock | None = None) -> SQLiteJournal:
    """Connect to the journal in the file that `url` names (`sqlite:///relative.db`, `sqlite:////absolute.db`), which
    is created where there is none.

    Raises `ConfigurationError` for a URL or a file that cannot be meant, and `JournalUnavailable`.
    """
    journal = SQLiteJournal(open_database(path_of(url)), clock or SystemClock())
    try:
        await journal._prepare()
    except BaseException:
        await journal.close()
        raise
    return journal
