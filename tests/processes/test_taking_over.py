"""One worker is killed, told to end, or stopped in the middle of a task, and another goes on from the journal."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from tests.chaos.agents import Script
from tests.chaos.figures import Figures
from tests.processes.commands import Command, Record, beth
from tests.processes.teams import TASK, Team, team

LEASE = 1.0
TWO_DEVELOPERS = ["up", "developer", "--scale", "developer=2"]

FIRST_STEP = [1, 1]
"""Epochs of what the first worker wrote: that it started, and an outcome."""

ALL_THE_REST = [2, 2, 2, 2, 2]
"""Those of the second: that it started, the second step's outcome, the third step's intent and outcome, the end."""


def fenced(record: Record) -> bool:
    return bool(record["message"] == "fenced")


async def accepted_epochs(here: Team) -> list[int]:
    """The epochs of the task's facts, in order."""
    return [entry.epoch for entry in await here.entries()]


async def the_end(here: Team, up: Command) -> None:
    """The task's result is there, and `beth` ends as it is told."""
    assert (await here.result()).status == "complete"
    await here.queue_is_empty()
    assert await up.end() == 0


async def test_after_a_kill_9_another_goes_on_from_the_journal_within_a_lease_and_a_second(
    tmp_path: Path, figures: Figures
) -> None:
    async with team(tmp_path, lease=LEASE) as here, beth(TWO_DEVELOPERS, here.environment) as up:
        await up.ready(2)
        await here.publish(Script(seconds=(0.0, 1.5, 0.0)))
        first = await here.begins("second")
        killed = time.monotonic()
        os.kill(first.pid, signal.SIGKILL)
        second = await here.begins("second", after=first)
        await the_end(here, up)
        figures.show("kill -9", f"another worker went on after {second.at - killed:.3f} s; the lease is {LEASE} s")
        assert second.at - killed <= LEASE + 1.0
        assert here.runs("first") == 1
        assert await here.violations() == []


async def test_after_a_sigterm_another_goes_on_within_a_second_of_the_step_that_ran(
    tmp_path: Path, figures: Figures
) -> None:
    async with team(tmp_path, lease=LEASE) as here, beth(TWO_DEVELOPERS, here.environment) as up:
        await up.ready(2)
        await here.publish(Script(seconds=(0.0, 1.0, 0.0)))
        first = await here.begins("second")
        os.kill(first.pid, signal.SIGTERM)
        second = await here.begins("third", after=first)
        await the_end(here, up)
        late = second.at - here.done("second")
        figures.show("SIGTERM", f"another worker went on {late:.3f} s after the step that ran was done")
        assert late <= 1.0
        assert (here.runs("first"), here.runs("second")) == (1, 1)
        assert await here.violations() == []


async def test_a_worker_that_stood_still_for_three_leases_is_fenced_once_and_nothing_of_it_is_accepted(
    tmp_path: Path,
) -> None:
    async with team(tmp_path, lease=LEASE) as here, beth(TWO_DEVELOPERS, here.environment) as up:
        await up.ready(2)
        await here.publish(Script(seconds=(0.0, 3.0, 0.0)))
        first = await here.begins("second")
        stopped = time.monotonic()
        await here.freeze(first)
        second = await here.begins("second", after=first)
        await asyncio.sleep(stopped + 3 * LEASE - time.monotonic())
        os.kill(first.pid, signal.SIGCONT)
        await up.logged(fenced)
        await the_end(here, up)
        (line,) = [record for record in up.records if fenced(record)]
        assert (line["instance"], line["task_id"]) == (first.instance, TASK)
        assert (line["epoch"], line["current_epoch"]) == (1, 2)
        assert line["refused"] in {"renewal", "append"}
        assert await accepted_epochs(here) == FIRST_STEP + ALL_THE_REST
        assert (await here.result()).instance == second.instance
        assert await here.violations() == []


async def test_an_append_that_comes_before_any_renewal_is_refused(tmp_path: Path) -> None:
    async with team(tmp_path, lease=LEASE) as here:
        starved = {**here.environment, "CHAOS_RENEWALS": "held"}
        await here.publish(Script(seconds=(0.0, 3.0, 0.0)))
        async with beth(["serve", "developer"], starved, wrapped=True) as one:
            first = await here.begins("second")
            stopped = time.monotonic()
            await here.freeze(first)
            async with beth(["serve", "developer"], here.environment) as other:
                second = await here.begins("second", after=first)
                await asyncio.sleep(stopped + 3 * LEASE - time.monotonic())
                os.kill(first.pid, signal.SIGCONT)
                await one.logged(fenced)
                await the_end(here, other)
                assert await one.end() == 0
        (line,) = [record for record in one.records if fenced(record)]
        assert (line["instance"], line["task_id"]) == (first.instance, TASK)
        assert (line["epoch"], line["current_epoch"], line["refused"]) == (1, 2, "append")
        assert await accepted_epochs(here) == FIRST_STEP + ALL_THE_REST
        assert (await here.result()).instance == second.instance
        assert await here.violations() == []
