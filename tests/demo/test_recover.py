"""`make recover`: the developer is killed, another process goes on from the journal, and nothing is left behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.played import environment

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-u", "-m", "beth_team.recover"]


def processes_of(home: Path) -> list[str]:
    """The processes that have this home in their environment."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if f"BETH_HOME={home}".encode() in (one / "environ").read_bytes():
                found.append((one / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_another_goes_on_and_no_step_is_done_twice(homes: Path) -> None:
    home = homes / "recovered"
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    variables = environment(home)
    ran = subprocess.run(
        COMMAND, env=variables, stdin=null, stdout=pipe, stderr=pipe, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    killed = re.search(r"^kill -9 (\d+): the developer is dead, (\d+) steps into", ran.stdout, re.MULTILINE)
    first = re.search(r"epoch (\d+)  process (\d+): (\d+) steps, then killed", ran.stdout)
    second = re.search(r"epoch (\d+)  process (\d+): (\d+) steps read from the journal, (\d+) done", ran.stdout)
    assert killed is not None
    assert first is not None
    assert second is not None
    assert first[2] == killed[1] != second[2]
    assert int(second[1]) > int(first[1])
    assert int(second[3]) == int(first[3]) >= int(killed[2])
    assert int(second[4]) > 0
    total = int(first[3]) + int(second[4])
    assert f"{total} steps on record, 0 of them done twice. The task is complete." in ran.stdout
    assert not (home / "recover").exists()
    assert processes_of(home / "recover") == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_ctrl_c_leaves_no_process_and_no_folder(homes: Path) -> None:
    home = homes / "interrupted"
    pipe = subprocess.PIPE
    playing = subprocess.Popen(COMMAND, env=environment(home), stdout=pipe, stderr=pipe, text=True)
    assert playing.stdout is not None
    assert "agents run" in playing.stdout.readline()
    assert processes_of(home / "recover") != []
    playing.send_signal(signal.SIGINT)
    _, said = playing.communicate(timeout=60)
    assert (playing.returncode, said) == (130, "")
    assert processes_of(home / "recover") == []
    assert not (home / "recover").exists()
