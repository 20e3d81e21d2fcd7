"""A run ends with everything that its program started, however it ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from beth_sdk.command.conftest import Alive, Make, Script, Watched, finished
from beth_sdk.command.process import Ending, run
from beth_sdk.testing import ManualClock

# -- too much, too long -----------------------------------------------------------------------


async def test_a_program_that_writes_too_much_is_killed_at_once(program: Make, clock: ManualClock) -> None:
    ran = program(
        "import sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: sys.stdout.write('x' * 9999)"
    )
    ending = await run(ran, stderr=lambda _chunk: None, clock=clock)
    assert ending.why == "overflow"
    assert ending.code is None
    assert len(ending.stdout) < 200_000


async def test_too_much_written_just_before_the_end_counts_too(program: Make) -> None:
    assert (await finished(program("print('x' * 1000)", stdout_limit=1000))).why == "overflow"
    assert (await finished(program("print('x' * 999)", stdout_limit=1000))).why == "exited"


async def test_when_time_is_up_the_group_gets_sigterm_and_may_put_things_in_order(
    program: Make, clock: ManualClock
) -> None:
    watched = Watched()
    source = """
import signal, sys
def end(*_):
    print("in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", file=sys.stderr)
signal.pause()
"""
    running = asyncio.create_task(run(program(source, timeout=30.0), stderr=watched, clock=clock))
    await watched.shows(b"ready")
    clock.advance(29.9)
    await asyncio.sleep(0)
    assert not running.done()
    clock.advance(0.1)
    assert await running == Ending(0, b"in order\n", "timeout")


STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os.write(2, b"no"))
if len(sys.argv) > 1:
    fifo = open(sys.argv[1], "w")
    if os.fork() == 0:
        while True:
            signal.pause()
print("ready", file=sys.stderr)
while True:
    signal.pause()
"""


async def test_who_ignores_sigterm_is_killed_after_the_grace(
    program: Make, script: Script, clock: ManualClock, alive: Alive
) -> None:
    watched = Watched()
    ran = program("", argv=[*script(STUBBORN), str(alive.path)], timeout=30.0)
    running = asyncio.create_task(run(ran, stderr=watched, clock=clock))
    await watched.shows(b"ready")
    clock.advance(30.0)
    await watched.shows(b"no")
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not running.done()
    clock.advance(0.2)
    assert (await running).why == "timeout"
    alive.wait_for_end()


async def test_cancelling_ends_the_whole_group(program: Make, script: Script, clock: ManualClock, alive: Alive) -> None:
    watched = Watched()
    ran = program("", argv=[*script(STUBBORN), str(alive.path)])
    running = asyncio.create_task(run(ran, stderr=watched, clock=clock))
    await watched.shows(b"ready")
    running.cancel()
    await clock.until_sleeping()
    clock.advance(5.0)
    with pytest.raises(asyncio.CancelledError):
        await running
    alive.wait_for_end()


async def test_cancelling_twice_kills_at_once(program: Make, script: Script, clock: ManualClock, alive: Alive) -> None:
    watched = Watched()
    ran = program("", argv=[*script(STUBBORN), str(alive.path)])
    running = asyncio.create_task(run(ran, stderr=watched, clock=clock))
    await watched.shows(b"ready")
    running.cancel()
    await clock.until_sleeping()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    alive.wait_for_end()


async def test_cancelling_while_time_is_up_kills_at_once(
    program: Make, script: Script, clock: ManualClock, alive: Alive
) -> None:
    watched = Watched()
    ran = program("", argv=[*script(STUBBORN), str(alive.path)], timeout=30.0)
    running = asyncio.create_task(run(ran, stderr=watched, clock=clock))
    await watched.shows(b"ready")
    clock.advance(30.0)
    await watched.shows(b"no")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    alive.wait_for_end()


async def test_a_stopped_program_can_still_be_ended(program: Make, clock: ManualClock) -> None:
    watched = Watched()
    source = "import os, sys; print('stopping', file=sys.stderr); os.killpg(0, 19)"
    running = asyncio.create_task(run(program(source, timeout=10.0), stderr=watched, clock=clock))
    await watched.shows(b"stopping")
    clock.advance(10.0)
    await clock.until_sleeping()
    clock.advance(5.0)
    assert (await running).why == "timeout"


# -- nobody is left behind --------------------------------------------------------------------


async def test_children_left_in_the_group_are_killed_when_the_program_ends(program: Make, alive: Alive) -> None:
    source = f"""
import os, signal
fifo = open({str(alive.path)!r}, "w")
if os.fork() == 0:
    while True:
        signal.pause()
print("done")
"""
    assert await finished(program(source)) == Ending(0, b"done\n")
    alive.wait_for_end()


async def test_a_process_that_left_the_group_does_not_hold_up_the_run(program: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    source = """
import os
gone, going = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(going, b".")  # from here on it is out of the group's reach
    open("end").read()
    os._exit(0)
os.read(gone, 1)
print("done")
"""
    assert await finished(program(source)) == Ending(0, b"done\n")
    (tmp_path / "end").write_text("")  # blocks until the process that left reads it


async def test_a_program_that_kills_its_guard_takes_itself_along(program: Make, alive: Alive) -> None:
    source = f"""
import os, signal
fifo = open({str(alive.path)!r}, "w")
os.kill(os.getppid(), signal.SIGKILL)
while True:
    signal.pause()
"""
    assert (await finished(program(source))).code is None
    alive.wait_for_end()


def test_a_worker_killed_with_9_takes_the_program_and_its_children_along(
    script: Script, tmp_path: Path, alive: Alive
) -> None:
    worker = script(f"""
import asyncio, os, pathlib
from beth_sdk.clock import SystemClock
from beth_sdk.command.process import Program, run
argv = {[*script(STUBBORN), str(alive.path)]!r}
program = Program(argv, pathlib.Path({str(tmp_path)!r}), {{}}, b"", 1000, None, 5.0)
asyncio.run(run(program, stderr=lambda chunk: os.write(1, chunk), clock=SystemClock()))
""")
    with subprocess.Popen(worker, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.kill()
    alive.wait_for_end()


def open_descriptors() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


async def test_nothing_stays_open(program: Make) -> None:
    await finished(program("print('warm')"))
    before = open_descriptors()
    await finished(program("print('x' * 5000)"))
    with pytest.raises(OSError, match="nowhere"):
        await finished(program("", argv=["/nowhere"]))
    with pytest.raises(OSError, match="nowhere"):
        await finished(program("", directory=Path("/nowhere")))
    assert open_descriptors() == before


async def test_many_run_at_once(program: Make) -> None:
    endings = await asyncio.gather(*(finished(program(f"print({number})")) for number in range(8)))
    assert [ending.stdout for ending in endings] == [f"{number}\n".encode() for number in range(8)]
