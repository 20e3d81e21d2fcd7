"""`beth serve`, in processes of its own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from beth_sdk.cli.conftest import Beth, OnPorts, Start, add_agent, make_task
from beth_sdk.cli.options import Ports
from beth_sdk.conftest import Site
from beth_sdk.history import stream_of
from beth_sdk.publish import publish_task

TWO_STEPS = """\
import os, pathlib, sys
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

def wait(fifo):
    print("waiting", file=sys.stderr, flush=True)
    with open(fifo) as opened:
        return opened.read()

class Player(Agent):
    async def execute(self, task, ctx):
        await ctx.step("wait", wait, os.environ["FIFO"], repeat="safe")
        await ctx.step("more", lambda: None, repeat="safe", input="more")
        return Result.complete("played")
"""

FAILING_SETUP = """\
from beth_sdk.agent import Agent

class Player(Agent):
    async def setup(self):
        raise ValueError("the database is locked")

    async def execute(self, task, ctx): ...
"""


async def publish_one(both: Ports) -> None:
    """Publish a task for the echo role."""
    await publish_task(both.bus, make_task(), journal_id=both.journal.id)


async def kinds(both: Ports) -> list[str]:
    """The facts of that task."""
    return [entry.fact.kind async for entry in both.journal.read(stream_of("task-1"))]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A named pipe: whoever reads it waits until somebody writes."""
    import os

    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_exits_with_0(start: Start, site: Site, number: signal.Signals) -> None:
    add_agent(site, "echo")
    running = start("serve", "echo")
    running.line("ready", "queues=tasks.echo")
    running.send(number)
    assert running.end() == 0
    assert running.out == []


def test_it_does_the_tasks_of_its_role(start: Start, site: Site, on_ports: OnPorts) -> None:
    add_agent(site, "echo")
    on_ports(publish_one)
    running = start("serve", "echo")
    running.line("over", "outcome=complete")
    running.send(signal.SIGTERM)
    assert running.end() == 0
    assert on_ports(kinds)[-1] == "ended"


def test_a_signal_hands_the_task_over_at_its_next_step(start: Start, site: Site, on_ports: OnPorts, fifo: Path) -> None:
    add_agent(site, "echo", code=TWO_STEPS)
    on_ports(publish_one)
    running = start("serve", "echo", FIFO=str(fifo))
    running.line("waiting")
    running.send(signal.SIGTERM)
    running.line("stopping", "running=1")
    fifo.write_text("on")
    assert running.end() == 0
    assert on_ports(kinds) == ["started", "step_done", "handed_over"]


def test_a_second_signal_does_not_wait_for_the_step_not_even_for_its_thread(
    start: Start, site: Site, on_ports: OnPorts, fifo: Path
) -> None:
    add_agent(site, "echo", code=TWO_STEPS)
    on_ports(publish_one)
    running = start("serve", "echo", FIFO=str(fifo))
    running.line("waiting")
    running.send(signal.SIGTERM)
    running.line("stopping", "running=1")
    running.send(signal.SIGTERM)
    assert running.end() == 0
    assert on_ports(kinds)[-1] == "handed_over"


def test_options_win_over_the_environment(start: Start, site: Site, home: Path, tmp_path: Path) -> None:
    add_agent(site, "echo")
    bus = f"sqlite:///{tmp_path}/other.db"
    running = start("serve", "echo", "--bus", bus, "--concurrency", "3", "--instance", "one", BETH_CONCURRENCY="2")
    assert "instance=one" in running.line("ready", "concurrency=3")
    running.send(signal.SIGTERM)
    assert running.end() == 0
    assert (tmp_path / "other.db").exists()
    assert not (home / "beth.db").exists()


def test_an_alias_of_the_role_will_do(start: Start, site: Site) -> None:
    add_agent(site, "echo-reviewer", extra='aliases = ["tasks.echo"]\n')
    running = start("serve", "echo")
    running.line("ready", "role=echo-reviewer")


def test_unknown_variables_are_warned_of_but_not_those_the_agent_asks_for(start: Start, site: Site) -> None:
    add_agent(site, "echo", extra='environment = ["BETH_ECHO"]\n')
    running = start("serve", "echo", BETH_CONCURENCY="2", BETH_ECHO="loud")
    running.line("ready")
    assert "nearest=BETH_CONCURRENCY" in running.line("variable=BETH_CONCURENCY")
    assert not [line for line in running.err if "BETH_ECHO" in line]


def test_variables_that_plugins_declare_are_not_warned_of_and_a_broken_plugin_is_named(
    start: Start, site: Site
) -> None:
    add_agent(site, "echo")
    declared = 'DeclaredVariable("BETH_ZZ", "none", "What for.", "text")'
    site.files({"zz_own.py": f"from beth_sdk.variables import DeclaredVariable\nVARIABLES = [{declared}]\n"})
    site.distribution("zz-own", {"beth.variables": {"own": "zz_own:VARIABLES", "wrong": "zz_own:NOTHING"}})
    running = start("serve", "echo", BETH_ZZ="1")
    running.line("ready")
    assert "zz-own" in running.line("variables cannot be read")
    assert not [line for line in running.err if "BETH_ZZ" in line]


def test_an_error_in_setup_ends_it_with_one_line_and_1(start: Start, site: Site) -> None:
    add_agent(site, "echo", code=FAILING_SETUP)
    running = start("serve", "echo")
    assert running.end() == 1
    assert running.err[-1] == "beth: echo ended with an error: the database is locked"
    assert not [line for line in running.err if "Traceback" in line]


def test_a_role_that_nobody_plays_is_refused(beth: Beth) -> None:
    ran = beth("serve", "nobody")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("beth: no installed agent plays 'nobody'; installed: ")


def test_a_broken_agent_is_refused_with_its_error(beth: Beth, site: Site) -> None:
    add_agent(site, "echo", extra="rple = 1\n")
    ran = beth("serve", "echo")
    assert ran.exit_code == 2
    assert "unknown key rple" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--concurrency", "0"), "beth: --concurrency='0' is not accepted; accepted: a whole number from 1 to 1000"),
        (("--instance", "a b"), "beth: --instance='a b' is not accepted"),
        (("--bus", "smoke://signals"), "beth: no bus speaks 'smoke'"),
    ],
)
def test_a_wrong_option_is_one_line_and_2(beth: Beth, site: Site, arguments: tuple[str, ...], line: str) -> None:
    add_agent(site, "echo")
    ran = beth("serve", "echo", *arguments)
    assert ran.exit_code == 2
    assert line in ran.stderr
    assert ran.stderr.count("\n") == 1
