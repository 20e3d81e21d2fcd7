"""What is promised of the facts of every journal: appended once, all or none, under the newest epoch, kept for good."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.errors import Held, HoldLost, StreamArchived
from beth_sdk.journal.base import Fact, Version
from beth_sdk.testing.streams import OTHER, STREAM, OnStreams, entries, facts, kinds, names


class FactConformance(OnStreams):
    """Append, read, streams, archive."""

    # -- appends --------------------------------------------------------------------------------

    async def test_facts_are_read_as_they_were_appended(self) -> None:
        data = {
            "text": 'Größe → 尺寸 \U0001f980 \x00 "quoted" \\ \n',
            "half a surrogate pair": "\ud83d",
            "number": 1.5,
            "large": 2**60,
            "none": None,
            "nested": {"list": [1, [2, {"three": []}], True, False], "": {}},
        }
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
            version = await journal.append(STREAM, [Fact("outcome", data)], key="a", hold=hold)
            [entry] = await entries(journal)
        assert entry.fact == Fact("outcome", data)
        assert (entry.version, entry.epoch) == (version, hold.epoch)
        assert entry.at == pytest.approx(self.clock.wall(), abs=self.patience)

    async def test_the_first_fact_of_a_stream_has_version_one(self) -> None:
        async with self.connected() as journal:
            assert await journal.append(STREAM, facts("a"), key="a") == 1
            assert await journal.append(STREAM, facts("b", "c"), key="b") == 3
            assert [entry.version for entry in await entries(journal)] == [1, 2, 3]

    async def test_a_large_fact_is_read_whole(self) -> None:
        text = "0123456789abcdef" * 16384
        async with self.connected() as journal:
            await journal.append(STREAM, [Fact("outcome", {"text": text})], key="a")
            [entry] = await entries(journal)
        assert entry.fact.data["text"] == text

    async def test_an_append_without_facts_is_refused(self) -> None:
        async with self.connected() as journal:
            with pytest.raises(ValueError, match="at least one fact"):
                await journal.append(STREAM, [], key="a")

    async def test_facts_without_a_hold_have_epoch_zero(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts("a"), key="a")
            assert [entry.epoch for entry in await entries(journal)] == [0]

    async def test_anybody_may_append_without_a_hold_to_a_stream_that_is_held(self) -> None:
        async with self.connected() as one, self.connected() as two:
            hold = await one.take(STREAM, "worker-1", self.lease)
            await two.append(STREAM, facts("cancel"), key="cancel")
            await one.append(STREAM, facts("step"), key="step", hold=hold)
            assert await kinds(one) == ["cancel", "step"]

    async def test_an_append_under_a_hold_of_another_stream_is_refused(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(OTHER, "worker-1", self.lease)
            with pytest.raises(ValueError, match="hold"):
                await journal.append(STREAM, facts("a"), key="a", hold=hold)

    async def test_an_append_under_an_old_epoch_is_refused(self) -> None:
        async with self.connected() as one, self.connected() as two:
            lost = await one.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            current = await two.take(STREAM, "worker-2", self.lease)
            with pytest.raises(HoldLost) as caught:
                await one.append(STREAM, facts("late"), key="late", hold=lost)
            assert (caught.value.epoch, caught.value.current) == (lost.epoch, current.epoch)
            assert await kinds(two) == []

    async def test_an_append_under_a_hold_that_ran_out_and_that_nobody_took_is_accepted(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            await journal.append(STREAM, facts("a"), key="a", hold=hold)
            assert await kinds(journal) == ["a"]

    async def test_the_same_key_again_adds_nothing_and_is_answered_the_same(self) -> None:
        async with self.connected() as journal:
            first = await journal.append(STREAM, facts("a", "b"), key="one")
            await journal.append(STREAM, facts("c"), key="two")
            assert await journal.append(STREAM, facts("x"), key="one") == first
            assert await kinds(journal) == ["a", "b", "c"]
        async with self.connected() as journal:
            assert await journal.append(STREAM, facts("y", "z", "z"), key="one") == first
            assert await kinds(journal) == ["a", "b", "c"]

    async def test_the_same_key_on_another_stream_is_another_append(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts("a"), key="one")
            await journal.append(OTHER, facts("b"), key="one")
            assert await kinds(journal, OTHER) == ["b"]

    async def test_the_epoch_is_checked_before_the_key(self) -> None:
        async with self.connected() as one, self.connected() as two:
            lost = await one.take(STREAM, "worker-1", self.lease)
            first = await one.append(STREAM, facts("a"), key="one", hold=lost)
            await self.outlive_hold()
            assert await one.append(STREAM, facts("a"), key="one", hold=lost) == first
            current = await two.take(STREAM, "worker-2", self.lease)
            with pytest.raises(HoldLost):
                await one.append(STREAM, facts("a"), key="one", hold=lost)
            assert await two.append(STREAM, facts("a"), key="one", hold=current) == first
            assert await kinds(two) == ["a"]

    async def test_a_batch_is_added_whole_or_not_at_all(self) -> None:
        async with self.connected() as journal:
            with pytest.raises((ValueError, TypeError)):
                await journal.append(STREAM, [Fact("good"), Fact("bad", {"x": object()})], key="one")
            with pytest.raises((ValueError, TypeError)):
                await journal.append(STREAM, [Fact("good"), Fact("bad", {"x": float("nan")})], key="one")
            assert await kinds(journal) == []
            assert await journal.append(STREAM, facts("a", "b"), key="one") == 2

    async def test_batches_of_concurrent_writers_are_not_mixed_and_leave_no_gap(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await asyncio.gather(
                *((one, two)[n % 2].append(STREAM, facts(*[f"{n}"] * 3), key=f"{n}") for n in range(20))
            )
            found = await entries(one)
        assert [entry.version for entry in found] == list(range(1, 61))
        written = [entry.fact.kind for entry in found]
        assert all(len(set(written[n : n + 3])) == 1 for n in range(0, 60, 3))

    # -- reading --------------------------------------------------------------------------------

    async def test_an_unknown_stream_is_empty(self) -> None:
        async with self.connected() as journal:
            assert await entries(journal) == []

    async def test_a_read_starts_after_a_version(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts("a", "b", "c"), key="one")
            assert await kinds(journal, after=Version(1)) == ["b", "c"]
            assert await kinds(journal, after=Version(3)) == []

    async def test_a_long_stream_is_read_in_order(self) -> None:
        async with self.connected() as journal:
            for n in range(5):
                await journal.append(STREAM, facts(*[f"{n}"] * 321), key=f"{n}")
        async with self.connected() as journal:
            assert [entry.version for entry in await entries(journal)] == list(range(1, 1606))
            assert len(await kinds(journal, after=Version(1000))) == 605

    async def test_streams_are_listed_by_prefix_in_order_of_name(self) -> None:
        async with self.connected() as journal:
            for stream in ("task/b", "request/1", "task/a", "task/ü", "task/a/1", "tasks"):
                await journal.append(stream, facts("a"), key="one")
            await journal.take("task/held-only", "worker-1", self.lease)
            assert await names(journal, "task/") == ["task/a", "task/a/1", "task/b", "task/ü"]
            assert await names(journal, "nothing") == []
            assert len(await names(journal, "")) == 6

    # -- archive --------------------------------------------------------------------------------

    async def test_an_archived_stream_can_be_read_and_takes_no_more(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
            await journal.append(STREAM, [Fact("a", {"n": 1}), Fact("b", {"text": "Größe"})], key="one", hold=hold)
            await journal.drop(hold)
            before = await entries(journal)
            await journal.archive(STREAM)
            assert await entries(journal) == before
            assert await kinds(journal, after=Version(1)) == ["b"]
            with pytest.raises(StreamArchived):
                await journal.append(STREAM, facts("c"), key="two")
            with pytest.raises(StreamArchived):
                await journal.take(STREAM, "worker-1", self.lease)
        async with self.connected() as journal:
            assert await entries(journal) == before

    async def test_a_long_stream_is_archived_whole(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts(*(str(n) for n in range(777))), key="one")
            await journal.archive(STREAM)
            assert await kinds(journal) == [str(n) for n in range(777)]
            assert await kinds(journal, after=Version(700)) == [str(n) for n in range(700, 777)]

    async def test_archiving_again_changes_nothing(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts("a"), key="one")
            await journal.archive(STREAM)
            await journal.archive(STREAM)
            assert await kinds(journal) == ["a"]

    async def test_an_archived_stream_is_not_listed(self) -> None:
        async with self.connected() as journal:
            await journal.append(STREAM, facts("a"), key="one")
            await journal.append(OTHER, facts("a"), key="one")
            await journal.archive(STREAM)
            assert await names(journal, "task/") == [OTHER]

    async def test_a_stream_that_is_held_is_not_archived(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
            with pytest.raises(Held):
                await journal.archive(STREAM)
            await journal.append(STREAM, facts("a"), key="one", hold=hold)
            assert await kinds(journal) == ["a"]

    async def test_a_hold_that_ran_out_is_over_once_its_stream_is_archived(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            await journal.archive(STREAM)
            with pytest.raises(HoldLost):
                await journal.renew(hold)
            with pytest.raises(HoldLost):
                await journal.append(STREAM, facts("late"), key="late", hold=hold)
