"""Nothing of a tool is left when the next worker goes on with its work tree, however its own worker ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.figures import Figures
from tests.kit.play import Reply, call, finish
from tests.kit.runs import Run, running

LOOK_OR_WRITE = (
    "if [ -e $HOME/ran ]; then ls -A; sleep 0.3; ls -A; exit; fi; touch $HOME/ran; "
    "setsid sh -c 'while :; do echo x >>beat; sleep 0.002; done' & sleep 1000"
)
"""Writes for ever where it runs for the first time; then lists what is there, twice."""


def script(turn: int, _: list[Mapping[str, Any]]) -> Reply:
    return call(turn, "bash", command=LOOK_OR_WRITE) if turn == 0 else finish(turn)


def launchers(run: Run) -> list[int]:
    """The processes that look after the worker's tools."""
    words = ["pgrep", "--parent", str(run.worker.pid), "--full", "launch.py"]
    return [int(pid) for pid in subprocess.run(words, capture_output=True, check=False).stdout.split()]


@pytest.mark.slow
@pytest.mark.parametrize("starved", [False, True])
async def test_a_tool_of_a_killed_worker_does_not_write_into_the_next_ones_work(
    folder: Path, figures: Figures, *, starved: bool
) -> None:
    """`starved`: who is to end the tool does not get to run."""
    async with running(folder / "run", script) as run:
        beat = run.work_tree / "beat"
        await run.until(beat.exists, "a tool that writes")
        if starved:
            (launcher,) = launchers(run)
            os.kill(launcher, signal.SIGSTOP)
        await run.kill_now()
        killed = time.monotonic()
        found = await run.evidence()
    figures.show("leftovers", f"starved={starved}: {time.monotonic() - killed:.1f} s until the task was done")
    listed = found.outcomes["bash", 0]["reply"]["text"].splitlines()
    assert listed == [".git", ".git", "[exit code 0]"]
    assert found.result.status == "complete"
