"""Whoever goes on with a task begins when nothing runs any more that an earlier worker started for it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from beth_kit.sandbox import holding
from beth_kit.sandbox.policy import Policy
from beth_kit.sandbox.run import LAUNCHER, Outcome, run
from beth_sdk.clock import SystemClock

CLOCK = SystemClock()


def of(folder: Path) -> Policy:
    (folder / "tmp").mkdir(exist_ok=True)
    return Policy(directory=folder, home=folder, writable=(folder,), held=folder / "held")


async def started(folder: Path, command: str) -> asyncio.Task[Outcome]:
    """A program that has made the file `up`."""
    running = asyncio.ensure_future(run(["/bin/sh", "-c", f"touch up; {command}"], of(folder), clock=CLOCK))
    async with asyncio.timeout(20):
        while not (folder / "up").exists():
            await asyncio.sleep(0.005)
    return running


def launchers() -> list[int]:
    """Launchers that this process has started."""
    words = ["pgrep", "--parent", str(os.getpid()), "--full", LAUNCHER.name]
    return [int(pid) for pid in subprocess.run(words, check=True, capture_output=True).stdout.split()]


async def test_without_a_program_nobody_waits(tmp_path: Path) -> None:
    assert await holding.alone(tmp_path / "held", CLOCK)


async def test_after_a_program_nobody_waits(tmp_path: Path) -> None:
    await run(["/bin/true"], of(tmp_path), clock=CLOCK)
    assert await holding.alone(tmp_path / "held", CLOCK)


async def test_a_program_that_ends_soon_is_waited_for(tmp_path: Path) -> None:
    running = await started(tmp_path, "sleep 0.3; echo done >late")
    assert await holding.alone(tmp_path / "held", CLOCK)
    assert (tmp_path / "late").read_text() == "done\n"
    assert (await running).code == 0


async def test_one_that_does_not_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "GRACE", 0.1)
    running = await started(tmp_path, "setsid sh -c 'while :; do echo x >>beat; done' & sleep 100")
    assert await holding.alone(tmp_path / "held", CLOCK)
    size = (tmp_path / "beat").stat().st_size
    outcome = await running
    assert outcome.code is None
    assert (tmp_path / "beat").stat().st_size == size


async def test_so_is_one_whose_launcher_does_not_get_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "GRACE", 0.1)
    running = await started(tmp_path, "sleep 100")
    for launcher in launchers():
        os.kill(launcher, signal.SIGSTOP)
    assert await holding.alone(tmp_path / "held", CLOCK)
    assert (await running).code is None


async def test_what_cannot_be_ended_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "PATIENCE", 0.1)
    running = await started(tmp_path, "sleep 100")
    assert not await holding.alone(tmp_path / "held", CLOCK)
    running.cancel()
    await asyncio.wait({running})


async def test_the_program_itself_has_no_hold_on_the_lock(tmp_path: Path) -> None:
    outcome = await run(["/bin/ls", "/proc/self/fd"], of(tmp_path), clock=CLOCK, sandbox=False)
    assert outcome.stdout.split() == [b"0", b"1", b"2", b"3"]  # the last is ls's own


async def test_a_program_whose_launcher_is_killed_dies_with_it(tmp_path: Path) -> None:
    running = await started(tmp_path, "while :; do echo x >>beat; done")
    for launcher in launchers():
        os.kill(launcher, signal.SIGKILL)
    assert (await running).code is None
    async with asyncio.timeout(20):
        while True:
            size = (tmp_path / "beat").stat().st_size
            await asyncio.sleep(0.1)
            if (tmp_path / "beat").stat().st_size == size:
                return
