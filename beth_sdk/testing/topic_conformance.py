"""What is promised of the topics of every bus, and of what retention leaves."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk.bus.base import BEGINNING, DEAD_SUFFIX, Bus, Cursor, Message, Outgoing, Queue
from beth_sdk.errors import CursorExpired
from beth_sdk.testing.conformance import Conformance

TOPIC = "results.beth"
OTHER = "events"
QUEUE = "tasks.researcher"


def message(text: str, key: str = "request-1") -> Message:
    """A message to append."""
    return Message(key, text.encode())


async def bodies(bus: Bus, after: Cursor = BEGINNING, *, topic: str = TOPIC, wait: float = 0) -> list[str]:
    """The bodies of what a read gives."""
    return [found.body.decode() for _, found in await bus.read(topic, after, wait=wait)]


async def last_cursor(bus: Bus, topic: str = TOPIC) -> Cursor:
    """The cursor of the last message read from the beginning."""
    return (await bus.read(topic, BEGINNING))[-1][0]


class TopicConformance(Conformance[Bus]):
    """Append, read, tail, retention."""

    retention: float = 30 * 86400.0
    """Seconds that the bus under test keeps messages."""

    async def outlive_retention(self) -> None:
        """Have everything trimmed that was published by now, as far as it may be. To be overridden where time cannot
        be advanced that far."""
        await self.advance(self.retention + 7200)
        async with self.connected() as bus:
            await bus.append("any", message("whatever"))

    async def test_messages_are_read_as_they_were_appended(self) -> None:
        sent = Message("request-1", bytes(range(256)), {"content-type": "application/json", "title": "Größe → 尺寸"})
        async with self.connected() as bus:
            await bus.append(TOPIC, sent)
            [(_, found)] = await bus.read(TOPIC, BEGINNING)
        assert (found.key, found.body, dict(found.headers)) == (sent.key, sent.body, dict(sent.headers))

    async def test_messages_are_read_in_order(self) -> None:
        sent = [f"message {n}" for n in range(30)]
        async with self.connected() as bus:
            for text in sent:
                await bus.append(TOPIC, message(text, key=f"request-{len(text) % 3}"))
            assert await bodies(bus) == sent

    async def test_a_large_message_is_read_whole(self) -> None:
        body = bytes(range(256)) * 1024
        async with self.connected() as bus:
            await bus.append(TOPIC, Message("request-1", body))
            [(_, found)] = await bus.read(TOPIC, BEGINNING)
        assert found.body == body

    async def test_an_unknown_topic_is_empty(self) -> None:
        async with self.connected() as bus:
            assert await bus.read(TOPIC, BEGINNING) == []

    async def test_a_read_goes_on_after_its_cursor(self) -> None:
        async with self.connected() as bus:
            for text in "abcde":
                await bus.append(TOPIC, message(text))
            page = await bus.read(TOPIC, BEGINNING, limit=2)
            assert [found.body for _, found in page] == [b"a", b"b"]
            assert await bodies(bus, page[0][0]) == ["b", "c", "d", "e"]
            assert await bodies(bus, page[1][0]) == ["c", "d", "e"]

    async def test_every_reader_has_its_own_cursor(self) -> None:
        async with self.connected() as one, self.connected() as two:
            for text in "abc":
                await one.append(TOPIC, message(text))
            cursor = await last_cursor(one)
            assert await bodies(one, cursor) == []
            assert await bodies(two) == ["a", "b", "c"]
            assert await bodies(two, cursor) == []

    async def test_a_cursor_counts_on_every_connection_and_after_a_restart(self) -> None:
        async with self.connected() as bus:
            await bus.append(TOPIC, message("a"))
            cursor = await last_cursor(bus)
        async with self.connected() as bus:
            await bus.append(TOPIC, message("b"))
            assert await bodies(bus, cursor) == ["b"]

    async def test_everything_can_be_replayed_after_a_restart(self) -> None:
        async with self.connected() as bus:
            for text in "abc":
                await bus.append(TOPIC, message(text))
        async with self.connected() as bus:
            assert await bodies(bus) == ["a", "b", "c"]
            assert await bodies(bus) == ["a", "b", "c"]

    async def test_the_same_message_twice_is_kept_twice(self) -> None:
        async with self.connected() as bus:
            await bus.append(TOPIC, message("a"))
            await bus.append(TOPIC, message("a"))
            assert await bodies(bus) == ["a", "a"]

    async def test_topics_are_apart(self) -> None:
        async with self.connected() as bus:
            await bus.append(TOPIC, message("result"))
            await bus.append(OTHER, message("event"))
            assert await bodies(bus) == ["result"]
            assert await bodies(bus, await bus.tail(OTHER), topic=OTHER) == []

    async def test_the_tail_gives_only_what_comes_later(self) -> None:
        async with self.connected() as bus:
            empty = await bus.tail(TOPIC)
            await bus.append(TOPIC, message("a"))
            after_a = await bus.tail(TOPIC)
            await bus.append(TOPIC, message("b"))
            assert await bodies(bus, empty) == ["a", "b"]
            assert await bodies(bus, after_a) == ["b"]
            assert await bodies(bus, await bus.tail(TOPIC)) == []

    async def test_a_reader_that_follows_misses_nothing_of_concurrent_writers(self) -> None:
        async def write(bus: Bus, name: str) -> None:
            await asyncio.gather(*(bus.append(TOPIC, message(f"{name}{n}", key=name)) for n in range(25)))

        async def follow(bus: Bus) -> list[str]:
            cursor, seen = BEGINNING, list[str]()
            while len(seen) < 50:
                page = await bus.read(TOPIC, cursor, wait=self.lease, limit=7)
                seen += [found.body.decode() for _, found in page]
                cursor = page[-1][0]
            return seen

        async with self.connected() as one, self.connected() as two, self.connected() as three:
            reading = asyncio.gather(follow(one), follow(three))
            await asyncio.gather(write(one, "x"), write(two, "y"))
            first, second = await self.soon(reading)
        assert sorted(first) == sorted([f"{name}{n}" for name in "xy" for n in range(25)])
        assert first == second

    async def test_a_waiting_read_is_woken_by_an_append_elsewhere(self) -> None:
        async with self.connected() as one, self.connected() as two:
            waiting = asyncio.ensure_future(bodies(one, await one.tail(TOPIC), wait=self.lease * 100))
            await self.settle()
            await two.append(OTHER, message("something else"))
            await two.append(TOPIC, message("a"))
            assert await self.soon(waiting) == ["a"]

    async def test_a_wait_for_nothing_ends_empty_on_a_topic_too(self) -> None:
        async with self.connected() as bus:
            waiting = asyncio.ensure_future(bodies(bus, wait=self.lease))
            await self.settle()
            await self.advance(self.lease * 1.01)
            assert await self.soon(waiting) == []

    async def test_closing_ends_a_waiting_read(self) -> None:
        async with self.connected() as bus:
            waiting = asyncio.ensure_future(bodies(bus, wait=self.lease * 100))
            await self.settle()
            await bus.close()
            assert await self.soon(waiting) == []

    # -- retention ------------------------------------------------------------------------------

    async def test_reading_after_a_cursor_whose_followers_were_trimmed_is_refused(self) -> None:
        async with self.connected() as bus:
            for text in "abc":
                await bus.append(TOPIC, message(text))
            (cursor, _), _, (newest, _) = await bus.read(TOPIC, BEGINNING)
        await self.outlive_retention()
        async with self.connected() as bus:
            await bus.append(TOPIC, message("d"))
            with pytest.raises(CursorExpired) as caught:
                await bus.read(TOPIC, cursor)
            assert (caught.value.topic, caught.value.cursor) == (TOPIC, cursor)
            assert await bodies(bus, Cursor(caught.value.oldest)) == ["d"]
            assert await bodies(bus, newest) == ["d"]

    async def test_reading_from_the_beginning_gives_what_is_left(self) -> None:
        async with self.connected() as bus:
            await bus.append(TOPIC, message("old"))
        await self.outlive_retention()
        async with self.connected() as bus:
            assert await bodies(bus) == []
            await bus.append(TOPIC, message("new"))
            assert await bodies(bus) == ["new"]

    async def test_the_tail_of_a_trimmed_topic_gives_what_comes_later(self) -> None:
        async with self.connected() as bus:
            await bus.append(TOPIC, message("old"))
        await self.outlive_retention()
        async with self.connected() as bus:
            tail = await bus.tail(TOPIC)
            await bus.append(TOPIC, message("new"))
            assert await bodies(bus, tail) == ["new"]

    async def test_dead_letters_outlive_the_retention(self) -> None:
        dead = QUEUE + DEAD_SUFFIX
        async with self.connected() as bus:
            await bus.append(dead, message("poison"))
        await self.outlive_retention()
        async with self.connected() as bus:
            assert await bodies(bus, topic=dead) == ["poison"]

    async def test_tasks_that_are_not_done_outlive_the_retention(self) -> None:
        async with self.connected() as bus:
            await bus.declare(Queue(QUEUE, self.lease))
            await bus.publish(QUEUE, Outgoing("waiting:0", b"{}"))
        await self.outlive_retention()
        async with self.connected() as bus:
            [delivery] = await bus.receive([QUEUE], "worker", 0)
            assert delivery.key == "waiting:0"

    async def test_the_key_of_a_task_that_is_not_done_is_known_however_old_it_is(self) -> None:
        async with self.connected() as bus:
            self.need(bus.capabilities.dedupe == "key", "to know a key for that long")
            await bus.declare(Queue(QUEUE, self.lease))
            await bus.publish(QUEUE, Outgoing("waiting:0", b"{}"))
        await self.outlive_retention()
        async with self.connected() as bus:
            await bus.publish(QUEUE, Outgoing("waiting:0", b"{}"))
            assert len(await bus.receive([QUEUE], "worker", 0, 2)) == 1
