"""Going on through an outage."""

from __future__ import annotations

import asyncio

import pytest

from beth_sdk import logs
from beth_sdk.errors import BusUnavailable, HoldLost, JournalUnavailable
from beth_sdk.testing import ManualClock
from beth_sdk.worker.conftest import Logged, soon
from beth_sdk.worker.insist import insist

LOG = logs.get("test")


class Server:
    """Answers after raising these."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def ask(self) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


async def test_a_server_that_answers_is_asked_once() -> None:
    server = Server()
    assert await insist(ManualClock(), LOG, "x", server.ask) == "answer"
    assert server.calls == 1


async def test_an_outage_is_waited_out_ever_longer_up_to_five_seconds(logged: Logged) -> None:
    clock = ManualClock()
    server = Server(*[BusUnavailable("down"), JournalUnavailable("down")] * 4)
    asking = asyncio.ensure_future(insist(clock, LOG, "the publish", server.ask))
    for delay in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        await clock.until_sleeping()
        clock.advance(delay)
    assert await soon(asking) == "answer"
    waits = logged("waiting for a server")
    assert [one["again_in"] for one in waits] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert waits[0] == {"what": "the publish", "error": "down", "again_in": 0.1}


async def test_what_will_not_get_better_is_raised_at_once() -> None:
    server = Server(HoldLost("s", 1, 2))
    with pytest.raises(HoldLost):
        await insist(ManualClock(), LOG, "x", server.ask)
    assert server.calls == 1
