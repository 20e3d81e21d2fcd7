"""The `Memory` Protocol, what it hands out, and its limits."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from beth_kit.memory.secrets import without_secrets
from beth_sdk import BethError

RECALLED = 50
"""Notes that one `recall` gives at most, whatever it is asked for."""

GONE = 2000
"""Of how many notes that went, the newest of them, it is known that they were there, so that a repeated `remember`
does not bring them back."""


class MemoryFailure(BethError):
    """Root of everything a memory raises on purpose."""

    code = "memory"


class NoteRefused(MemoryFailure):
    """A note cannot be kept as it is; `reason` says what to change, in words that a model understands."""

    code = "note_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not remembered: {reason}")


class MemoryUnavailable(MemoryFailure):
    """The memory cannot be read or written now. Where the answer got lost on its way the note may have been kept; the
    same key again does no harm."""

    code = "memory_unavailable"


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """How much a role may remember. With these numbers all of its notes together stay under 8 MiB; a search through
    that much without an index, for 32 words, took half a second on one core of 2024."""

    note_bytes: int = 8 * 1024
    """Of one note's text, in UTF-8. A longer one is refused; it is never cut."""
    notes: int = 1000
    """Of one role. With one more, the one that was remembered first goes, without a word."""
    tags: int = 16
    """Of one note."""
    tag_chars: int = 64


@dataclass(frozen=True, slots=True)
class Remembered:
    """A note. `at` in seconds since the Unix epoch, by the clock of whoever remembered it; `task_id` and `request_id`:
    in whose course; `score`: how well it fits what was asked, comparable within one answer only, 0 where nothing was
    asked for."""

    id: str
    text: str
    tags: tuple[str, ...]
    at: float
    task_id: str | None = None
    request_id: str | None = None
    score: float = field(default=0.0, compare=False)

    def scored(self, score: float) -> Remembered:
        """The same note, found with this score."""
        return replace(self, score=score)


class Memory(Protocol):
    """One role's notes, the same for every task and replica of the role that has the same volume or journal.

    Texts and queries come from a model and are not trusted. Keys and passwords in a text or a tag are replaced by
    `***` before it is stored; the note that `remember` returns shows what was kept. Over `MemoryLimits.notes` the
    oldest notes go. Use it from one event loop. Every call may raise `MemoryUnavailable`.
    """

    async def remember(
        self,
        text: str,
        tags: Iterable[str] = (),
        *,
        key: str,
        task_id: str | None = None,
        request_id: str | None = None,
    ) -> Remembered:
        """Keep a note, durably once this returns. The same `key` again adds nothing and returns the first note,
        whatever the text; where that has gone since, it stays so. Raises `NoteRefused`."""
        ...

    async def recall(self, query: str = "", limit: int = 5, tags: Iterable[str] = ()) -> list[Remembered]:
        """The notes that fit `query` best: those with any of its words in text or tags, ranked by BM25, of equals the
        newest first. Without a word in it, the newest. With `tags`, only notes that have all of them. At most `limit`
        and `RECALLED` of them."""
        ...

    async def forget(self, id: str) -> bool:  # noqa: A002  it is the `id` of `Remembered`
        """Remove a note for good; returns whether there was one."""
        ...

    async def close(self) -> None:
        """Let go of the file or the connection. Idempotent."""
        ...


def note(
    text: str,
    tags: Iterable[str],
    *,
    key: str,
    at: float,
    task_id: str | None,
    request_id: str | None,
    limits: MemoryLimits,
    secrets: Sequence[str],
) -> Remembered:
    """A note as it is stored: storable, without secrets, within the limits. Raises `NoteRefused`."""
    text = storable(text).strip()
    size = len(text.encode())
    if not text:
        raise NoteRefused("the note is empty: write what is worth knowing next time")
    if size > limits.note_bytes:
        raise NoteRefused(f"the note has {size:,} bytes; the limit is {limits.note_bytes:,}: write it shorter")
    kept = without_secrets(text, secrets)
    return Remembered(note_id(key), kept, _tags(tags, limits, secrets), at, task_id, request_id)


def note_id(key: str) -> str:
    """What a note is called that was remembered under `key`: of fixed length, and the same in every backend."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16]


def plain_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are compared: lower case, one blank between words, each once, in the given order."""
    found = (" ".join(unicodedata.normalize("NFC", storable(tag)).casefold().split()) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in found if tag))


def count_of(limit: int) -> int:
    """How many notes a `recall` gives."""
    return max(0, min(limit, RECALLED))


def _tags(tags: Iterable[str], limits: MemoryLimits, secrets: Sequence[str]) -> tuple[str, ...]:
    given = [storable(tag) for tag in tags]
    if any(len(tag) > limits.tag_chars for tag in given):
        raise NoteRefused(f"a tag is longer than {limits.tag_chars} characters: use a word or two")
    # Before they are put into lower case, in which a key cannot be told any more.
    kept = plain_tags(without_secrets(tag, secrets) for tag in given)
    if len(kept) > limits.tags:
        raise NoteRefused(f"the note has {len(kept)} tags; the limit is {limits.tags}: use fewer")
    return kept


def storable(text: str) -> str:
    """Without what no database keeps: NUL, and halves of surrogate pairs, as models and broken files produce them."""
    return text.replace("\0", "").encode(errors="replace").decode()
