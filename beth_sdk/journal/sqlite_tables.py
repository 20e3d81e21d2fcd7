"""The tables of the SQLite journal and its verbs in SQL, each within the transaction of its caller.

`stream` has a row for every stream that was ever held or written, and keeps its epoch for good; `entry` has the facts,
and `archive` those of closed streams, packed. Moments in `deadline` are on the monotonic clock of the boot in `meta`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from beth_sdk._sqlite import Connection, file_id, is_another_boot
from beth_sdk.clock import Clock
from beth_sdk.errors import Held, HoldLost, StreamArchived
from beth_sdk.journal.base import Entry, Fact, Hold, Version

_CREATE = (
    """
    CREATE TABLE IF NOT EXISTS stream (
        name TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL DEFAULT 0,
        holder TEXT,                       -- NULL: nobody, or dropped
        deadline REAL NOT NULL DEFAULT 0,  -- when the hold runs out
        facts INTEGER NOT NULL DEFAULT 0,  -- the version of the newest
        archived INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS entry (
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,                -- a JSON object
        epoch INTEGER NOT NULL,
        at REAL NOT NULL,                  -- seconds since the Unix epoch
        key TEXT,                          -- of the append, on the last of its facts
        PRIMARY KEY (stream, version)
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS entry_of_key ON entry (stream, key) WHERE key IS NOT NULL",
    """
    CREATE TABLE IF NOT EXISTS archive (
        stream TEXT NOT NULL,
        last INTEGER NOT NULL,             -- the version of the last entry in it
        entries BLOB NOT NULL,             -- [[version, kind, data, epoch, at], …] as JSON, deflated
        PRIMARY KEY (stream, last)
    )
    """,
)

Row = tuple[str, str]
"""A fact as it is stored: its kind, and its data as JSON."""


def encode(facts: Sequence[Fact]) -> list[Row]:
    """Facts as they are stored. Raises `ValueError` where there is none, or one that JSON cannot express."""
    if not facts:
        raise ValueError("an append needs at least one fact")
    return [(fact.kind, _json(dict(fact.data))) for fact in facts]


def create(connection: Connection, clock: Clock) -> str:
    """Make the tables where there are none, end the holds of an earlier boot, and return the journal's id."""
    for statement in _CREATE:
        connection.execute(statement)
    if is_another_boot(connection, "journal", clock):
        connection.execute("UPDATE stream SET deadline = 0, holder = NULL WHERE holder IS NOT NULL")
    return file_id(connection, "journal_id")


def take(connection: Connection, stream: str, holder: str, ttl: float, clock: Clock) -> Hold:
    """Claim a stream under the next epoch. Raises `Held` and `StreamArchived`."""
    now = clock.monotonic()
    row = connection.execute(
        "SELECT epoch, holder, deadline, archived, facts FROM stream WHERE name = ?", (stream,)
    ).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO stream (name, epoch, holder, deadline) VALUES (?, 1, ?, ?)", (stream, holder, now + ttl)
        )
        return Hold(stream, holder, 1, ttl, Version(0))
    epoch, current, deadline, archived, facts = row
    if archived:
        raise StreamArchived(stream)
    if current is not None and deadline > now:
        raise Held(stream, current, epoch, deadline - now)
    connection.execute(
        "UPDATE stream SET epoch = ?, holder = ?, deadline = ? WHERE name = ?", (epoch + 1, holder, now + ttl, stream)
    )
    return Hold(stream, holder, epoch + 1, ttl, Version(facts))


def renew(connection: Connection, hold: Hold, clock: Clock) -> None:
    """Let a hold live for its full length from now. Raises `HoldLost`."""
    renewed = connection.execute(
        "UPDATE stream SET deadline = ? WHERE name = ? AND epoch = ? AND holder IS NOT NULL",
        (clock.monotonic() + hold.ttl, hold.stream, hold.epoch),
    )
    if not renewed.rowcount:
        found = connection.execute("SELECT epoch FROM stream WHERE name = ?", (hold.stream,)).fetchone()
        raise HoldLost(hold.stream, hold.epoch, found[0] if found else 0)


def drop(connection: Connection, hold: Hold) -> None:
    """End a hold, unless a newer one was taken."""
    connection.execute("UPDATE stream SET holder = NULL WHERE name = ? AND epoch = ?", (hold.stream, hold.epoch))


