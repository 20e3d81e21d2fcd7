"""What a stream of facts adds up to, in whatever order several writers left them."""

from __future__ import annotations

from beth_kit.memory import base
from beth_kit.memory.base import Remembered
from beth_kit.memory.fold import Fold, fact_of
from beth_sdk.journal.base import Entry, Fact, Version


def _folded(*facts: Fact, at_most: int = 10) -> Fold:
    fold = Fold(at_most)
    for version, fact in enumerate(facts, 1):
        fold.add(Entry(Version(version), fact, 0, 0.0))
    return fold


def _note(id: str, text: str = "x") -> Fact:  # noqa: A002
    return fact_of(Remembered(id, text, ("tag",), 1.0))


def _forgotten(id: str) -> Fact:  # noqa: A002
    return Fact("forgotten", {"id": id})


def test_a_note_comes_back_from_its_fact_as_it_was() -> None:
    note = Remembered("a", "text", ("one", "two"), 1.5, "task-1", "req-1")
    assert _folded(fact_of(note)).notes == {"a": note}


def test_the_first_fact_of_a_note_counts() -> None:
    fold = _folded(_note("a", "first"), _note("b"), _note("a", "second"))
    assert [note.text for note in fold.notes.values()] == ["first", "x"]
    assert list(fold.documents) == ["a", "b"]


def test_a_note_that_went_does_not_come_back_by_a_later_fact() -> None:
    assert list(_folded(_note("a"), _forgotten("a"), _note("a")).notes) == []
    assert list(_folded(_forgotten("a"), _note("a")).notes) == []
    assert list(_folded(_note("a"), _note("b"), _note("a"), at_most=1).notes) == ["b"]


def test_what_was_gone_in_the_stream_before_is_gone_here() -> None:
    fold = _folded(_note("a"), Fact("carried", {"gone": ["b"]}), _note("b"))
    assert (list(fold.notes), fold.carried, fold.closing) == (["a"], True, False)


def test_only_the_newest_of_what_went_is_known() -> None:
    fold = _folded(*(_forgotten(str(number)) for number in range(base.GONE + 5)))
    assert list(fold.gone) == [str(number) for number in range(5, base.GONE + 5)]


def test_a_kind_that_nobody_knows_changes_nothing() -> None:
    fold = _folded(_note("a"), Fact("merged", {"ids": ["a"]}))
    assert (list(fold.notes), fold.position) == (["a"], 2)
