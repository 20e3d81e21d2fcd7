"""One thread a process and file that owns the connection, and commits whatever waits for it in one transaction.

A durable commit costs a wait for the disk, so operations of a hundred callers at once share one (group commit).
"""

from __future__ import annotations

import asyncio
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from beth_sdk._sqlite.file import FileReplaced, connect, explain, identity
from beth_sdk._sqlite.wake import WakeFolder
from beth_sdk.errors import BethError

T = TypeVar("T")
Connection: TypeAlias = sqlite3.Connection

_LARGEST_GROUP = 256
"""Operations in one transaction at most, so that the first of them does not wait for too many others."""

_PATIENCE = 30.0
"""Seconds to try again while another process keeps the file locked. Commits take milliseconds; one that is waited for
this long was stopped in the middle."""

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""After these the connection is opened anew."""


class _Operation(Generic[T]):
    """What a caller wants done in a transaction. It may be called more than once; only the last call counts."""

    __slots__ = ("call", "error", "future", "result", "wakes", "writes")

    def __init__(
        self, call: Callable[[Connection], T], future: asyncio.Future[T], *, writes: bool, wakes: Sequence[str]
    ) -> None:
        self.call = call
        self.future = future
        self.writes = writes
        self.wakes = wakes
        self.result: T | None = None
        self.error: Exception | None = None


class Database:
    """A file, shared by everything in this process that uses it. Get one with `open_database`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = WakeFolder(path)
        self.users = 0
        self.listeners: list[Callable[[Collection[str]], None]] = []
        """Called in the database's thread with the channels that a commit of this process wrote."""
        self._waiting: queue.SimpleQueue[_Operation[Any] | None] = queue.SimpleQueue()
        self._writer = _Writer(path)
        self._process = os.getpid()
        self._ended: asyncio.Future[None] | None = None
        threading.Thread(target=self._serve, name=f"beth-sqlite-{path.name}", daemon=True).start()

    async def run(
        self,
        call: Callable[[Connection], T],
        *,
        unavailable: type[BethError],
        writes: bool = True,
        wakes: Sequence[str] = (),
    ) -> T:
        """Call `call` in a transaction, and return what it returned once that is durable; then wake who waits for the
        channels `wakes`.

        It is undone when `call` raises, and called again when the transaction has to be repeated. What SQLite and the
        operating system raise becomes `unavailable`, with the path and what to do.
        """
        if os.getpid() != self._process:
            raise unavailable(f"{self.path}: opened before this process was forked: open it anew in the child")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Operation(call, future, writes=writes, wakes=wakes))
        try:
            return await future
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError, FileReplaced) as error:
            raise unavailable(explain(self.path, error)) from error

    async def release(self) -> None:
        """One user less; after the last one the file is closed."""
        with _registry_lock:
            self.users -= 1
            if self.users or os.getpid() != self._process:
                return
            _registry.pop(self.path, None)
        self._ended = asyncio.get_running_loop().create_future()
        self._waiting.put(None)
        await self._ended

    def _serve(self) -> None:
        ended = False
        while not ended:
            group, ended = self._next_group()
            group = [operation for operation in group if not operation.future.cancelled()]
            if not group:
                continue
            self._writer.execute(group)
            self._wake({channel for operation in group if operation.error is None for channel in operation.wakes})
            _settle(group)
        self._writer.close()
        self.folder.close()
        if self._ended is not None:
            _tell(self._ended.get_loop(), _conclude, self._ended)

    def _next_group(self) -> tuple[list[_Operation[Any]], bool]:
        """Whatever waits, and whether that was all there will ever be."""
        operation = self._waiting.get()
        group: list[_Operation[Any]] = []
        while operation is not None:
            group.append(operation)
            if len(group) >= _LARGEST_GROUP:
                return group, False
            try:
                operation = self._waiting.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _wake(self, channels: set[str]) -> None:
        if channels:
            self.folder.send(channels)
            for listener in tuple(self.listeners):
                listener(channels)


