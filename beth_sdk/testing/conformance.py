"""What the conformance suites share: time, connections, and waits that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import pytest

from beth_sdk.clock import Clock
from beth_sdk.testing.clock import ManualClock

T = TypeVar("T")


class Closable(Protocol):
    """A connection to something."""

    async def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closable)


class Conformance(Generic[Connection]):
    """Subclass a suite, and override `open`.

    Where the backend keeps time itself, as a server does, override `make_clock` to give a `SystemClock`, and set a
    `lease` short enough to be waited for.
    """

    pytestmark = pytest.mark.asyncio

    lease: float = 60.0
    """Seconds of the leases and holds in the tests; delays are fractions and multiples of it."""

    patience: float = 30.0
    """Real seconds after which something that never comes fails the test."""

    clock: Clock

    @pytest.fixture(autouse=True)
    def _own_clock(self) -> None:
        self.clock = self.make_clock()

    def make_clock(self) -> Clock:
        """The clock of a test, which `open` is given."""
        return ManualClock()

    async def open(self, clock: Clock) -> Connection:
        """A new connection. Within one test they all lead to the same data, also after all were closed; in another
        test to other data."""
        raise NotImplementedError

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        if isinstance(self.clock, ManualClock):
            self.clock.advance(seconds)
        else:
            await self.clock.sleep(seconds)

    async def settle(self) -> None:
        """Return once a call that was just started waits inside the backend."""
        if isinstance(self.clock, ManualClock):
            await self.soon(self.clock.until_sleeping())
        else:
            await self.clock.sleep(self.lease / 4)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """A connection, closed at the end."""
        connection = await self.open(self.clock)
        try:
            yield connection
        finally:
            await connection.close()

    async def soon(self, awaitable: Awaitable[T]) -> T:
        """What it gives, which it has to do in the patience of a test."""
        return await asyncio.wait_for(awaitable, self.patience)

    def need(self, condition: bool, what: str) -> None:
        """Skip the test for a backend that says of itself that it lacks this."""
        if not condition:
            pytest.skip(f"the backend does not promise {what}")
