"""The journal in memory: for tests, and for everything that may end with its process. Nothing survives the process."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import ConfigurationError, Held, HoldLost, JournalUnavailable, StreamArchived
from beth_sdk.journal.base import Entry, Fact, Hold, Version

__all__ = ["MemoryJournal", "open_journal"]

PAGE = 200
"""Entries that are read at a time."""


@dataclass(slots=True)
class _Stream:
    epoch: int = 0
    holder: str | None = None
    deadline: float = 0.0
    """When the hold runs out."""
    entries: list[tuple[str, str, int, float]] = field(default_factory=list)
    """Kind, data as JSON, epoch, at."""
    keys: dict[str, Version] = field(default_factory=dict)
    archived: bool = False

    def refuse_if_held(self, name: str, now: float) -> None:
        if self.holder is not None and self.deadline > now:
            raise Held(name, self.holder, self.epoch, self.deadline - now)

    def refuse_if_lost(self, hold: Hold) -> None:
        if hold.epoch != self.epoch or self.holder is None:
            raise HoldLost(hold.stream, hold.epoch, self.epoch)


class _Store:
    """What the connections to one name share; everything under `lock`."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.lock = threading.Lock()
        self.streams: dict[str, _Stream] = {}

    def stream(self, name: str) -> _Stream:
        return self.streams.setdefault(name, _Stream())


class MemoryJournal:
    """A `Journal` in memory. Get one with `open_journal`. Connections to one name may belong to loops in several
    threads."""

    def __init__(self, store: _Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._closed = False

    @property
    def id(self) -> str:
        return self._store.id

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        with self._locked() as store:
            found = store.stream(stream)
            if found.archived:
                raise StreamArchived(stream)
            now = self._clock.monotonic()
            found.refuse_if_held(stream, now)
            found.epoch += 1
            found.holder = holder
            found.deadline = now + ttl
            return Hold(stream, holder, found.epoch, ttl, Version(len(found.entries)))

    async def renew(self, hold: Hold) -> None:
        with self._locked() as store:
            found = store.stream(hold.stream)
            found.refuse_if_lost(hold)
            found.deadline = self._clock.monotonic() + hold.ttl

    async def drop(self, hold: Hold) -> None:
        with self._locked() as store:
            found = store.stream(hold.stream)
            if found.epoch == hold.epoch:
                found.holder = None

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        if not facts:
            raise ValueError("an append needs at least one fact")
        if hold is not None and hold.stream != stream:
            raise ValueError(f"a hold of {hold.stream} is no claim on {stream}")
        # As JSON, so that a fact that could not be stored is refused here too, and nobody can change it later.
        rows = [(fact.kind, json.dumps(dict(fact.data), allow_nan=False)) for fact in facts]
        with self._locked() as store:
            found = store.stream(stream)
            if hold is not None:
                found.refuse_if_lost(hold)
            if found.archived:
                raise StreamArchived(stream)
            if key not in found.keys:
                at = self._clock.wall()
                found.entries += [(kind, data, 0 if hold is None else hold.epoch, at) for kind, data in rows]
                found.keys[key] = Version(len(found.entries))
            return found.keys[key]

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        position = after or 0
        while True:
            with self._locked() as store:
                page = store.stream(stream).entries[position : position + PAGE]
            if not page:
                return
            for position, (kind, data, epoch, at) in enumerate(page, position + 1):  # noqa: B020  where to go on from
                yield Entry(Version(position), Fact(kind, json.loads(data)), epoch, at)

    async def streams(self, prefix: str) -> AsyncIterator[str]:
        with self._locked() as store:
            names = sorted(
                name
                for name, found in store.streams.items()
                if name.startswith(prefix) and found.entries and not found.archived
            )
        for name in names:
            yield name

    async def archive(self, stream: str) -> None:
        with self._locked() as store:
            found = store.stream(stream)
            found.refuse_if_held(stream, self._clock.monotonic())
            found.archived = True
            found.holder = None

    async def close(self) -> None:
        self._closed = True

    @contextmanager
    def _locked(self) -> Iterator[_Store]:
        if self._closed:
            raise JournalUnavailable("this connection to the journal was closed")
        with self._store.lock:
            yield self._store


_named: dict[str, _Store] = {}


async def open_journal(url: str, *, clock: Clock | None = None) -> MemoryJournal:
    """Connect to the journal that `url` names: `memory://NAME` is shared by everybody in the process who opens that
    name, for as long as the process lives; `memory://` is a new one. Raises `ConfigurationError`."""
    name = url.removeprefix("memory://")
    if name == url:
        raise ConfigurationError(f"{url!r} is not a journal in memory: write memory://NAME, or memory:// for a new one")
    return MemoryJournal(_named.setdefault(name, _Store()) if name else _Store(), clock or SystemClock())
