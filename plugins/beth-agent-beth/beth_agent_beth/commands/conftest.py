"""What the tests of commands need: a player who does what the request says, and a named pipe to hold him up with."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest

from beth_kit.workspace.conftest import digest as digest
from beth_kit.workspace.conftest import plain as plain
from beth_kit.workspace.conftest import users as users
from beth_sdk.cli.conftest import Beth, Ran, add_agent
from beth_sdk.conftest import Site

PLAYER = """\
import os, time
from beth_sdk.agent import Agent
from beth_sdk.errors import Fatal
from beth_sdk.messages import Result, WantedTask

def wait():
    with open(os.environ["FIFO"]) as opened:
        return opened.read()

def block():
    with open(os.environ["FIFO"]) as opened:
        time.sleep(1000)

class Player(Agent):
    async def execute(self, task, ctx):
        return await getattr(self, task.payload.description.split()[0])(task, ctx)

    async def play(self, task, ctx):
        return Result.complete({"summary": "played"})

    async def fail(self, task, ctx):
        return Result.failed("broken", "it broke")

    async def die(self, task, ctx):
        if not os.path.exists(os.environ["FIFO"] + ".mended"):
            raise Fatal("not mended yet")
        return Result.complete({"summary": "mended"})

    async def ask(self, task, ctx):
        return Result.complete({"summary": await ctx.ask("Which colour?", ["red", "blue"])})

    async def wait(self, task, ctx):
        await ctx.step("wait", wait, repeat="safe")
        await ctx.step("more", lambda: None, repeat="safe", input="more")
        return Result.complete({"summary": "waited"})

    async def block(self, task, ctx):
        await ctx.progress("blocking")
        block()

    async def escape(self, task, ctx):
        await ctx.progress("\\x1b[2Jgone\\r\\nforged line")
        return Result.complete({"summary": "\\x1b[31mred\\x1b[0m"})

    async def delegate(self, task, ctx):
        await ctx.delegate([WantedTask(name="more", agent="nobody", type="act", payload=task.payload)])
"""

COMMITTER = """\
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.agent import Agent
from beth_sdk.messages import Artifact, Result

class Player(Agent):
    async def execute(self, task, ctx):
        (given,) = [one for one in task.inputs if one.ref.startswith("refs/heads/beth/")]
        repository = await RequestRepository.open(self.settings.home, task.request_id)
        clone = await TaskClone.open(repository, task.id, given.commit)
        (clone.directory / "made.txt").write_text("made\\n")
        commit = await clone.commit("Make it", role="player", when=2000.0)
        made = Artifact(kind="git", uri=given.uri, ref=clone.ref, commit=commit)
        return Result.complete({"summary": "made"}, artifacts=[made])
"""

PLAN = 'name = "solo"\n[[task]]\nname = "only"\nagent = "{role}"\ntype = "act"\n'


@pytest.fixture
def beth(beth: Beth) -> Beth:
    """Runs a command line in this process, and closes the log that it opened for the rest of a process's life."""

    def run(*arguments: str) -> Ran:
        before = list(logging.root.handlers)
        try:
            return beth(*arguments)
        finally:
            for handler in [one for one in logging.root.handlers if one not in before]:
                logging.root.removeHandler(handler)
                assert isinstance(handler, logging.StreamHandler)
                handler.stream.close()

    return run


@pytest.fixture
def fifo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A named pipe: whoever reads it waits until somebody writes."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    monkeypatch.setenv("FIFO", str(path))
    return path


@pytest.fixture
def solo(site: Site, tmp_path: Path, fifo: Path) -> str:
    """A workflow of one task for a player who does what the request's first word says."""
    add_agent(site, "player", code=PLAYER)
    (tmp_path / "solo.toml").write_text(PLAN.format(role="player"))
    return str(tmp_path / "solo.toml")


@pytest.fixture
def committing(site: Site, tmp_path: Path) -> str:
    """A workflow of one task that commits a file."""
    add_agent(site, "player", code=COMMITTER)
    (tmp_path / "committing.toml").write_text(PLAN.format(role="player"))
    return str(tmp_path / "committing.toml")


def request_in(ran: Ran) -> str:
    """The id of the request that a command spoke of."""
    found = re.search(r"beth-[a-z2-7]{8}", ran.stdout)
    assert found is not None, ran
    return found[0]
