"""What is promised of deliveries on every bus: leases, handing back, delay, and waiting for what comes."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.bus.base import Queue
from beth_sdk.errors import LeaseLost
from beth_sdk.testing.queues import QUEUE, OnQueues, keys, outgoing, receive, take_one


class LeaseConformance(OnQueues):
    """Extend, ack, release, delay, wait."""

    # -- leases ---------------------------------------------------------------------------------

    async def test_a_task_that_is_done_never_comes_again(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            await bus.ack(await take_one(bus))
            await self.outlive_lease()
            assert await receive(bus) == []
        async with self.connected() as bus:
            assert await receive(bus) == []

    async def test_a_task_is_nobody_elses_before_its_lease_ran_out(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            await take_one(one)
            await self.advance(self.lease / 2)
            assert await receive(two) == []

    async def test_a_task_comes_again_when_its_lease_ran_out(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer", "leases that run out")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0", 1, b"body"))
            first = await take_one(one)
            await self.outlive_lease()
            again = await take_one(two)
        assert (again.key, again.body, again.priority) == (first.key, first.body, first.priority)
        assert again.deliveries == 2

    async def test_a_closed_connection_gives_its_tasks_back_when_their_lease_is_over(self) -> None:
        async with self.connected() as one:
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            await take_one(one)
        async with self.connected() as two:
            if two.capabilities.lease == "timer":
                assert await receive(two) == []
                await self.outlive_lease()
            assert await keys(two, wait=self.lease) == ["a:0"]

    async def test_a_renewed_lease_lasts_however_long_the_task_runs(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            delivery = await take_one(one)
            for _ in range(40):
                await self.advance(self.lease / 2)
                await one.extend(delivery)
                assert await receive(two) == []
            await one.ack(delivery)
            await self.outlive_lease()
            assert await receive(two) == []

    async def test_a_lease_that_ran_out_can_be_renewed_while_nobody_took_the_task(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer", "leases that run out")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            delivery = await take_one(one)
            await self.outlive_lease()
            await one.extend(delivery)
            await self.advance(self.lease / 2)
            assert await receive(two) == []

    async def test_renewing_a_lease_that_another_worker_has_is_refused(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer" and self.notices_stale, "to tell an old delivery")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            lost = await take_one(one)
            await self.outlive_lease()
            await take_one(two)
            with pytest.raises(LeaseLost) as caught:
                await one.extend(lost)
        assert (caught.value.queue, caught.value.key) == (QUEUE, "a:0")

    async def test_an_ack_comes_too_late_once_another_worker_has_the_task(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer" and self.notices_stale, "to tell an old delivery")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            lost = await take_one(one)
            await self.outlive_lease()
            held = await take_one(two)
            await one.ack(lost)
            await two.extend(held)
            assert (await two.stats(QUEUE)).in_flight == 1

    async def test_a_release_comes_too_late_once_another_worker_has_the_task(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer" and self.notices_stale, "to tell an old delivery")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            lost = await take_one(one)
            await self.outlive_lease()
            await take_one(two)
            await one.release(lost)
            assert await receive(one) == []

    async def test_the_newest_declared_lease_counts_for_later_deliveries(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.lease == "timer", "leases that run out")
            await self.declared(bus)
            await bus.declare(Queue(QUEUE, self.lease * 3))
            await bus.publish(QUEUE, outgoing("a:0"))
            assert (await take_one(bus)).lease == self.lease * 3
            await self.advance(self.lease * 2)
            assert await receive(bus) == []
            await self.advance(self.lease * 1.01 + self.slack)
            assert await keys(bus) == ["a:0"]

    # -- handing back, and delay ----------------------------------------------------------------

    async def test_a_task_handed_back_comes_again_in_its_old_place(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            for key in ("a:0", "b:0", "c:0"):
                await bus.publish(QUEUE, outgoing(key))
            first, _ = await receive(bus, 2)
            await bus.release(first)
            assert await keys(bus, 2) == ["a:0", "c:0"]

    async def test_a_task_handed_back_with_a_delay_comes_again_after_it(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            await bus.release(await take_one(bus), delay=self.lease * 2)
            await self.advance(self.lease * 1.9)
            assert await receive(bus) == []
            await self.advance(self.lease * 0.11 + self.slack)
            assert await keys(bus) == ["a:0"]

    async def test_a_delivery_that_was_handed_back_cannot_be_renewed(self) -> None:
        async with self.connected() as bus:
            self.need(self.notices_stale, "to tell an old delivery")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            delivery = await take_one(bus)
            await bus.release(delivery, delay=self.lease)
            with pytest.raises(LeaseLost):
                await bus.extend(delivery)

    async def test_a_delayed_task_comes_when_it_is_due(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("later:0", 0), delay=self.lease)
            await bus.publish(QUEUE, outgoing("now:0"))
            await self.advance(self.lease * 0.9)
            assert await keys(bus, 2) == ["now:0"]
            await self.advance(self.lease * 0.11 + self.slack)
            assert await keys(bus, 2) == ["later:0"]

    # -- waiting --------------------------------------------------------------------------------

    async def test_a_wait_for_nothing_ends_empty(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            waiting = asyncio.ensure_future(receive(bus, wait=self.lease))
            await self.settle()
            await self.advance(self.lease * 1.01)
            assert await self.soon(waiting) == []

    async def test_a_waiting_receive_is_woken_by_a_publish_elsewhere(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            waiting = asyncio.ensure_future(keys(one, wait=self.lease * 100))
            await self.settle()
            await two.publish(QUEUE, outgoing("a:0"))
            assert await self.soon(waiting) == ["a:0"]

    async def test_a_waiting_receive_is_woken_by_a_task_handed_back_elsewhere(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            delivery = await take_one(two)
            waiting = asyncio.ensure_future(keys(one, wait=self.lease * 0.9))
            await self.settle()
            await two.release(delivery)
            assert await self.soon(waiting) == ["a:0"]

    async def test_a_waiting_receive_gets_a_task_when_its_delay_is_over(self) -> None:
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            waiting = asyncio.ensure_future(keys(one, wait=self.lease * 100))
            await self.settle()
            await two.publish(QUEUE, outgoing("a:0"), delay=self.lease)
            await self.settle()
            assert not waiting.done()
            await self.advance(self.lease * 1.01 + self.slack)
            assert await self.soon(waiting) == ["a:0"]

    async def test_a_waiting_receive_gets_the_task_of_a_worker_that_died(self) -> None:
        async with self.connected() as one, self.connected() as two:
            self.need(one.capabilities.lease == "timer", "leases that run out")
            await self.declared(one)
            await one.publish(QUEUE, outgoing("a:0"))
            await take_one(one)
            waiting = asyncio.ensure_future(keys(two, wait=self.lease * 100))
            await self.settle()
            await self.advance(self.lease * 1.01 + self.slack)
            assert await self.soon(waiting) == ["a:0"]

    async def test_closing_ends_a_waiting_receive(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            waiting = asyncio.ensure_future(receive(bus, wait=self.lease * 100))
            await self.settle()
            await bus.close()
            assert await self.soon(waiting) == []
