"""Watching a request where perhaps nobody is at work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from beth_agent_beth.commands.run import WAITING, worried
from beth_agent_beth.conftest import Facts
from beth_agent_beth.running import QUIET, _Quiet
from beth_agent_beth.terminal.display import Silent
from beth_agent_beth.terminal.test_live import event
from beth_sdk.testing import ManualClock


class Said(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, lines: Sequence[str]) -> None:
        self.lines += lines


async def test_that_nothing_happens_is_said_once() -> None:
    said, clock = Said(), ManualClock()
    listening = asyncio.ensure_future(_Quiet(said, Facts().state).listen(clock, told=False))
    await clock.until_sleeping()
    clock.advance(QUIET)
    await listening
    assert said.lines == ["nothing has happened for 30 s: where no Beth runs, `beth up` starts all agents"]


async def test_a_task_that_somebody_has_begun_may_be_quiet() -> None:
    story, said, clock = Facts(), Said(), ManualClock()
    story.publish("r.1")
    quiet = _Quiet(said, story.state)
    quiet.event(event("accepted"))
    listening = asyncio.ensure_future(quiet.listen(clock, told=False))
    for _ in range(3):
        await clock.until_sleeping()
        clock.advance(QUIET)
    await clock.until_sleeping()
    assert said.lines == []
    listening.cancel()


async def test_where_it_was_said_already_nobody_listens() -> None:
    said = Said()
    await _Quiet(said, Facts().state).listen(ManualClock(), told=True)
    assert said.lines == []


def test_what_everything_waits_for_is_said_once() -> None:
    said = Said()
    log = logging.getLogger("beth.worker")
    with worried(said.say):
        for _ in range(3):
            log.warning(WAITING, extra={"fields": {"error": "the disk is full\x1b[2J"}})
        log.warning("something else", extra={"fields": {"error": "x"}})
    log.warning(WAITING, extra={"fields": {"error": "later"}})
    assert said.lines == ["waiting: the disk is full\\x1b[2J"]
