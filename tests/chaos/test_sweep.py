"""A request survives a kill at every point of bus and journal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.figures import Figures
from tests.chaos.sweep import Kill, Sweep

SEED = int(os.environ.get("CHAOS_SEED", "7"))

SECONDS = 30.0
"""While these have not passed, the sweep goes on once it has been at every point."""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_killed_request_is_complete_after_resume_wherever_it_was_killed(
    tmp_path: Path, figures: Figures
) -> None:
    report = await Sweep(tmp_path, seed=SEED).short(SECONDS)
    figures.show("kills of beth run, then beth resume", report.table())
    assert report.problems == []


async def test_a_process_is_killed_where_the_trial_says(tmp_path: Path) -> None:
    trial = await Sweep(tmp_path, seed=SEED).trial(Kill("journal.append[request: planned] after", 1))
    assert (trial.reached, trial.problems) == (1, ())


async def test_a_point_that_is_never_reached_is_no_kill(tmp_path: Path) -> None:
    trial = await Sweep(tmp_path, seed=SEED).trial(Kill("journal.append[request: planned] after", 2))
    assert (trial.reached, trial.problems) == (0, ())