def append(
    connection: Connection, stream: str, rows: Sequence[Row], *, key: str, hold: Hold | None, clock: Clock
) -> Version:
    """Add facts, unless the key was used. Raises `HoldLost` and `StreamArchived`."""
    if hold is not None and hold.stream != stream:
        raise ValueError(f"a hold of {hold.stream} is no claim on {stream}")
    found = connection.execute("SELECT epoch, holder, facts, archived FROM stream WHERE name = ?", (stream,)).fetchone()
    current, holder, facts, archived = found or (0, None, 0, 0)
    if hold is not None and (hold.epoch != current or holder is None):
        raise HoldLost(stream, hold.epoch, current)
    if archived:
        raise StreamArchived(stream)
    first = connection.execute("SELECT version FROM entry WHERE stream = ? AND key = ?", (stream, key)).fetchone()
    if first is not None:
        return Version(first[0])
    epoch = 0 if hold is None else hold.epoch
    now = clock.wall()
    last = facts + len(rows)
    connection.executemany(
        "INSERT INTO entry (stream, version, kind, data, epoch, at, key) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (stream, version, kind, data, epoch, now, key if version == last else None)
            for version, (kind, data) in enumerate(rows, facts + 1)
        ],
    )
    if found is None:
        connection.execute("INSERT INTO stream (name, facts) VALUES (?, ?)", (stream, last))
    else:
        connection.execute("UPDATE stream SET facts = ? WHERE name = ?", (last, stream))
    return Version(last)


def read(connection: Connection, stream: str, after: int, limit: int) -> tuple[list[Entry], bool]:
    """Some of the entries after a version, and whether there may be more after those."""
    packed = connection.execute(
        "SELECT entries FROM archive WHERE stream = ? AND last > ? ORDER BY last LIMIT 1", (stream, after)
    ).fetchone()
    if packed is not None:
        rows = [row for row in json.loads(zlib.decompress(packed[0])) if row[0] > after]
    else:
        rows = connection.execute(
            "SELECT version, kind, data, epoch, at FROM entry"
            " WHERE stream = ? AND version > ? ORDER BY version LIMIT ?",
            (stream, after, limit),
        ).fetchall()
    entries = [
        Entry(Version(version), Fact(kind, json.loads(data)), epoch, at) for version, kind, data, epoch, at in rows
    ]
    return entries, packed is not None or len(rows) == limit


def streams(connection: Connection, start: str, *, inclusive: bool, limit: int) -> list[str]:
    """Names of the streams from `start` on that have facts and are not archived."""
    found = connection.execute(
        f"SELECT name FROM stream WHERE name {'>=' if inclusive else '>'} ? AND facts > 0 AND archived = 0"  # noqa: S608
        " ORDER BY name LIMIT ?",
        (start, limit),
    )
    return [name for (name,) in found]


def close_stream(connection: Connection, stream: str, clock: Clock) -> None:
    """Refuse holds and facts from now on. Raises `Held`."""
    found = connection.execute("SELECT epoch, holder, deadline FROM stream WHERE name = ?", (stream,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO stream (name, archived) VALUES (?, 1)", (stream,))
        return
    epoch, holder, deadline = found
    now = clock.monotonic()
    if holder is not None and deadline > now:
        raise Held(stream, holder, epoch, deadline - now)
    connection.execute("UPDATE stream SET archived = 1, holder = NULL WHERE name = ?", (stream,))


def pack(connection: Connection, stream: str, limit: int) -> bool:
    """Move some entries of a closed stream to the archive; returns whether there were any."""
    rows = connection.execute(
        "SELECT version, kind, data, epoch, at FROM entry WHERE stream = ? ORDER BY version LIMIT ?", (stream, limit)
    ).fetchall()
    if not rows:
        return False
    last = rows[-1][0]
    packed = zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode())
    connection.execute("INSERT INTO archive (stream, last, entries) VALUES (?, ?, ?)", (stream, last, packed))
    connection.execute("DELETE FROM entry WHERE stream = ? AND version <= ?", (stream, last))
    return True


def _json(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, as models and broken files produce it: only an escape can keep it.
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text
