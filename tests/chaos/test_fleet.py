"""No task is lost or done twice, whatever happens to the processes of a fleet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.buses import BUSES
from tests.chaos.figures import Figures
from tests.chaos.fleet import Fleet, Setup

SEED = int(os.environ.get("CHAOS_SEED", "7"))
TASKS = 250


@pytest.mark.slow
@pytest.mark.parametrize("bus", BUSES)
async def test_a_fleet_that_is_killed_stopped_and_starved_loses_nothing_and_does_nothing_twice(
    bus: str, tmp_path: Path, figures: Figures
) -> None:
    report = await Fleet(tmp_path, Setup(seed=SEED, tasks=TASKS, bus=bus)).run()
    figures.show(f"chaos on {bus}", report.table())
    assert report.violations == []