class _Writer:
    """The connection, in its thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None

    def execute(self, group: Sequence[_Operation[Any]]) -> None:
        """Give every operation its result or its error, all committed."""
        try:
            if not self._together(group):
                # Something failed halfway through the transaction. Each on its own, it harms nobody else.
                for operation in group:
                    self.execute([operation])
        except Exception as error:  # noqa: BLE001  it belongs to the callers, who wait for it
            for operation in group:
                operation.error = error
        if any(_code(operation.error) in _BROKEN for operation in group):
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _together(self, group: Sequence[_Operation[Any]]) -> bool:
        """Run the group in one transaction, again while another process is in the way; returns whether it holds."""
        started = time.monotonic()
        while True:
            try:
                return self._transaction(self._connected(), group)
            except sqlite3.Error as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= started + _PATIENCE:
                    raise
            time.sleep(_pause(started))

    def _connected(self) -> Connection:
        if self._connection is None:
            if self._identity is not None:
                self._refuse_replaced()
            self._connection = connect(self._path)
            self._identity = identity(self._path)
        return self._connection

    def _refuse_replaced(self) -> None:
        """Writing on into a file that was deleted would lose everything without a word."""
        if identity(self._path) != self._identity:
            raise FileReplaced

    def _transaction(self, connection: Connection, group: Sequence[_Operation[Any]]) -> bool:
        if any(operation.writes for operation in group):
            self._refuse_replaced()
            connection.execute("BEGIN IMMEDIATE")
        else:
            connection.execute("BEGIN")
        try:
            for operation in group:
                if not _call(operation, connection) and len(group) > 1:
                    return False
            if len(group) == 1 and group[0].error is not None:
                return True
            return self._commit(connection, alone=len(group) == 1)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _commit(self, connection: Connection, *, alone: bool) -> bool:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if alone or _code(error) == sqlite3.SQLITE_BUSY:
                raise
            return False  # such as a full disk, which may still have room for the smaller ones
        return True


def _code(error: Exception | None) -> int:
    """SQLite's primary code: the low byte of the extended one; 0 for what does not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _pause(started: float) -> float:
    """Seconds before trying again what another process is in the way of since `started`.

    At first a fraction of a commit's time, at random, so that everybody who waits has the same chance to be next.
    SQLite's own waiting gets longer with every try, so that whoever came first would come last.
    """
    return random.uniform(0.0001, 0.0004) if time.monotonic() < started + 1 else 0.01


def _call(operation: _Operation[Any], connection: Connection) -> bool:
    """Run one operation in the transaction; returns whether the transaction is still good."""
    changes = connection.total_changes
    operation.error = None
    try:
        operation.result = operation.call(connection)
    except Exception as error:
        if _code(error) == sqlite3.SQLITE_BUSY:
            raise
        operation.error = error
        # One that refuses before it writes, as nearly all do, harms nobody.
        return connection.in_transaction and connection.total_changes == changes
    return True


def _settle(group: Sequence[_Operation[Any]]) -> None:
    """Answer the callers, each on its own loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Operation[Any]]] = {}
    for operation in group:
        loops.setdefault(operation.future.get_loop(), []).append(operation)
    for loop, operations in loops.items():
        _tell(loop, _answer, operations)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[T], None], value: T) -> None:
    try:
        loop.call_soon_threadsafe(callback, value)
    except RuntimeError:
        pass  # the loop was closed: nobody waits for this any more


def _conclude(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _answer(operations: Sequence[_Operation[Any]]) -> None:
    for operation in operations:
        if operation.future.done():
            continue
        if operation.error is None:
            operation.future.set_result(operation.result)
        else:
            operation.future.set_exception(operation.error)


_registry: dict[Path, Database] = {}
_registry_lock = threading.Lock()


def open_database(path: Path) -> Database:
    """The process's `Database` for this file, one user more. It is opened, and opened again after a failure, by the
    first operation that needs it."""
    with _registry_lock:
        database = _registry.get(path)
        if database is None:
            database = _registry[path] = Database(path)
        database.users += 1
        return database


def _forget_after_fork() -> None:
    """A connection must not be used in a forked child: its Databases stay with the parent, untouched."""
    global _registry_lock  # noqa: PLW0603  the lock may have been copied while taken
    _registry_lock = threading.Lock()
    _inherited.append(dict(_registry))  # kept, because letting go of a connection would close it
    _registry.clear()


_inherited: list[dict[Path, Database]] = []
os.register_at_fork(after_in_child=_forget_after_fork)
