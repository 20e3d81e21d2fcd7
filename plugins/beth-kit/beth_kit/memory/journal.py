"""A memory in the journal, for replicas that move between machines: facts, added up and searched in the process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from beth_kit.memory.base import MemoryLimits, MemoryUnavailable, Remembered, count_of, note, plain_tags
from beth_kit.memory.fold import CARRIED, CLOSING, FOLLOWS, FORGOTTEN, REMEMBERED, Fold, fact_of
from beth_kit.memory.words import query_words, ranked
from beth_sdk import logs
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import JournalError, StreamArchived
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.redact import redact

__all__ = ["COMPACT_AFTER", "JournalMemory", "stream_of"]

T = TypeVar("T")

COMPACT_AFTER = 10_000
"""Facts of a stream after which its living notes go on in a new one, so that a memory of years opens in seconds."""

_log = logs.get("beth.kit.memory")

_TRIES = 10
"""Times that a fact is offered while others replace the stream, which they do once in thousands of facts."""


def stream_of(role: str, generation: int = 1) -> str:
    """The stream of a role's memory; `generation` goes up when the living notes move to a new one."""
    return f"memory/{role}" if generation == 1 else f"memory/{role}:{generation}"


class JournalMemory:
    """A `Memory` over a `Journal`. The first call connects, on the event loop it is made on. What was read is kept and
    only what is new gets read, which costs each call one round trip.

    A stream that has grown long is replaced. The next one is opened with the fact `follows`, the old one gets
    `closing` and is archived, its living notes are copied, and `carried` ends that. Everybody who meets an unfinished
    replacement finishes it; all of it can be done any number of times, by several at once.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Journal]],
        role: str,
        *,
        clock: Clock | None = None,
        limits: MemoryLimits | None = None,
        secrets: Sequence[str] = (),
        compact_after: int = COMPACT_AFTER,
    ) -> None:
        self._connect = connect
        self._role = role
        self._clock = clock or SystemClock()
        self._limits = limits or MemoryLimits()
        self._secrets = tuple(secrets)
        # A stream begins with the notes that were carried into it; it must get a good deal longer than that.
        self._compact_after = max(compact_after, 2 * self._limits.notes + 10)
        self._lock = asyncio.Lock()
        self._journal: Journal | None = None
        self._generation = 0
        self._fold = Fold(self._limits.notes)
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
        return await self._run(lambda journal: self._remember(journal, made))

    async def recall(self, query: str = "", limit: int = 5, tags: Iterable[str] = ()) -> list[Remembered]:
        wanted, having, count = query_words(query), set(plain_tags(tags)), count_of(limit)
        if not count:
            return []
        notes, documents = await self._run(self._everything)
        if wanted:
            best = await asyncio.to_thread(ranked, documents, wanted, of=len(documents))
        else:
            best = [(0.0, index) for index in reversed(range(len(notes)))]
        fitting = ((score, notes[index]) for score, index in best if having.issubset(notes[index].tags))
        return [found.scored(score) for score, found in fitting][:count]

    async def forget(self, id: str) -> bool:  # noqa: A002  as in the Protocol
        return await self._run(lambda journal: self._forget(journal, id))

    async def close(self) -> None:
        self._closed = True
        async with self._lock:
            journal, self._journal = self._journal, None
            if journal is not None:
                await journal.close()

    # -- one at a time ------------------------------------------------------------------------

    async def _run(self, call: Callable[[Journal], Awaitable[T]]) -> T:
        """Call `call` with everything read that there is so far."""
        async with self._lock:
            if self._closed:
                raise MemoryUnavailable(f"{stream_of(self._role)}: this memory was closed")
            try:
                if self._journal is None:
                    self._journal = await self._connect()
                await self._refresh(self._journal)
                return await call(self._journal)
            except JournalError as error:
                raise MemoryUnavailable(redact(str(error))) from error

    async def _everything(self, _: Journal) -> tuple[list[Remembered], list[str]]:
        return list(self._fold.notes.values()), list(self._fold.documents.values())

    async def _remember(self, journal: Journal, made: Remembered) -> Remembered:
        if made.id not in self._fold.notes and made.id not in self._fold.gone:
            await self._append(journal, fact_of(made), key=f"{REMEMBERED}:{made.id}")
        return self._fold.notes.get(made.id, made)

    async def _forget(self, journal: Journal, id: str) -> bool:  # noqa: A002
        if id not in self._fold.notes:
            return False
        await self._append(journal, Fact(FORGOTTEN, {"id": id}), key=f"{FORGOTTEN}:{id}")
        return True

    async def _append(self, journal: Journal, fact: Fact, *, key: str) -> None:
        for _ in range(_TRIES):
            try:
                await journal.append(self._stream, [fact], key=key)
                break
            except StreamArchived:
                await self._refresh(journal)
        else:
            raise MemoryUnavailable(f"{self._stream}: the stream is replaced again and again: try again later")
        await self._refresh(journal)
        if self._fold.position > self._compact_after:
            try:
                await self._replace(journal)
            except JournalError as error:  # the fact itself is kept; the next call goes on with this
                _log.warning("a long memory could not be replaced yet", stream=self._stream, error=str(error))

    # -- streams ------------------------------------------------------------------------------

    @property
    def _stream(self) -> str:
        return stream_of(self._role, self._generation)

    async def _refresh(self, journal: Journal) -> None:
        """Read what is new, in the stream that followed where this one was closed."""
        if not self._generation:
            self._generation = await self._newest(journal)
        while True:
            await self._fold.read(journal, self._stream)
            if self._generation > 1 and not self._fold.carried:
                await self._carry(journal, self._generation - 1)
            elif self._fold.closing:
                self._generation += 1
                self._fold = Fold(self._limits.notes)
            else:
                return

    async def _newest(self, journal: Journal) -> int:
        name = re.compile(re.escape(stream_of(self._role)) + r"(?::([0-9]+))?")
        found = [name.fullmatch(stream) async for stream in journal.streams(stream_of(self._role))]
        return max((int(match[1] or 1) for match in found if match), default=1)

    async def _replace(self, journal: Journal) -> None:
        # First of all the stream that follows: archived ones are not listed, and nobody would find the memory again.
        followed = Fact(FOLLOWS, {"stream": self._stream})
        await journal.append(stream_of(self._role, self._generation + 1), [followed], key=FOLLOWS)
        await self._carry(journal, self._generation)
        await self._refresh(journal)

    async def _carry(self, journal: Journal, generation: int) -> None:
        """Close a stream, and copy its living notes to the next."""
        old, new = stream_of(self._role, generation), stream_of(self._role, generation + 1)
        try:
            await journal.append(old, [Fact(CLOSING)], key=CLOSING)
        except StreamArchived:
            pass  # somebody came as far as this before
        await journal.archive(old)
        fold = Fold(self._limits.notes)
        await fold.read(journal, old)
        try:
            for living in fold.notes.values():
                await journal.append(new, [fact_of(living)], key=f"{REMEMBERED}:{living.id}")
            await journal.append(new, [Fact(CARRIED, {"gone": list(fold.gone)})], key=CARRIED)
        except StreamArchived:
            pass  # only what was carried in full is ever replaced itself: others were faster
