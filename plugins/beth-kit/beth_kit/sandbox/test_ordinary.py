"""What tools are for goes on working inside, and ends as it would outside."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from beth_kit.sandbox.conftest import MB, PYTHON, World
from beth_kit.sandbox.owner import prepare
from beth_kit.sandbox.policy import Limits
from beth_kit.sandbox.run import run
from beth_sdk.clock import SystemClock
from beth_sdk.testing.clock import ManualClock

ROOMY = Limits(wall=60.0)

GIT = """
git init -q . && git config user.name a && git config user.email a@example.org && echo x > f && git add f
git commit -q -m one && git checkout -q -b two && git mv f g && git commit -q -am two && git log --oneline | wc -l
"""

PROGRAMS = {
    "python": ([PYTHON, "-c", "import ssl, sqlite3, json; print(6 * 7)"], b"42"),
    "a shell with a pipe and process substitution": (["bash", "-c", "cat <(echo 4) | sed s/4/42/"], b"42"),
    "git": (["sh", "-ec", GIT], b"2"),
    "asyncio's subprocesses": (
        [
            PYTHON,
            "-c",
            """
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec('echo', '42', stdout=-1)
    print((await process.communicate())[0].decode())
asyncio.run(main())""",
        ],
        b"42",
    ),
    "multiprocessing": (
        [
            PYTHON,
            "-c",
            """
import multiprocessing, multiprocessing.shared_memory
multiprocessing.shared_memory.SharedMemory(create=True, size=9).unlink()
with multiprocessing.Pool(2) as pool:
    print(sum(pool.map(abs, [-40, -2])))""",
        ],
        b"42",
    ),
    "threads": ([PYTHON, "-c", "import threading as t\nx = t.Thread(target=print, args=(42,)); x.start()"], b"42"),
    "temporary files": ([PYTHON, "-c", "import tempfile; tempfile.NamedTemporaryFile().write(b'x'); print(42)"], b"42"),
    "a compiler": (
        ["sh", "-ec", "echo '#include <stdio.h>\nint main(){puts(\"42\");}' > a.c; gcc a.c -o a; ./a"],
        b"42",
    ),
    "node": (["node", "-e", "require('child_process').execSync('true'); console.log(42)"], b"42"),
    "pip": ([PYTHON, "-m", "pip", "--version"], b"pip"),
}
NEEDED = {"git": "git", "a compiler": "gcc", "node": "node"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_ordinary_program_runs_inside(place: World, name: str) -> None:
    argv, said = PROGRAMS[name]
    needed = NEEDED.get(name)
    if needed is not None and shutil.which(needed, path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip(f"{needed} is not installed")
    if name == "pip" and subprocess.run([PYTHON, "-c", "import pip"], check=False, capture_output=True).returncode:
        pytest.skip("this Python has no pip")
    outcome = place.execute(argv, limits=ROOMY)
    assert (outcome.code, outcome.over_limit) == (0, None), outcome
    assert said in outcome.stdout


def test_stdin_directory_variables_and_exit_code_are_the_given_ones(place: World) -> None:
    outcome = place.execute(["sh", "-c", "pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; exit 7"])
    directory, names = outcome.stdout.decode().splitlines()
    assert directory == str(place.root / "clone")
    assert {"PATH", "HOME", "TMPDIR", "LANG"} <= set(names.split())
    assert "OLDPWD" not in names
    assert not {name for name in names.split() if name.startswith(("BETH_", "LLM_", "OPENAI_"))}
    assert outcome.code == 7


def test_a_network_grant_opens_the_ports_it_names_and_no_others(world: World) -> None:
    connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[4]))); print('DONE')"
    port = world.ports["tcp"]
    assert b"DONE" in world.run(connect, connect_ports=(port,)).stdout
    assert b"DONE" not in world.run(connect, connect_ports=(port + 1,)).stdout
    assert b"DONE" not in world.run(connect, network="packages").stdout
    assert b"DONE" in world.run(connect, network="open").stdout
    assert b"DONE" not in world.run(connect, network="open", connect_ports=(port + 1,)).stdout


def test_udp_comes_with_the_network_grant(world: World) -> None:
    send = "import socket, sys; socket.socket(type=2).sendto(b'x', ('127.0.0.1', int(sys.argv[5]))); print('DONE')"
    assert b"DONE" in world.run(send, network="packages").stdout


def test_without_shared_memory_there_are_no_semaphores(place: World) -> None:
    outcome = place.execute([PYTHON, "-c", "import multiprocessing as m; m.Lock()"], shared_memory=False)
    assert b"PermissionError" in outcome.stderr
    assert outcome.denials


def test_a_hundred_megabytes_of_output_are_read_and_not_kept(place: World) -> None:
    limits = replace(ROOMY, output_bytes=MB)
    before = peak()
    code = "import os\nfor _ in range(1600): os.write(1, bytes(1 << 16))"
    outcome = place.execute([PYTHON, "-c", code], limits=limits)
    assert outcome.code == 0
    assert len(outcome.stdout) < MB + 100
    assert b"bytes left out" in outcome.stdout
    assert peak() - before < 20 * MB


def peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_the_processor_time_of_all_processes_together_is_limited(place: World) -> None:
    busy = "import os, time\nos.fork()\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass\nprint('DONE')"
    outcome = place.execute([PYTHON, "-c", busy], limits=replace(ROOMY, cpu_seconds=1))
    assert outcome.over_limit == "cpu"
    assert b"DONE" not in outcome.stdout


async def test_a_program_whose_time_is_up_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    world = World("root-alone", tmp_path)
    for name in ("clone", "scratch"):
        (tmp_path / name).mkdir()
    clock = ManualClock()
    code = "import os, time, sys\nif os.fork() == 0: os.setsid()\nopen(str(os.getpid()), 'w'); time.sleep(60)"
    running = asyncio.create_task(run([PYTHON, "-c", code], world.policy, clock=clock))
    await asyncio.to_thread(until, lambda: len(started(world)) == 2)
    clock.advance(world.policy.limits.wall + 1)
    outcome = await running
    assert (outcome.timed_out, outcome.code, outcome.left) == (True, None, 0)
    assert not alive(world)


async def test_a_cancelled_run_leaves_nothing_behind(tmp_path: Path) -> None:
    world = World("root-alone", tmp_path)
    for name in ("clone", "scratch"):
        (tmp_path / name).mkdir()
    code = "import os, time\nopen(str(os.getpid()), 'w'); time.sleep(60)"
    running = asyncio.create_task(run([PYTHON, "-c", code], world.policy, clock=SystemClock()))
    await asyncio.to_thread(until, lambda: len(started(world)) == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(world)


def test_nothing_survives_an_agent_that_is_killed(place: World) -> None:
    prepare(place.policy)
    place.own()
    code = "import os, time\nif os.fork() == 0: os.setsid()\nopen(str(os.getpid()), 'w'); time.sleep(60)"
    agent = os.fork()
    if agent == 0:
        place.become()
        asyncio.run(run([PYTHON, "-c", code], place.policy, clock=SystemClock()))
        os._exit(0)
    try:
        until(lambda: len(started(place)) == 2)
    finally:
        os.kill(agent, signal.SIGKILL)
        os.waitpid(agent, 0)
    until(lambda: not alive(place))


def started(world: World) -> list[str]:
    """The processes that left their number in the clone."""
    return [entry.name for entry in (world.root / "clone").iterdir()]


def alive(world: World) -> list[str]:
    return [pid for pid in started(world) if Path("/proc", pid).exists()]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_does_not_exist_raises_and_nothing_runs(place: World) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        place.execute(["no-such-program"])
