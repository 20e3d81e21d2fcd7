"""`beth up`: what it runs, and how its processes live and die."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from pathlib import Path

import click
import pytest

from beth_sdk.cli.conftest import Beth, OnPorts, Start, add_agent, make_task
from beth_sdk.cli.options import ExitCode, Ports, settings_from
from beth_sdk.cli.supervisor import Place
from beth_sdk.cli.up import (
    check_bus,
    chosen_roles,
    command,
    environment_of,
    exit_code_of,
    parse_scales,
    places_of,
)
from beth_sdk.conftest import Site
from beth_sdk.errors import ConfigurationError, PluginError, UnknownRole
from beth_sdk.plugins import InstalledAgent
from beth_sdk.publish import publish_task

LOCKING = """\
import fcntl, os
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

class Player(Agent):
    async def setup(self):
        self.lock = open(os.environ["LOCKS"] + "/" + str(os.getpid()), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    async def execute(self, task, ctx):
        return Result.complete("played")
"""

CRASHING_ONCE = """\
import os, pathlib
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

class Player(Agent):
    async def setup(self):
        been_here = pathlib.Path(os.environ["MARK"])
        if not been_here.exists():
            been_here.touch()
            os._exit(7)

    async def execute(self, task, ctx):
        return Result.complete("played")
"""


def agent(role: str, error: ConfigurationError | None = None) -> InstalledAgent:
    """An installed agent of this role."""
    return InstalledAgent(role, f"zz-{role}", "1.0", None, None, error)


BROKEN = PluginError("beth.agents", "broken", "zz-broken", "no such package")
FOUND = [agent("developer"), agent("tester"), agent("broken", BROKEN)]


# -- what it runs -----------------------------------------------------------------------------


def test_all_that_work_are_run() -> None:
    assert chosen_roles(FOUND, []) == ["developer", "tester"]


def test_only_those_that_are_named_are_run_each_once() -> None:
    assert chosen_roles(FOUND, ["tester", "tester"]) == ["tester"]


def test_a_role_that_nobody_plays_is_refused() -> None:
    with pytest.raises(UnknownRole, match="installed: developer, tester"):
        chosen_roles(FOUND, ["nobody"])


def test_a_broken_agent_that_is_named_is_refused_with_its_error() -> None:
    with pytest.raises(PluginError, match="no such package"):
        chosen_roles(FOUND, ["broken"])


def test_where_nothing_can_be_run_it_says_so() -> None:
    with pytest.raises(ConfigurationError, match="no agent is installed that could be run"):
        chosen_roles([agent("broken", BROKEN)], [])


def test_a_scale_is_a_role_and_a_number() -> None:
    assert parse_scales(["developer=2", "tester=0"]) == {"developer": 2, "tester": 0}


@pytest.mark.parametrize("text", ["developer", "developer=", "=2", "developer=-1", "developer=1001", "developer=two"])
def test_a_scale_of_another_form_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.UsageError, match="write ROLE=N"):
        parse_scales([text])


def test_each_role_has_one_process_or_as_many_as_its_scale_says() -> None:
    places = places_of(["developer", "tester", "writer"], {"developer": 2, "writer": 0})
    assert [place.name for place in places] == ["developer/1", "developer/2", "tester/1"]


def test_scaling_a_role_that_is_not_run_is_wrong_usage() -> None:
    with pytest.raises(click.UsageError, match="tester is not among what is run: developer"):
        places_of(["developer"], {"tester": 2})


def test_scaling_everything_to_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nothing to run"):
        places_of(["developer"], {"developer": 0})


def test_a_bus_in_memory_is_refused_as_processes_cannot_share_it() -> None:
    with pytest.raises(ConfigurationError, match="one process only"):
        check_bus(settings_from("memory://x", environ={"HOME": "/"}))


# -- how it runs it ---------------------------------------------------------------------------


def test_a_process_runs_this_python_and_nothing_from_the_current_folder() -> None:
    assert command(Place("tester", 1), 5) == [
        *(sys.executable, "-P", "-m", "beth_sdk.cli"),
        *("serve", "tester", "--parent-pipe", "5"),
    ]


def test_processes_share_neither_instance_nor_health_file() -> None:
    environ = {"BETH_INSTANCE": "node-1", "BETH_HEALTH_FILE": "/run/beth", "PATH": "/bin"}
    assert environment_of(Place("tester", 2), environ, alone=True, log_format="json") == {
        "BETH_INSTANCE": "node-1-tester-2",
        "BETH_HEALTH_FILE": "/run/beth.tester-2",
        "BETH_LOG_FORMAT": "json",
        "PATH": "/bin",
    }


def test_topics_that_one_role_subscribes_to_are_not_those_of_all() -> None:
    environ = {"SUBSCRIBE_TOPICS": "tasks.tester"}
    alone = environment_of(Place("tester", 1), environ, alone=True, log_format="text")
    together = environment_of(Place("tester", 1), environ, alone=False, log_format="text")
    assert alone["SUBSCRIBE_TOPICS"] == "tasks.tester"
    assert "SUBSCRIBE_TOPICS" not in together


@pytest.mark.parametrize(
    ("codes", "told", "expected"),
    [
        ([0, 0], 0, ExitCode.DONE),
        ([0, 2], 0, ExitCode.FAILED),
        ([0, -9], 1, ExitCode.DONE),
        ([0, -9], 2, ExitCode.INTERRUPTED),
    ],
)
def test_stopping_as_told_is_success(codes: list[int], told: int, expected: ExitCode) -> None:
    assert exit_code_of({Place("tester", index): code for index, code in enumerate(codes)}, told=told) is expected


def test_wrong_settings_end_it_before_any_process_is_started(beth: Beth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETH_LEASE", "soon")
    ran = beth("up")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("beth: BETH_LEASE='soon' is not accepted")


# -- real processes ---------------------------------------------------------------------------


def test_two_processes_of_a_role_are_started_do_its_tasks_and_stop_at_a_signal(
    start: Start, site: Site, on_ports: OnPorts
) -> None:
    add_agent(site, "echo")
    running = start("up", "echo", "--scale", "echo=2", "--json")
    for name in ("echo/1", "echo/2"):
        running.line(name, "ready")

    async def publish(both: Ports) -> None:
        for number in range(4):
            await publish_task(both.bus, make_task(f"task-{number}"), journal_id=both.journal.id)

    on_ports(publish)
    running.line("over", "outcome=complete", count=4)
    running.send(signal.SIGTERM)
    assert running.end() == 0
    assert [event["event"] for event in running.events()] == ["started", "started", "exited", "exited"]
    assert {event["exit_code"] for event in running.events()[2:]} == {0}
    assert any("stopping; waiting for echo/1, echo/2" in line for line in running.err)


def test_a_process_that_crashes_is_started_again(start: Start, site: Site, tmp_path: Path) -> None:
    add_agent(site, "echo", code=CRASHING_ONCE)
    running = start("up", "echo", "--json", MARK=str(tmp_path / "mark"))
    running.line("echo/1", "ready")
    assert [(event["event"], event.get("exit_code")) for event in running.events()] == [
        ("started", None),
        ("exited", 7),
        ("restarting", None),
        ("started", None),
    ]


def test_a_process_killed_from_outside_is_started_again(start: Start, site: Site) -> None:
    add_agent(site, "echo")
    running = start("up", "echo", "--json")
    running.line("echo/1", "ready")
    os.kill(running.events()[0]["pid"], signal.SIGKILL)
    running.line("echo/1", "ready", count=2)
    assert running.events()[1]["exit_code"] == -signal.SIGKILL


def test_killing_it_with_9_leaves_no_child_behind_not_even_a_stopped_one(
    start: Start, site: Site, tmp_path: Path
) -> None:
    add_agent(site, "echo", code=LOCKING)
    running = start("up", "echo", "--scale", "echo=2", "--json", LOCKS=str(tmp_path))
    for name in ("echo/1", "echo/2"):
        running.line(name, "ready")
    pids = [event["pid"] for event in running.events()]
    if sys.platform == "linux":
        os.kill(pids[0], signal.SIGSTOP)
    running.send(signal.SIGKILL)
    assert running.end() == -signal.SIGKILL
    try:
        for pid in pids:
            with (tmp_path / str(pid)).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # which is had when its owner has died, and not before
    except BaseException:
        os.kill(pid, signal.SIGKILL)  # it outlived `up`, so the test must not leave it behind either
        raise


def test_a_second_signal_kills_what_does_not_stop(start: Start, site: Site) -> None:
    add_agent(site, "echo")
    running = start("up", "echo", "--json")
    running.line("echo/1", "ready")
    os.kill(running.events()[0]["pid"], signal.SIGSTOP)
    running.send(signal.SIGINT)
    running.line("stopping; waiting for echo/1 (again: kill)")
    running.send(signal.SIGINT)
    assert running.end() == ExitCode.INTERRUPTED
    assert running.events()[-1]["exit_code"] == -signal.SIGKILL


def test_a_broken_agent_is_left_out_and_the_others_run(start: Start, site: Site) -> None:
    add_agent(site, "echo")
    add_agent(site, "mani", extra="rple = 1\n")
    running = start("up", "echo", "--json")
    running.line("echo/1", "ready")
    assert "unknown key rple" in running.line("beth: left out: ")


def test_one_that_is_configured_wrongly_ends_and_so_does_up_with_it(start: Start, site: Site) -> None:
    add_agent(site, "echo", code="def (")
    running = start("up", "echo", "--json")
    assert running.end() == 1
    assert [event["event"] for event in running.events()] == ["started", "exited"]
    assert "zz_echo.agent:Player cannot be loaded: SyntaxError" in running.line("echo/1 | beth: ")
    assert running.err[-1] == "beth: 1 process ended for good with an error"
