"""The suite that every memory passes: subclass it, and override `open`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from beth_kit.memory.base import RECALLED, Memory, MemoryLimits, MemoryUnavailable, NoteRefused
from beth_sdk.clock import Clock
from beth_sdk.testing import ManualClock

HOSTILE = (
    *('"', '""', "'", '"unclosed', "*", "test*", "^test", "-test", "+test", "text:test", "words : test", "{a b}: c"),
    *("NEAR(", "NEAR(a b, 2)", "a NEAR b", "AND", "OR", "NOT", "a AND", "NOT a", "(((", ")))", "a OR (b", "a + b"),
    *(
        "%",
        "_",
        "\\",
        "; DROP TABLE note; --",
        "' OR 1=1 --",
        "\0",
        "a\0b",
        "\n",
        "🚀",
        "👩‍👩‍👧",
        "\ud83d",
        "\u200b",
        "\uffff",
    ),
    *("note_index", "rank", "bm25(note_index)", "? ?1 :a @b $c", "'); DELETE FROM note; --", "\u3099", "\u0301"),
)
"""Queries that mean something to a database, or to nobody."""


class MemoryConformance:
    """Everything that is promised of a `Memory`."""

    pytestmark = pytest.mark.asyncio

    clock: ManualClock

    @pytest.fixture(autouse=True)
    def _own_clock(self) -> None:
        self.clock = ManualClock()

    async def open(
        self, clock: Clock, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> Memory:
        """The memory of a role. Within one test the same role's lead to the same notes, also after all were closed; in
        another test to other notes."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(
        self, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> AsyncIterator[Memory]:
        """A memory, closed at the end."""
        memory = await self.open(self.clock, role=role, limits=limits, secrets=secrets)
        try:
            yield memory
        finally:
            await memory.close()

    # -- remember -----------------------------------------------------------------------------

    async def test_what_was_remembered_is_recalled_with_everything_known_of_it(self) -> None:
        async with self.opened() as memory:
            made = await memory.remember(
                "The tests need a database", ["Setup", "data  base"], key="k1", task_id="task-1", request_id="req-1"
            )
            (found,) = await memory.recall("database")
        assert found == made
        assert found.text == "The tests need a database"
        assert found.tags == ("setup", "data base")
        assert (found.at, found.task_id, found.request_id) == (self.clock.wall(), "task-1", "req-1")
        assert found.score > 0

    async def test_the_same_key_again_adds_nothing_and_returns_the_first_note(self) -> None:
        async with self.opened() as memory:
            first = await memory.remember("Use tabs", ["style"], key="k1")
            self.clock.advance(60)
            assert await memory.remember("Use spaces", key="k1") == first
            assert await memory.recall() == [first]
        async with self.opened() as memory:
            assert await memory.remember("Use nothing", key="k1") == first
            assert await memory.recall() == [first]

    async def test_two_at_once_with_the_same_key_make_one_note(self) -> None:
        async with self.opened() as one, self.opened() as other:
            made = await asyncio.gather(*(one.remember("x", key="k1") for _ in range(3)), other.remember("x", key="k1"))
            assert len({note.id for note in made}) == 1
            assert len(await one.recall()) == len(await other.recall()) == 1

    async def test_different_keys_make_different_notes_of_the_same_text(self) -> None:
        async with self.opened() as memory:
            await memory.remember("Use tabs", key="k1")
            await memory.remember("Use tabs", key="k2")
            assert len(await memory.recall("tabs")) == 2

    @pytest.mark.parametrize("text", ["", "  \n", "\0"])
    async def test_an_empty_note_is_refused(self, text: str) -> None:
        async with self.opened() as memory:
            with pytest.raises(NoteRefused, match="empty"):
                await memory.remember(text, key="k1")
            assert await memory.recall() == []

    async def test_a_note_may_have_as_many_bytes_as_the_limit_and_not_one_more(self) -> None:
        async with self.opened(limits=MemoryLimits(note_bytes=10)) as memory:
            await memory.remember("äääää", key="k1")
            with pytest.raises(NoteRefused, match="12 bytes; the limit is 10"):
                await memory.remember("ääääää", key="k2")
            assert [note.text for note in await memory.recall()] == ["äääää"]

    async def test_too_many_and_too_long_tags_are_refused(self) -> None:
        async with self.opened(limits=MemoryLimits(tags=2, tag_chars=5)) as memory:
            await memory.remember("x", ["a", "b", "A", " "], key="k1")
            with pytest.raises(NoteRefused, match="3 tags; the limit is 2"):
                await memory.remember("x", ["a", "b", "c"], key="k2")
            with pytest.raises(NoteRefused, match="longer than 5"):
                await memory.remember("x", ["abcdef"], key="k3")

    @pytest.mark.parametrize("text", ["a\0b", "half \ud83d pair", "🚀 launch", "'; DROP TABLE note; --", 'say "x" *'])
    async def test_a_note_may_hold_any_text(self, text: str) -> None:
        async with self.opened() as memory:
            made = await memory.remember(text, [text], key=text)
            assert await memory.recall() == [made]

    # -- recall -------------------------------------------------------------------------------

    async def test_the_note_that_fits_best_comes_first(self) -> None:
        async with self.opened() as memory:
            await memory.remember("The build runs with make and takes a while", key="k1")
            await memory.remember("Migrations of the database run before the build", key="k2")
            await memory.remember("The database of the tests lives in memory", key="k3")
            for number in range(8):
                await memory.remember(f"Something else entirely {number}", key=f"other-{number}")
            found = await memory.recall("database migrations")
        assert [note.text.split()[0] for note in found] == ["Migrations", "The"]
        assert found[0].score > found[1].score > 0

    async def test_of_notes_that_fit_equally_the_newest_comes_first(self) -> None:
        async with self.opened() as memory:
            for name in ("one", "two", "six"):
                await memory.remember(f"deploy {name}", key=name)
            assert [note.text for note in await memory.recall("deploy")] == ["deploy six", "deploy two", "deploy one"]

    async def test_newest_means_remembered_last_whatever_the_date_was(self) -> None:
        async with self.opened() as memory:
            await memory.remember("deploy one", key="k1")
            self.clock.set_wall(1.0)
            await memory.remember("deploy two", key="k2")
            assert [note.at for note in await memory.recall("deploy")] == [1.0, 1_700_000_000.0]
            assert [note.at for note in await memory.recall()] == [1.0, 1_700_000_000.0]

    @pytest.mark.parametrize("query", ["", "  ", "?!"])
    async def test_without_a_word_in_the_query_the_newest_are_recalled(self, query: str) -> None:
        async with self.opened() as memory:
            for number in range(4):
                await memory.remember(f"note {number}", key=str(number))
            found = await memory.recall(query, limit=2)
        assert [(note.text, note.score) for note in found] == [("note 3", 0.0), ("note 2", 0.0)]

    async def test_what_has_none_of_the_words_is_not_recalled(self) -> None:
        async with self.opened() as memory:
            await memory.remember("The build runs with make", key="k1")
            assert await memory.recall("kubernetes ingress") == []
            assert await memory.recall("mak") == []

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("Le résumé est prêt", "RESUME PRET"),
            ("resume", "résumé"),
            ("Die Straße", "STRASSE"),
            ("run the tests first", "test"),
            ("one query", "queries"),
            ("see src/user_model.py", "user"),
            ("see src/user_model.py", "src/user_model.py"),
            ("Python 3.11 is needed", "3.11"),
            ("数据库连接超时", "数据库"),
            ("テストはデータベースを使う", "データ"),
            ("한국어 메모", "메모"),
            ("हिन्दी में लिखा", "हिन्दी"),
            ("База данных", "база"),
        ],
    )
    async def test_words_are_found_in_other_cases_accents_and_scripts(self, text: str, query: str) -> None:
        async with self.opened() as memory:
            await memory.remember(text, key="k1")
            await memory.remember("something else", key="k2")
            assert [note.text for note in await memory.recall(query)] == [text]

    async def test_tags_are_searched_too(self) -> None:
        async with self.opened() as memory:
            await memory.remember("Never on a Friday", ["deployment"], key="k1")
            assert len(await memory.recall("deployment")) == 1

    async def test_only_notes_with_all_the_tags_are_recalled(self) -> None:
        async with self.opened() as memory:
            await memory.remember("deploy a", ["ci", "linux"], key="k1")
            await memory.remember("deploy b", ["ci"], key="k2")
            await memory.remember("deploy c", ["ci linux"], key="k3")
            assert [note.text for note in await memory.recall("deploy", tags=["Linux", "CI"])] == ["deploy a"]
            assert [note.text for note in await memory.recall(tags=["ci"])] == ["deploy b", "deploy a"]
            assert await memory.recall("deploy", tags=["%", "c"]) == []

    async def test_no_more_than_the_limit_are_recalled(self) -> None:
        async with self.opened() as memory:
            for number in range(RECALLED + 5):
                await memory.remember(f"note {number}", key=str(number))
            for limit, found in ((-1, 0), (0, 0), (1, 1), (3, 3), (10**9, RECALLED)):
                assert len(await memory.recall("note", limit=limit)) == found
                assert len(await memory.recall(limit=limit)) == found

    @pytest.mark.parametrize("query", HOSTILE, ids=ascii)
    async def test_a_hostile_query_neither_raises_nor_changes_anything(self, query: str) -> None:
        async with self.opened() as memory:
            made = await memory.remember("a plain test of words", key="k1")
            assert await memory.recall(query) in ([], [made])
            assert await memory.recall(query, tags=[query]) in ([], [made])
            assert await memory.forget(query) is False
            assert await memory.recall("test") == [made]

    async def test_a_query_of_operators_finds_them_as_the_words_they_are(self) -> None:
        async with self.opened() as memory:
            await memory.remember("either this or that", key="k1")
            await memory.remember("apples", key="k2")
            assert [note.text for note in await memory.recall("apples NOT this")] == [
                note.text for note in await memory.recall("this not apples")
            ]
            assert len(await memory.recall("OR")) == 1

    @pytest.mark.parametrize("query", ["word " * 20_000, "a" * 100_000, '"' * 100_000, "(" * 100_000, "数" * 100_000])
    async def test_a_query_of_100_kilobytes_is_answered(self, query: str) -> None:
        async with self.opened() as memory:
            await memory.remember("a word", key="k1")
            assert len(await asyncio.wait_for(memory.recall(query), 20)) <= 1

    async def test_a_query_of_thousands_of_words_is_answered_by_its_first_ones(self) -> None:
        async with self.opened() as memory:
            await memory.remember("w0", key="k1")
            await memory.remember("w1999", key="k2")
            found = await memory.recall(" ".join(f"w{number}" for number in range(2000)))
        assert [note.text for note in found] == ["w0"]

    # -- forget, limits -----------------------------------------------------------------------

    async def test_a_forgotten_note_is_gone_for_good(self) -> None:
        async with self.opened() as memory:
            made = await memory.remember("Use tabs", key="k1")
            assert await memory.forget(made.id) is True
            assert await memory.forget(made.id) is False
            assert await memory.recall("tabs") == await memory.recall() == []
            assert (await memory.remember("Use tabs", key="k1")).id == made.id
            assert await memory.recall() == []
        async with self.opened() as memory:
            await memory.remember("Use tabs", key="k1")
            assert await memory.recall() == []

    async def test_over_the_limit_the_oldest_go(self) -> None:
        async with self.opened(limits=MemoryLimits(notes=3)) as memory:
            for number in range(5):
                await memory.remember(f"note {number}", key=str(number))
                assert len(await memory.recall()) == min(number + 1, 3)
            assert [note.text for note in await memory.recall()] == ["note 4", "note 3", "note 2"]
            assert await memory.recall("0") == []
            await memory.remember("note 0", key="0")
            assert [note.text for note in await memory.recall()] == ["note 4", "note 3", "note 2"]

    # -- who sees what ------------------------------------------------------------------------

    async def test_notes_outlive_the_memory_that_took_them(self) -> None:
        async with self.opened() as memory:
            made = await memory.remember("Use tabs", ["style"], key="k1", task_id="task-1")
        async with self.opened() as memory:
            assert await memory.recall("tabs") == [made]

    async def test_one_sees_at_once_what_another_remembered_and_forgot(self) -> None:
        async with self.opened() as one, self.opened() as other:
            assert await other.recall() == []
            made = await one.remember("Use tabs", key="k1")
            assert await other.recall("tabs") == [made]
            assert await other.forget(made.id) is True
            assert await one.recall("tabs") == []

    async def test_each_role_has_notes_of_its_own(self) -> None:
        async with self.opened() as developer, self.opened(role="developer-ops") as operator:
            made = await developer.remember("mine", key="k1")
            await operator.remember("theirs", key="k1")
            assert [note.text for note in await developer.recall()] == ["mine"]
            assert [note.text for note in await operator.recall()] == ["theirs"]
            assert await operator.forget(made.id) is True
            assert [note.text for note in await developer.recall()] == ["mine"]

    # -- secrets ------------------------------------------------------------------------------

    async def test_keys_and_passwords_are_not_stored(self) -> None:
        key = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"
        async with self.opened(secrets=["correct horse"]) as memory:
            made = await memory.remember(
                f"Call it with {key}, log in at https://me:hunter2@example.org, say correct horse", [key], key="k1"
            )
            assert made.text == "Call it with ***, log in at https://me:***@example.org, say ***"
            assert made.tags == ("***",)
            assert await memory.recall() == [made]
            assert await memory.recall("abcdefghijklmnopqrstuvwxyz") == await memory.recall("hunter2") == []

    # -- closing ------------------------------------------------------------------------------

    async def test_a_closed_memory_says_so_and_may_be_closed_again(self) -> None:
        for used in (False, True):
            memory = await self.open(self.clock)
            if used:
                await memory.recall()
            await memory.close()
            await memory.close()
            with pytest.raises(MemoryUnavailable, match="closed"):
                await memory.remember("x", key="k1")
            with pytest.raises(MemoryUnavailable, match="closed"):
                await memory.recall()
