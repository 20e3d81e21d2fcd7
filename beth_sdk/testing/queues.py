"""What the suites about queues share."""

from __future__ import annotations

from beth_sdk.bus.base import DEFAULT_PRIORITY, Bus, Delivery, Outgoing, Queue
from beth_sdk.testing.conformance import Conformance

QUEUE = "tasks.developer"
OTHER = "tasks.tester"


def outgoing(key: str, priority: int = DEFAULT_PRIORITY, body: bytes = b"{}") -> Outgoing:
    """A task to publish."""
    return Outgoing(key, body, priority)


async def receive(bus: Bus, limit: int = 1, *, wait: float = 0, queue: str = QUEUE) -> list[Delivery]:
    """Receive from one queue."""
    return await bus.receive([queue], "worker", wait, limit)


async def keys(bus: Bus, limit: int = 1, *, wait: float = 0, queue: str = QUEUE) -> list[str]:
    """The keys of what a receive gives."""
    return [delivery.key for delivery in await receive(bus, limit, wait=wait, queue=queue)]


async def take_one(bus: Bus) -> Delivery:
    """Receive the one task that there is."""
    [delivery] = await receive(bus)
    return delivery


class OnQueues(Conformance[Bus]):
    """A suite about queues."""

    notices_stale: bool = True
    """Whether an ack or a release of a delivery that another worker has by now is without effect."""

    slack: float = 0.0
    """Seconds by which a delay, or the end of a lease, may be late."""

    async def declared(self, bus: Bus, queue: str = QUEUE) -> None:
        await bus.declare(Queue(queue, self.lease))

    async def outlive_lease(self) -> None:
        await self.advance(self.lease * 1.01 + self.slack)
