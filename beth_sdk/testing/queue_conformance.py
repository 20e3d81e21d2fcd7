"""What is promised of the queues of every bus: what is handed out, in which order, how often, and what is counted."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.bus.base import PRIORITIES, Bus, Outgoing
from beth_sdk.testing.queues import OTHER, QUEUE, OnQueues, keys, outgoing, receive, take_one


class QueueConformance(OnQueues):
    """Publish, receive, ack, stats."""

    # -- handing out ----------------------------------------------------------------------------

    async def test_a_task_arrives_as_it_was_published(self) -> None:
        headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "title": "Größe → 尺寸"}
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, Outgoing("task-abc123:0", bytes(range(256)), 1, headers))
            delivery = await take_one(bus)
        assert (delivery.queue, delivery.key, delivery.body) == (QUEUE, "task-abc123:0", bytes(range(256)))
        assert dict(delivery.headers) == headers
        assert (delivery.priority, delivery.deliveries, delivery.lease) == (1, 1, self.lease)

    async def test_a_large_task_arrives_whole(self) -> None:
        body = bytes(range(256)) * 1024
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("large:0", body=body))
            assert (await take_one(bus)).body == body

    async def test_an_empty_body_arrives_empty(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("empty:0", body=b""))
            assert (await take_one(bus)).body == b""

    async def test_an_empty_queue_gives_nothing(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            assert await receive(bus) == []

    async def test_a_queue_that_nobody_declared_keeps_its_tasks(self) -> None:
        async with self.connected() as bus:
            await bus.publish(QUEUE, outgoing("a:0"))
        async with self.connected() as bus:
            await self.declared(bus)
            assert await keys(bus) == ["a:0"]

    async def test_tasks_of_one_priority_come_in_the_order_of_publishing(self) -> None:
        published = [f"task-{n}:0" for n in range(12)]
        async with self.connected() as bus:
            await self.declared(bus)
            for key in published:
                await bus.publish(QUEUE, outgoing(key))
            received = await keys(bus, 5) + await keys(bus, 7)
        assert received == published

    async def test_urgent_tasks_come_first(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            for priority in (3, 1, 4, 0, 2, 4, 0):
                n = (await bus.stats(QUEUE)).ready
                await bus.publish(QUEUE, outgoing(f"p{priority}-{n}:0", priority))
            received = [key for _ in range(7) for key in await keys(bus)]
        assert received == ["p0-3:0", "p0-6:0", "p1-1:0", "p2-4:0", "p3-0:0", "p4-2:0", "p4-5:0"]

    @pytest.mark.parametrize("priority", [PRIORITIES.start - 1, PRIORITIES.stop])
    async def test_a_priority_that_does_not_exist_is_refused(self, priority: int) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            with pytest.raises(ValueError, match="priority"):
                await bus.publish(QUEUE, outgoing("a:0", priority))
            assert await receive(bus) == []

    async def test_a_receive_gives_no_more_than_its_limit(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            for n in range(5):
                await bus.publish(QUEUE, outgoing(f"{n}:0"))
            assert [len(await receive(bus, 3)) for _ in range(3)] == [3, 2, 0]

    async def test_several_queues_are_received_from_together(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await self.declared(bus, OTHER)
            await bus.publish(QUEUE, outgoing("routine:0", 3))
            await bus.publish(OTHER, outgoing("urgent:0", 0))
            received = await bus.receive([QUEUE, OTHER], "worker", 0, 2)
        assert [(d.queue, d.key) for d in received] == [(OTHER, "urgent:0"), (QUEUE, "routine:0")]

    async def test_a_queue_gives_only_its_own_tasks(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await self.declared(bus, OTHER)
            await bus.publish(OTHER, outgoing("a:0"))
            assert await receive(bus) == []

    async def test_competing_workers_share_the_tasks_and_never_one_task(self) -> None:
        published = [f"{n}:0" for n in range(30)]
        async with self.connected() as one, self.connected() as two:
            await self.declared(one)
            await asyncio.gather(*(one.publish(QUEUE, outgoing(key)) for key in published))

            async def work(bus: Bus) -> list[str]:
                return [key for _ in range(15) for key in await keys(bus, 2)]

            received = await asyncio.gather(work(one), work(two), work(one))
        assert sorted(key for keys_of_one in received for key in keys_of_one) == sorted(published)

    async def test_two_continuations_of_a_task_are_two_tasks(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            await bus.publish(QUEUE, outgoing("a:1"))
            assert await keys(bus, 2) == ["a:0", "a:1"]

    # -- the same key again ---------------------------------------------------------------------

    async def test_the_same_key_again_is_the_same_task(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.dedupe != "none", "to know a key again")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0", body=b"first"))
            await bus.publish(QUEUE, outgoing("a:0", body=b"second"))
            assert [d.body for d in await receive(bus, 2)] == [b"first"]

    async def test_the_same_key_again_is_no_new_task_while_it_runs_or_once_it_is_done(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.dedupe != "none", "to know a key again")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            delivery = await take_one(bus)
            await bus.publish(QUEUE, outgoing("a:0"))
            assert await receive(bus) == []
            await bus.ack(delivery)
        async with self.connected() as bus:
            await bus.publish(QUEUE, outgoing("a:0"))
            assert await receive(bus) == []

    async def test_the_same_key_on_another_queue_is_another_task(self) -> None:
        async with self.connected() as bus:
            await self.declared(bus)
            await self.declared(bus, OTHER)
            await bus.publish(QUEUE, outgoing("a:0"))
            await bus.publish(OTHER, outgoing("a:0"))
            assert await keys(bus) == ["a:0"]
            assert await keys(bus, queue=OTHER) == ["a:0"]

    # -- stats, restart -------------------------------------------------------------------------

    async def test_stats_count_what_is_ready_delayed_and_in_flight(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.depth == "exact", "exact counts")
            await self.declared(bus)
            empty = await bus.stats(QUEUE)
            assert (empty.ready, empty.delayed, empty.in_flight, empty.oldest_age) == (0, 0, 0, 0)
            for n in range(5):
                await bus.publish(QUEUE, outgoing(f"{n}:0"))
            await bus.publish(QUEUE, outgoing("later:0"), delay=self.lease * 9)
            done, *_ = await receive(bus, 3)
            await bus.ack(done)
            found = await bus.stats(QUEUE)
            assert (found.ready, found.delayed, found.in_flight) == (2, 1, 2)

    async def test_stats_tell_how_long_the_oldest_ready_task_has_been_there(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.depth == "exact", "exact counts")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("old:0", 4))
            await self.advance(self.lease)
            await bus.publish(QUEUE, outgoing("new:0", 0))
            await self.advance(self.lease)
            assert (await bus.stats(QUEUE)).oldest_age == pytest.approx(self.lease * 2, rel=0.5)
            await receive(bus, 2)
            assert (await bus.stats(QUEUE)).oldest_age == 0

    async def test_stats_count_a_task_as_ready_when_its_delay_or_lease_is_over(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.depth == "exact" and bus.capabilities.lease == "timer", "exact counts")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("leased:0"))
            await take_one(bus)
            await bus.publish(QUEUE, outgoing("delayed:0"), delay=self.lease / 2)
            await self.outlive_lease()
            found = await bus.stats(QUEUE)
            assert (found.ready, found.delayed, found.in_flight) == (2, 0, 0)

    async def test_a_restart_of_everything_changes_nothing(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.lease == "timer", "leases that run out")
            await self.declared(bus)
            await bus.publish(QUEUE, outgoing("leased:0", 0))
            leased = await take_one(bus)
            await bus.publish(QUEUE, outgoing("ready:0", 1))
            await bus.publish(QUEUE, outgoing("delayed:0", 2), delay=self.lease * 2)
        async with self.connected() as bus:
            assert await keys(bus, 9) == ["ready:0"]
            await bus.extend(leased)
        async with self.connected() as bus:
            await self.outlive_lease()
            assert sorted(await keys(bus, 9)) == ["leased:0", "ready:0"]
            await self.outlive_lease()
            assert sorted(await keys(bus, 9)) == ["delayed:0", "leased:0", "ready:0"]
