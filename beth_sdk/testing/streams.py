"""What the suites about journals share."""

from __future__ import annotations

from collections.abc import Sequence

from beth_sdk.journal.base import Entry, Fact, Journal, Version
from beth_sdk.testing.conformance import Conformance

STREAM = "task/task-abc123:0"
OTHER = "task/task-def456:0"


def facts(*kinds: str) -> Sequence[Fact]:
    """Facts that differ in their kind."""
    return [Fact(kind) for kind in kinds]


async def entries(journal: Journal, stream: str = STREAM, after: Version | None = None) -> list[Entry]:
    """All that a read gives."""
    return [entry async for entry in journal.read(stream, after)]


async def kinds(journal: Journal, stream: str = STREAM, after: Version | None = None) -> list[str]:
    """The kinds of all facts that a read gives."""
    return [entry.fact.kind for entry in await entries(journal, stream, after)]


async def names(journal: Journal, prefix: str) -> list[str]:
    """The streams with a prefix."""
    return [name async for name in journal.streams(prefix)]


class OnStreams(Conformance[Journal]):
    """A suite about streams."""

    async def outlive_hold(self) -> None:
        await self.advance(self.lease * 1.01)
