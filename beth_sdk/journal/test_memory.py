"""The journal in memory passes the suite of every journal."""

from __future__ import annotations

import itertools

import pytest

from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError, JournalUnavailable
from beth_sdk.journal.base import Fact
from beth_sdk.journal.memory import MemoryJournal, open_journal
from beth_sdk.testing import JournalConformance

numbers = itertools.count()


class TestMemoryJournal(JournalConformance):
    @pytest.fixture(autouse=True)
    def storage(self) -> None:
        self.url = f"memory://test-{next(numbers)}"

    async def open(self, clock: Clock) -> MemoryJournal:
        return await open_journal(self.url, clock=clock)


async def test_without_a_name_every_journal_is_a_new_one() -> None:
    one, two = await open_journal("memory://"), await open_journal("memory://")
    await one.append("task/a", [Fact("a")], key="one")
    assert [entry async for entry in two.read("task/a")] == []
    assert one.id != two.id


async def test_changing_data_after_an_append_changes_no_fact() -> None:
    journal = await open_journal("memory://")
    data = {"list": [1]}
    await journal.append("task/a", [Fact("a", data)], key="one")
    data["list"].append(2)
    assert [entry.fact.data async for entry in journal.read("task/a")] == [{"list": [1]}]


async def test_a_closed_journal_says_so() -> None:
    journal = await open_journal("memory://")
    await journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        await journal.take("task/a", "worker", 60)


async def test_another_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="memory://NAME"):
        await open_journal("redis://localhost")
