"""The tables of the SQLite bus and its verbs in SQL, each within the transaction of its caller.

`message` is the log of everything published, in order, for queues and topics alike; `task` is what became of a task
that is not done. Moments in `due` are on the monotonic clock of the boot in `meta`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from beth_sdk._sqlite import Connection, is_another_boot
from beth_sdk.bus.base import (
    BEGINNING,
    DEAD_SUFFIX,
    DEFAULT_LEASE,
    PRIORITIES,
    Cursor,
    Delivery,
    Message,
    Outgoing,
    Queue,
    QueueStats,
)
from beth_sdk.bus.waiting import NEVER
from beth_sdk.clock import Clock
from beth_sdk.errors import BusError, CursorExpired, LeaseLost

READY, DELAYED, LEASED = range(3)

TRIM_INTERVAL = 3600.0
"""Seconds between two looks for messages past their retention."""

TRIM_CHUNK = 500
"""Messages looked at in one go, so that nobody waits for a long clean-up."""

_CREATE = (
    """
    CREATE TABLE IF NOT EXISTS message (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given out twice: it is what cursors are made of
        channel TEXT NOT NULL,
        is_task INTEGER NOT NULL,               -- 1: on a queue, 0: on a topic
        key TEXT NOT NULL,
        headers TEXT NOT NULL,                  -- a JSON object
        body BLOB NOT NULL,
        published REAL NOT NULL                 -- seconds since the Unix epoch
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS message_of_queue ON message (channel, key) WHERE is_task = 1",
    "CREATE INDEX IF NOT EXISTS message_of_topic ON message (channel, seq) WHERE is_task = 0",
    """
    CREATE TABLE IF NOT EXISTS task (
        seq INTEGER PRIMARY KEY,                -- of its message
        queue TEXT NOT NULL,
        priority INTEGER NOT NULL,
        state INTEGER NOT NULL,                 -- 0 ready, 1 delayed, 2 leased
        due REAL,                               -- when a delay or a lease is over
        due_wall REAL,                          -- the same for a delay, in seconds since the Unix epoch
        token TEXT,                             -- of the newest delivery that was not handed back
        deliveries INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX IF NOT EXISTS task_ready ON task (queue, priority, seq) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS task_due ON task (queue, due) WHERE state > 0",
    "CREATE TABLE IF NOT EXISTS queue (name TEXT PRIMARY KEY, lease REAL NOT NULL) WITHOUT ROWID",
    # The newest message of a topic that was trimmed away.
    "CREATE TABLE IF NOT EXISTS trimmed (topic TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID",
)


def create(connection: Connection, clock: Clock) -> None:
    """Make the tables where there are none, and free what an earlier boot of the machine left taken."""
    for statement in _CREATE:
        connection.execute(statement)
    if is_another_boot(connection, "bus", clock):
        connection.execute("UPDATE task SET state = ?, due = NULL, token = NULL WHERE state = ?", (READY, LEASED))
        connection.execute(
            "UPDATE task SET due = ? + MAX(0, due_wall - ?) WHERE state = ?",
            (clock.monotonic(), clock.wall(), DELAYED),
        )


def declare(connection: Connection, queue: Queue) -> None:
    """Remember the queue's lease."""
    connection.execute("INSERT OR REPLACE INTO queue (name, lease) VALUES (?, ?)", (queue.name, queue.lease))


def publish(
    connection: Connection, queue: str, outgoing: Outgoing, *, headers: str, delay: float, clock: Clock
) -> None:
    """Log a task and make it ready, unless its key was published already. `headers` is the JSON of its headers."""
    if outgoing.priority not in PRIORITIES:
        raise ValueError(f"priority {outgoing.priority} is not one of {PRIORITIES.start} … {PRIORITIES.stop - 1}")
    inserted = connection.execute(
        "INSERT INTO message (channel, is_task, key, headers, body, published) VALUES (?, 1, ?, ?, ?, ?)"
        " ON CONFLICT (channel, key) WHERE is_task = 1 DO NOTHING",
        (queue, outgoing.key, headers, outgoing.body, clock.wall()),
    )
    if inserted.rowcount:
        connection.execute(
            "INSERT INTO task (seq, queue, priority, state, due, due_wall) VALUES (?, ?, ?, ?, ?, ?)",
            (inserted.lastrowid, queue, outgoing.priority, *_state_after(delay, clock)),
        )


def take(connection: Connection, queues: Sequence[str], limit: int, clock: Clock) -> tuple[list[Delivery], float]:
    """Lease up to `limit` tasks; where there is none, say when the next will be due."""
    now = clock.monotonic()
    found: list[tuple[int, int, str, int, str, str, bytes, float]] = []
    for queue in dict.fromkeys(queues):
        connection.execute("UPDATE task SET state = 0 WHERE queue = ? AND state > 0 AND due <= ?", (queue, now))
        found += connection.execute(
            "SELECT task.priority, task.seq, task.queue, task.deliveries + 1, key, headers, body,"
            " COALESCE((SELECT lease FROM queue WHERE name = task.queue), ?)"
            " FROM task JOIN message ON message.seq = task.seq"
            " WHERE task.queue = ? AND task.state = 0 ORDER BY task.priority, task.seq LIMIT ?",
            (DEFAULT_LEASE, queue, limit),
        )
    if not found:
        return [], min((_next_due(connection, queue) for queue in queues), default=NEVER)
    found.sort()  # of several queues: by priority, then by age
    deliveries = [
        Delivery(queue, key, body, json.loads(headers), priority, count, f"{seq}.{count}", lease)
        for priority, seq, queue, count, key, headers, body, lease in found[:limit]
    ]
    connection.executemany(
        "UPDATE task SET state = 2, due = ?, due_wall = NULL, token = ?, deliveries = ? WHERE seq = ?",
        [(now + d.lease, d.token, d.deliveries, _seq(d)) for d in deliveries],
    )
    return deliveries, now


def extend(connection: Connection, delivery: Delivery, clock: Clock) -> None:
    """Renew a lease. Raises `LeaseLost`."""
    # A lease that ran out, on a task that nobody took, still has its token.
    extended = connection.execute(
        "UPDATE task SET state = 2, due = ? WHERE seq = ? AND token = ?",
        (clock.monotonic() + delivery.lease, _seq(delivery), delivery.token),
    )
    if not extended.rowcount:
        raise LeaseLost(delivery.queue, delivery.key)


def ack(connection: Connection, delivery: Delivery) -> None:
    """Forget a task that is done; its message stays in the log."""
    connection.execute("DELETE FROM task WHERE seq = ? AND token = ?", (_seq(delivery), delivery.token))


def release(connection: Connection, delivery: Delivery, delay: float, clock: Clock) -> None:
    """Make a task ready again, at once or after a delay."""
    connection.execute(
        "UPDATE task SET state = ?, due = ?, due_wall = ?, token = NULL WHERE seq = ? AND token = ?",
        (*_state_after(delay, clock), _seq(delivery), delivery.token),
    )


def stats(connection: Connection, queue: str, clock: Clock) -> QueueStats:
    """Count a queue's tasks."""
    ready, oldest = connection.execute(
        "SELECT COUNT(*), MIN(seq) FROM task WHERE queue = ? AND state = 0", (queue,)
    ).fetchone()
    # Those whose time is up are ready too; the next receive marks them so.
    delayed, leased, due, oldest_due = connection.execute(
        "SELECT COALESCE(SUM(state = 1 AND due > ?1), 0), COALESCE(SUM(state = 2 AND due > ?1), 0),"
        " COALESCE(SUM(due <= ?1), 0), MIN(CASE WHEN due <= ?1 THEN seq END) FROM task WHERE queue = ?2 AND state > 0",
        (clock.monotonic(), queue),
    ).fetchone()
    oldest = min((seq for seq in (oldest, oldest_due) if seq is not None), default=None)
    age = 0.0
    if oldest is not None:
        published = connection.execute("SELECT published FROM message WHERE seq = ?", (oldest,)).fetchone()[0]
        age = max(0.0, clock.wall() - published)
    return QueueStats(ready + due, delayed, leased, age)


def append(connection: Connection, topic: str, message: Message, headers: str, clock: Clock) -> None:
    """Log a topic's message. `headers` is the JSON of its headers."""
    connection.execute(
        "INSERT INTO message (channel, is_task, key, headers, body, published) VALUES (?, 0, ?, ?, ?, ?)",
        (topic, message.key, headers, message.body, clock.wall()),
    )


def read(connection: Connection, topic: str, after: Cursor, limit: int) -> list[tuple[Cursor, Message]]:
    """A topic's messages after a cursor. Raises `CursorExpired`."""
    seq = _position(topic, after)
    trimmed = _trimmed(connection, topic)
    if after != BEGINNING and seq < trimmed:
        raise CursorExpired(topic, after, str(trimmed))
    found = connection.execute(
        "SELECT seq, key, body, headers FROM message"
        " WHERE channel = ? AND is_task = 0 AND seq > ? ORDER BY seq LIMIT ?",
        (topic, seq, limit),
    )
    return [(Cursor(str(seq)), Message(key, body, json.loads(headers))) for seq, key, body, headers in found]


def tail(connection: Connection, topic: str) -> Cursor:
    """The cursor of a topic's newest message, also where that was trimmed."""
    newest = connection.execute("SELECT MAX(seq) FROM message WHERE channel = ? AND is_task = 0", (topic,)).fetchone()
    return Cursor(str(newest[0] or _trimmed(connection, topic)))


class Trimmer:
    """Takes away the messages past their retention, a chunk at a time, in the course of other writes.

    What it remembers only saves work: after a transaction that was undone, the next round finds what this one missed.
    """

    def __init__(self, retention: float, clock: Clock) -> None:
        self._retention = retention
        self._clock = clock
        self._due = clock.monotonic()
        self._position = 0

    def trim_if_due(self, connection: Connection) -> None:
        if self._clock.monotonic() >= self._due:
            self._trim(connection)

    def _trim(self, connection: Connection) -> None:
        found = connection.execute(
            "SELECT seq, channel, is_task, published, EXISTS (SELECT 1 FROM task WHERE task.seq = message.seq)"
            " FROM message WHERE seq > ? ORDER BY seq LIMIT ?",
            (self._position, TRIM_CHUNK),
        ).fetchall()
        oldest_kept = self._clock.wall() - self._retention
        marks: dict[str, int] = {}
        gone: list[tuple[int]] = []
        finished = len(found) < TRIM_CHUNK
        for seq, channel, is_task, published, open_task in found:
            # Stopping at the first that stays keeps what a topic loses a prefix of it, whatever the wall clock did.
            if published > oldest_kept:
                finished = True
                break
            self._position = seq
            if open_task or (not is_task and channel.endswith(DEAD_SUFFIX)):
                continue
            gone.append((seq,))
            if not is_task:
                marks[channel] = seq
        connection.executemany("DELETE FROM message WHERE seq = ?", gone)
        connection.executemany("INSERT OR REPLACE INTO trimmed (topic, upto) VALUES (?, ?)", marks.items())
        if finished:
            # Next time from the start again: tasks that were not done by now may be.
            self._position = 0
            self._due = self._clock.monotonic() + TRIM_INTERVAL


def history(path: Path | str, *channels: str) -> list[tuple[str, str, bytes]]:
    """Everything published and appended to `channels` (to all of them where none is named) that the file at `path`
    still has: (channel, key, body) in the order of publishing. For tests and for debugging."""
    some = f" WHERE channel IN ({', '.join('?' * len(channels))})" if channels else ""
    with contextlib.closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT channel, key, body FROM message{some} ORDER BY seq", channels).fetchall()  # noqa: S608  only question marks


def _state_after(delay: float, clock: Clock) -> tuple[int, float | None, float | None]:
    """State, due and due_wall of a task that is handed out after `delay` seconds."""
    if delay <= 0:
        return READY, None, None
    return DELAYED, clock.monotonic() + delay, clock.wall() + delay


def _next_due(connection: Connection, queue: str) -> float:
    due = connection.execute("SELECT MIN(due) FROM task WHERE queue = ? AND state > 0", (queue,)).fetchone()[0]
    return NEVER if due is None else float(due)


def _seq(delivery: Delivery) -> int:
    return int(delivery.token.partition(".")[0])


def _trimmed(connection: Connection, topic: str) -> int:
    found = connection.execute("SELECT upto FROM trimmed WHERE topic = ?", (topic,)).fetchone()
    return found[0] if found else 0


def _position(topic: str, cursor: Cursor) -> int:
    if cursor == BEGINNING:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise BusError(f"{topic}: {cursor!r} is not a cursor of this bus")
    return int(cursor)
