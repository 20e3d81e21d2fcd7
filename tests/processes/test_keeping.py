"""A worker that is alive keeps its task, however long that takes and whoever else is offered it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.agents import Script
from tests.processes.commands import beth
from tests.processes.teams import Team, team

TWO_DEVELOPERS = ["up", "developer", "--scale", "developer=2"]


async def executed_once(folder: Path, script: Script, *, lease: float, copies: int = 0) -> Team:
    """Have two developers do the task, and see that one of them did all of it, under the first epoch."""
    async with team(folder, lease=lease) as here, beth(TWO_DEVELOPERS, here.environment) as up:
        await up.ready(2)
        await here.publish(script, copies=copies)
        result = await here.result()
        await here.queue_is_empty()
        assert await up.end() == 0
        assert (result.status, result.epoch, result.attempt) == ("complete", 1, 1)
        assert len(here.executions()) == 1
        assert [here.runs(step) for step in ("first", "second", "third")] == [1, 1, 1]
        assert [record for record in up.records if record["message"] == "fenced"] == []
        assert await here.violations() == []
        return here


async def test_an_agent_that_blocks_its_loop_for_three_leases_keeps_its_task(tmp_path: Path) -> None:
    here = await executed_once(tmp_path, Script(seconds=(0.0, 3.0, 0.0), blocks=(1,)), lease=1.0)
    assert here.done("second") - here.executions()[0] >= 3.0


@pytest.mark.slow
async def test_a_task_of_twenty_leases_is_executed_once(tmp_path: Path) -> None:
    here = await executed_once(tmp_path, Script(seconds=(0.0, 10.0, 0.0)), lease=0.5)
    assert here.done("second") - here.executions()[0] >= 20 * 0.5


async def test_a_copy_of_a_task_that_somebody_is_doing_waits_until_it_has_ended(tmp_path: Path) -> None:
    await executed_once(tmp_path, Script(seconds=(0.0, 2.5, 0.0)), lease=1.0, copies=1)
