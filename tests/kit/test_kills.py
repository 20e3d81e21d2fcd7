"""A task whose worker is killed again and again ends as one that nobody disturbed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.figures import Figures
from tests.kit.checker import problems
from tests.kit.launch import RESTORE
from tests.kit.play import working
from tests.kit.runs import play, running, schedule, sweep
from tests.kit.table import table


@pytest.mark.slow
async def test_after_ten_kills_a_task_of_sixty_steps_is_what_it_is_without(folder: Path, figures: Figures) -> None:
    seed = random.randrange(10**6)
    script = working(30)
    undisturbed = await play(folder / "undisturbed", script)
    run = await play(folder / "killed", script, schedule(60, 10, random.Random(seed)))
    figures.show(f"kill -9, seed {seed}", table(run, undisturbed))
    assert problems(undisturbed, undisturbed) == []
    assert problems(run, undisturbed) == [], f"seed {seed}"
    assert len(run.kills) == 10


@pytest.mark.slow
async def test_killed_before_and_after_every_outcome_it_is_what_it_is_without(folder: Path, figures: Figures) -> None:
    script = working(6)
    undisturbed = await play(folder / "undisturbed", script)
    run = await sweep(folder / "killed", script)
    figures.show("kill -9 around every outcome", table(run, undisturbed))
    assert problems(run, undisturbed) == []
    assert len(run.kills) == 2 * (1 + 2 * 6 + 1), "the frame, two steps a turn, and the end"


@pytest.mark.slow
@pytest.mark.parametrize("without", [None, RESTORE])
async def test_what_a_command_had_written_when_it_was_killed_is_gone_only_because_it_is_taken_back(
    folder: Path, without: str | None
) -> None:
    script = working(14)
    undisturbed = await play(folder / "undisturbed", script)
    async with running(folder / "killed", script, without=without) as run:
        await run.until(lambda: "half of 4" in _read(run.work_tree / "log"), "half of a command")
        await run.kill_now()
        found = problems(await run.evidence(), undisturbed)
    if without is None:
        assert found == []
    else:
        assert any("another tree" in problem for problem in found)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
