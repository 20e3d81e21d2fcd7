"""Ctrl-C, in processes of their own."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import request_in
from beth_agent_beth.running import KILL_GRACE
from beth_sdk.cli.conftest import Beth, Running, Start

INTERRUPTED = 130


def id_of(running: Running) -> str:
    return running.line("beth-").split()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_at_the_next_step_and_says_how_to_go_on(
    start: Start, beth: Beth, solo: str, fifo: Path, number: signal.Signals
) -> None:
    running = start("run", "wait", "--workflow", solo)
    name = id_of(running)
    running.line("only: step wait")
    running.send(number)
    running.line("stopping at the next step; Ctrl-C again stops at once")
    fifo.write_text("on")
    assert running.end() == INTERRUPTED
    assert running.out[-1] == f"interrupted; go on with: beth resume {name}"
    assert running.err == []
    assert beth("status", name, "--json").json["status"] == "paused"
    resumed = beth("resume", name)
    assert resumed.exit_code == 0
    assert "player: waited" in resumed.stdout
    assert "step wait" not in resumed.stdout, "that one is done"


def test_with_json_an_interrupted_run_prints_one_object(start: Start, solo: str, fifo: Path, beth: Beth) -> None:
    running = start("run", "wait", "--workflow", solo, "--json")
    with fifo.open("w") as pipe:  # opens once the step reads
        running.send(signal.SIGINT)
        deadline = time.monotonic() + 30
        while beth("list", "--json").json[0]["status"] != "paused":
            assert time.monotonic() < deadline
        pipe.write("on")
    assert running.end() == INTERRUPTED
    (line,) = running.out
    document = json.loads(line)
    assert (document["interrupted"], document["status"]) == (True, "paused")
    assert running.err == []


@pytest.mark.parametrize("how", ["wait", "block"])
def test_the_second_signal_does_not_wait_for_a_long_step(
    start: Start, beth: Beth, solo: str, fifo: Path, how: str
) -> None:
    running = start("run", how, "--workflow", solo)
    name = id_of(running)
    running.line("only: step wait" if how == "wait" else "only: progress blocking")
    running.send(signal.SIGINT)
    running.line("stopping at the next step")
    running.send(signal.SIGINT)
    began = time.monotonic()
    assert running.end() == INTERRUPTED
    assert time.monotonic() - began < KILL_GRACE + 10
    assert running.out[-1] == f"interrupted; go on with: beth resume {name}"
    assert running.err == []
    assert beth("status", name, "--json").json["status"] == "paused"


def test_a_third_signal_kills(start: Start, solo: str, fifo: Path) -> None:
    running = start("run", "block", "--workflow", solo)
    running.line("only: progress blocking")
    running.send(signal.SIGINT)
    running.line("stopping at the next step")
    running.send(signal.SIGINT)
    while running.process.poll() is None:
        running.send(signal.SIGINT)
    assert running.end() in (-signal.SIGINT, INTERRUPTED)


def test_when_the_request_has_ended_the_first_signal_does_not_wait_for_others(
    start: Start, beth: Beth, solo: str, fifo: Path
) -> None:
    other = request_in(beth("submit", "wait", "--workflow", solo))
    running = start("run", "ask", "--workflow", solo, BETH_CONCURRENCY="2")
    name = id_of(running)
    running.line(f"also going on here, because they are open: {other}")
    running.line("waiting until what still runs reaches its next step; Ctrl-C does not wait")
    running.send(signal.SIGINT)
    assert running.end() == 4
    assert running.out[-1] == f"waiting for an answer; then go on with: beth resume {name}"
    assert beth("status", other, "--json").json["status"] == "running"
    fifo_is_read = start("resume", other)
    fifo_is_read.line("only: step wait")
    fifo.write_text("on")
    assert fifo_is_read.end() == 0


def test_interrupting_a_watch_leaves_the_request_alone(start: Start, beth: Beth, solo: str) -> None:
    name = request_in(beth("submit", "play", "--workflow", solo))
    beth("pause", name)
    beth("run", "play", "--workflow", solo)  # Beth plans the paused one too
    waiting = request_in(beth("submit", "play", "--workflow", solo))
    running = start("watch", waiting, "--json")
    deadline = time.monotonic() + 30
    while not _catches(running, signal.SIGINT):
        assert time.monotonic() < deadline
    running.send(signal.SIGINT)
    assert running.end() == INTERRUPTED
    assert json.loads(running.out[0])["interrupted"] is True
    assert beth("list", "--open", "--json").json[-1]["status"] == "received"


def _catches(running: Running, number: signal.Signals) -> bool:
    """Whether the process has a wake-up descriptor's handler for this signal by now: more than Python's own."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    caught = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)
    return bool(caught & (1 << (signal.SIGTERM - 1))) and bool(caught & (1 << (number - 1)))
