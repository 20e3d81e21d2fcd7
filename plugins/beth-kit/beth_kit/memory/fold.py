"""Adds up the facts of a memory's stream: which notes live, which are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beth_kit.memory.base import GONE, Remembered
from beth_kit.memory.words import searchable
from beth_sdk.journal.base import Entry, Fact, Journal, Version

REMEMBERED = "remembered"
FORGOTTEN = "forgotten"
FOLLOWS = "follows"
"""This stream goes on where `stream` ends."""
CLOSING = "closing"
"""This stream is about to be archived; another goes on."""
CARRIED = "carried"
"""Everything that lived in the stream before this one is here; `gone` are the ids of what no longer did."""


class Fold:
    """What a stream says so far. `notes` in the order they were remembered, at most `at_most` of them: the oldest
    goes. `documents`: what is searched of each."""

    def __init__(self, at_most: int) -> None:
        self.notes: dict[str, Remembered] = {}
        self.documents: dict[str, str] = {}
        self.gone: dict[str, None] = {}
        self.position = Version(0)
        self.closing = False
        self.carried = False
        self._at_most = at_most

    async def read(self, journal: Journal, stream: str) -> None:
        """Add what is new in the stream."""
        async for entry in journal.read(stream, self.position):
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """One entry more. A kind that is not known was written by a newer version, and changes nothing."""
        data = entry.fact.data
        match entry.fact.kind:
            case "remembered":
                self._remember(_note_of(data))
            case "forgotten":
                self._forget(str(data["id"]))
            case "carried":
                self.carried = True
                for id in data["gone"]:  # noqa: A001
                    self._forget(str(id))
            case "closing":
                self.closing = True
        self.position = entry.version

    def _remember(self, note: Remembered) -> None:
        if note.id in self.notes or note.id in self.gone:
            return
        self.notes[note.id] = note
        self.documents[note.id] = searchable(note.text, note.tags)
        while len(self.notes) > self._at_most:
            self._forget(next(iter(self.notes)))

    def _forget(self, id: str) -> None:  # noqa: A002
        self.notes.pop(id, None)
        self.documents.pop(id, None)
        self.gone.setdefault(id)
        if len(self.gone) > GONE:
            del self.gone[next(iter(self.gone))]


def fact_of(note: Remembered) -> Fact:
    """A note as a fact."""
    return Fact(
        REMEMBERED,
        {
            "id": note.id,
            "text": note.text,
            "tags": list(note.tags),
            "at": note.at,
            "task_id": note.task_id,
            "request_id": note.request_id,
        },
    )


def _note_of(data: Mapping[str, Any]) -> Remembered:
    return Remembered(
        data["id"], data["text"], tuple(data["tags"]), data["at"], data.get("task_id"), data.get("request_id")
    )
