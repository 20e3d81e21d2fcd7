"""What is promised of the holds of every journal: one holder at a time, and epochs that only grow."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.errors import Held, HoldLost
from beth_sdk.testing.streams import OTHER, STREAM, OnStreams, facts


class HoldConformance(OnStreams):
    """Take, renew, drop."""

    async def test_the_journal_has_one_id_for_everybody(self) -> None:
        async with self.connected() as one, self.connected() as two:
            known = one.id
            assert known
            assert two.id == known
        async with self.connected() as again:
            assert again.id == known

    async def test_a_stream_that_is_free_can_be_taken(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
        assert (hold.stream, hold.holder, hold.ttl) == (STREAM, "worker-1", self.lease)
        assert hold.epoch >= 1

    async def test_a_stream_that_is_held_cannot_be_taken(self) -> None:
        async with self.connected() as one, self.connected() as two:
            hold = await one.take(STREAM, "worker-1", self.lease)
            await self.advance(self.lease / 4)
            with pytest.raises(Held) as caught:
                await two.take(STREAM, "worker-2", self.lease)
        held = caught.value
        assert (held.stream, held.holder, held.epoch) == (STREAM, "worker-1", hold.epoch)
        assert held.remaining == pytest.approx(self.lease * 0.75, rel=0.3)

    async def test_a_holder_does_not_get_the_same_stream_twice(self) -> None:
        async with self.connected() as journal:
            await journal.take(STREAM, "worker-1", self.lease)
            with pytest.raises(Held):
                await journal.take(STREAM, "worker-1", self.lease)

    async def test_only_one_of_many_takes_a_stream(self) -> None:
        async with self.connected() as one, self.connected() as two:
            tries = [(one, two)[n % 2].take(STREAM, f"worker-{n}", self.lease) for n in range(20)]
            outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(outcome, Held) for outcome in outcomes) == 19

    async def test_a_hold_says_how_many_facts_the_stream_has_or_nothing_of_it(self) -> None:
        async with self.connected() as journal:
            first = await journal.take(STREAM, "worker-1", self.lease)
            version = await journal.append(STREAM, facts("one", "two"), key="k", hold=first)
            await journal.drop(first)
            second = await journal.take(STREAM, "worker-2", self.lease)
        assert first.version in (0, None)
        assert second.version in (version, None)

    async def test_streams_are_held_apart(self) -> None:
        async with self.connected() as journal:
            await journal.take(STREAM, "worker-1", self.lease)
            await journal.take(OTHER, "worker-2", self.lease)

    async def test_a_hold_that_ran_out_can_be_taken_over(self) -> None:
        async with self.connected() as one, self.connected() as two:
            first = await one.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            second = await two.take(STREAM, "worker-2", self.lease)
        assert second.epoch > first.epoch

    async def test_a_renewed_hold_lives_on(self) -> None:
        async with self.connected() as one, self.connected() as two:
            hold = await one.take(STREAM, "worker-1", self.lease)
            for _ in range(10):
                await self.advance(self.lease / 2)
                await one.renew(hold)
                with pytest.raises(Held):
                    await two.take(STREAM, "worker-2", self.lease)

    async def test_a_hold_that_ran_out_and_that_nobody_took_lives_again(self) -> None:
        async with self.connected() as one, self.connected() as two:
            hold = await one.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            await one.renew(hold)
            with pytest.raises(Held):
                await two.take(STREAM, "worker-2", self.lease)

    async def test_a_hold_that_was_taken_over_cannot_be_renewed(self) -> None:
        async with self.connected() as one, self.connected() as two:
            lost = await one.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            current = await two.take(STREAM, "worker-2", self.lease)
            with pytest.raises(HoldLost) as caught:
                await one.renew(lost)
        assert (caught.value.stream, caught.value.epoch, caught.value.current) == (STREAM, lost.epoch, current.epoch)

    async def test_a_dropped_hold_frees_the_stream_at_once_and_is_over(self) -> None:
        async with self.connected() as one, self.connected() as two:
            dropped = await one.take(STREAM, "worker-1", self.lease)
            await one.drop(dropped)
            with pytest.raises(HoldLost):
                await one.renew(dropped)
            with pytest.raises(HoldLost):
                await one.append(STREAM, facts("late"), key="late", hold=dropped)
            assert (await two.take(STREAM, "worker-2", self.lease)).epoch > dropped.epoch

    async def test_dropping_a_hold_that_was_taken_over_changes_nothing(self) -> None:
        async with self.connected() as one, self.connected() as two:
            lost = await one.take(STREAM, "worker-1", self.lease)
            await self.outlive_hold()
            current = await two.take(STREAM, "worker-2", self.lease)
            await one.drop(lost)
            await two.renew(current)
            with pytest.raises(Held):
                await one.take(STREAM, "worker-1", self.lease)

    async def test_a_restart_ends_no_hold(self) -> None:
        async with self.connected() as journal:
            hold = await journal.take(STREAM, "worker-1", self.lease)
        async with self.connected() as journal:
            with pytest.raises(Held):
                await journal.take(STREAM, "worker-2", self.lease)
            await journal.renew(hold)

    async def test_epochs_only_ever_grow(self) -> None:
        epochs = []
        for n in range(6):
            async with self.connected() as journal:
                hold = await journal.take(STREAM, "worker-1", self.lease)
                epochs.append(hold.epoch)
                await journal.append(STREAM, facts("step"), key=f"step-{n}", hold=hold)
                if n % 2:
                    await journal.drop(hold)
                else:
                    await self.outlive_hold()
        assert epochs == sorted(set(epochs))
