"""The `Journal` Protocol and the records that cross it.

A stream is an ordered list of facts. A hold is an exclusive claim on a stream; its epoch, higher each time, is the
only fencing token: an append under an epoch that is not the newest is refused, so a worker that froze and wakes cannot
write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType, Protocol

Version = NewType("Version", int)
"""How many facts a stream had after an append; the first fact of a stream has version 1."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened: a `kind` and its JSON `data`."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in its place. `epoch` is the hold's it was written under, 0 for none; `at` in seconds since the Unix
    epoch, by the clock of whoever wrote it."""

    version: Version
    fact: Fact
    epoch: int
    at: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A claim on a stream. `ttl`: seconds it lives without being renewed. `version`: how many facts the stream had when
    it was taken, so that whoever takes an empty stream, or one it knows, need not read it; None where a backend cannot
    say so in the same round trip."""

    stream: str
    holder: str
    epoch: int
    ttl: float
    version: Version | None = None


class Journal(Protocol):
    """One connection to a journal, used from one event loop."""

    @property
    def id(self) -> str:
        """Names the journal, the same for everybody who opens it, for as long as its data lives."""
        ...

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        """Claim a stream. The epoch is higher than any before it. Raises `Held` while a hold lives, also one of the
        same holder's (a worker may meet a second copy of what it is running), and `StreamArchived`."""
        ...

    async def renew(self, hold: Hold) -> None:
        """Make the hold live for its full `ttl` from now. Raises `HoldLost` once a newer hold was taken or this one
        was dropped; a hold that merely ran out, and that nobody took, lives again."""
        ...

    async def drop(self, hold: Hold) -> None:
        """Give the stream up at once. Without effect when a newer hold was taken."""
        ...

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        """Add facts, all or none, and return the version of the last. Under a hold, its epoch is checked first: raises
        `HoldLost` when it is not the newest or was dropped. Then the key: the same key on the same stream again adds
        nothing and returns the first answer. Raises `StreamArchived`."""
        ...

    def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        """The stream's facts in order, those after version `after` only. Archived streams can be read too."""
        ...

    def streams(self, prefix: str) -> AsyncIterator[str]:
        """The names of the streams that have facts and are not archived, in order of name."""
        ...

    async def archive(self, stream: str) -> None:
        """Close the stream for good, in a form that takes little room and can still be read. Idempotent. Its facts
        stay, its epoch stays, and appends are refused. Raises `Held` while somebody holds it."""
        ...

    async def close(self) -> None: ...
