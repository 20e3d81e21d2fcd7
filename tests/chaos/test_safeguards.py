"""Each safeguard is needed: without it the checker finds what it protects from, and with it the same schedule is
harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.checker import LOST, OVERLAP, REPEATED, TWICE, check
from tests.chaos.safeguards import ENDED_BEFORE_ACK, ENDED_CHECK, EPOCH_CHECK, HOLD
from tests.chaos.schedules import play
from tests.chaos.sweep import Kill, Sweep


async def kinds_without(safeguard: str, folder: Path) -> set[str]:
    return {violation.kind for violation in check(await play(folder, safeguard, without=safeguard))}


async def test_without_the_hold_the_checker_finds_two_at_work_at_once(tmp_path: Path) -> None:
    assert OVERLAP in await kinds_without(HOLD, tmp_path)


async def test_without_the_epoch_check_the_checker_finds_what_came_too_late_accepted(tmp_path: Path) -> None:
    assert {REPEATED, TWICE} <= await kinds_without(EPOCH_CHECK, tmp_path)


async def test_without_ended_before_ack_the_checker_finds_a_lost_task(tmp_path: Path) -> None:
    assert await kinds_without(ENDED_BEFORE_ACK, tmp_path) == {LOST}


async def test_without_the_ended_check_the_checker_finds_a_task_that_ended_twice(tmp_path: Path) -> None:
    assert TWICE in await kinds_without(ENDED_CHECK, tmp_path)


async def test_without_the_ended_check_the_sweep_of_kills_fails(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, seed=0, without=ENDED_CHECK)
    trial = await sweep.trial(Kill("journal.append[task: ended] after", 1))
    assert trial.reached == 1
    assert any(TWICE in problem for problem in trial.problems)


async def test_with_the_hold_a_second_copy_waits_for_the_first(tmp_path: Path) -> None:
    history = await play(tmp_path, HOLD)
    assert check(history) == []
    assert len(history.executions) == 1


async def test_with_the_epoch_check_what_comes_too_late_is_refused(tmp_path: Path) -> None:
    history = await play(tmp_path, EPOCH_CHECK)
    assert check(history, least_takeovers=1) == []
    assert history.fenced == {"append": 1}


@pytest.mark.parametrize("safeguard", [ENDED_BEFORE_ACK, ENDED_CHECK])
async def test_with_ended_before_ack_and_the_ended_check_a_kill_changes_nothing(safeguard: str, tmp_path: Path) -> None:
    history = await play(tmp_path, safeguard)
    assert check(history) == []
    assert len(history.executions) == (2 if safeguard == ENDED_BEFORE_ACK else 1)
