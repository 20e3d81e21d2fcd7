"""A fleet of real processes for one test: Beth and the actors on one bus, to be killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.plan import workflow
from beth_sdk import openers
from beth_sdk.bus.base import Bus
from beth_sdk.history import TaskHistory, read_history
from beth_sdk.journal.base import Journal

LEASE = 1.0
ROLES = ("beth", "actor", "friend")
PATIENCE = 40.0
"""Seconds until a test gives up on something that should have happened; the machine may be busy."""


ENDLESS = "echo begun >begun; sleep 4711 & setsid sleep 4712 & sleep 4713"
"""A command that does not end, with what it puts into the background."""

CRAFTER = """\
roles:
  crafter:
    act:
      - calls: [{name: bash, arguments: {command: "ENDLESS"}}]
      - calls: [{name: commit, arguments: {message: Begin}}]
      - calls: [{name: finish, arguments: {result: {summary: done}}}]
"""
"""What the model of the role `crafter` says."""

PLANNER = 'roles: {beth: {plan: [{calls: [{name: bash, arguments: {command: "ENDLESS"}}]}]}}'
"""What Beth's own says: it looks around for ever."""


def install_actors(site: Path) -> None:
    """A throw-away distribution with the roles `actor`, `friend` (the same program), `program` (a command) and
    `crafter` (an agent with a model, in its sandbox)."""
    info = site / "beth_actors-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beth-actors\nVersion: 1.0\n")
    roles = ("actor", "friend", "program", "crafter")
    for name, said in (("crafter", CRAFTER), ("planner", PLANNER)):
        (site / f"{name}.yaml").write_text(said.replace("ENDLESS", ENDLESS))
    points = "".join(f"{role} = acting_{role}\n" for role in roles)
    (info / "entry_points.txt").write_text(f"[beth.agents]\n{points}")
    for role in roles:
        package = site / f"acting_{role}"
        package.mkdir()
        (package / "__init__.py").write_text('"""An actor."""\n')
        plays = {
            "program": 'command = ["{python}", "-m", "tests.acceptance.actor"]\nrepeat = "safe"\n'
            'environment = ["ACTOR_FOLDER", "PYTHONPATH"]',
            "crafter": f'class = "beth_kit:LLMAgent"\nmodel = {{provider = "scripted", name = "{site}/crafter.yaml"}}',
        }.get(role, 'class = "tests.acceptance.actor:Actor"')
        (package / "agent.toml").write_text(
            f'manifest_version = 1\nrole = "{role}"\ndescription = "acts"\n{plays}\n'
            f'[limits]\nlease = "{LEASE}s"\nconcurrency = 4\n'
        )


def task(name: str, agent: str, description: str, needs: str = "", **fields: Any) -> dict[str, Any]:
    """A task of a plan; `needs`: names of others."""
    return {"name": name, "agent": agent, "type": "act", "description": description, "needs": needs.split(), **fields}


class Cluster:
    """The processes of one test, and this test's own connection to their bus and journal."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.bus: Bus
        self.journal: Journal
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        site = folder / "site"
        install_actors(site)
        root = Path(__file__).parents[2]
        self._environment = {
            **os.environ,
            "PYTHONPATH": f"{site}:{root}",
            "MESSAGE_BUS_URL": url,
            "BETH_HOME": str(folder / "home"),
            "BETH_LEASE": f"{LEASE}s",
            "BETH_MODELS": f"beth=scripted/{site}/planner.yaml",
            "ACTOR_FOLDER": str(folder),
        }

    async def __aenter__(self) -> Self:
        self.bus = await openers.open_bus(self.url)
        self.journal = await openers.open_journal(self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self.bus.close()
        await self.journal.close()

    # -- processes ----------------------------------------------------------------------------

    def up(self, *roles: str) -> None:
        """Start these roles (default: Beth and the actors), each a process of its own. `beth#2` is another Beth."""
        for role in roles or ROLES:
            log = (self.folder / f"{role}.log").open("ab")
            self._processes[role] = subprocess.Popen(
                [sys.executable, "-m", "beth_sdk.cli", "serve", role.partition("#")[0]],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            log.close()

    def set(self, name: str, value: str) -> None:
        """Set a variable for the processes that are started from now on."""
        self._environment[name] = value

    def kill(self, *roles: str) -> None:
        """kill -9 these roles (default: all that run)."""
        for role in roles or tuple(self._processes):
            process = self._processes.pop(role)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def restart(self, *roles: str) -> None:
        """kill -9 these roles (default: all that run), and start them again."""
        again = roles or tuple(self._processes)
        self.kill(*again)
        self.up(*again)

    def died(self, role: str) -> int | None:
        """The exit status of a process that is gone, None while it runs."""
        return self._processes[role].poll()

    def beth(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the real CLI."""
        return subprocess.run(
            [sys.executable, "-m", "beth_sdk.cli", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Run a command of the real CLI beside whatever comes next."""
        return subprocess.Popen(
            [sys.executable, "-m", "beth_sdk.cli", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pids(self) -> list[int]:
        """The processes that run here."""
        return [process.pid for process in self._processes.values()]

    def log(self, role: str) -> str:
        """What a role's processes logged so far."""
        return (self.folder / f"{role}.log").read_text()

    # -- the ledger and the gates -------------------------------------------------------------

    @property
    def ledger(self) -> list[str]:
        """What the actors wrote down, without the process ids."""
        path = self.folder / "ledger"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def open_gate(self, name: str) -> None:
        (self.folder / f"gate-{name}").touch()

    async def reached(self, gate: str, times: int = 1) -> None:
        await self.until(lambda: self.ledger.count(f"reached:{gate}") >= times, f"gate {gate} is reached")

    async def until(self, so: Callable[[], bool], what: str) -> None:
        """Wait for something that only shows in files or process states, which nothing can be awaited on."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not so():
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{what}: not within {PATIENCE} s\n" + self._logs())
            await asyncio.sleep(0.02)

    # -- requests -----------------------------------------------------------------------------

    async def submit(self, description: str, *, agent: str = "actor", **fields: Any) -> str:
        """Submit a request of one task that says `description`."""
        plan = workflow.parse(f'name = "one"\n[[task]]\nname = "only"\nagent = "{agent}"\ntype = "act"\n', "test")
        return await requests.submit(self.bus, self.journal, description, plan=plan, **fields)

    async def submit_tasks(self, *tasks: dict[str, Any], **fields: Any) -> str:
        """Submit a request of these tasks; see `task`."""
        plan = workflow.plan_of({"name": "several", "task": list(tasks)}, "test")
        return await requests.submit(self.bus, self.journal, "Do it all", plan=plan, **fields)

    async def state(self, request_id: str) -> RequestState:
        return await requests.read(self.journal, request_id)

    async def history(self, task_id: str) -> TaskHistory:
        return await read_history(self.journal, task_id)

    async def request(
        self, request_id: str, so: Callable[[RequestState], bool], what: str, *, patience: float = PATIENCE
    ) -> RequestState:
        """Wait until the request is as `so` wants it."""
        state = await requests.read(self.journal, request_id)
        cursor = await self.bus.tail("events")
        deadline = asyncio.get_running_loop().time() + patience
        while not so(state):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{what}: not within {patience} s; {state.status}\n" + self._logs())
            page = await self.bus.read("events", cursor, wait=0.5)
            cursor = page[-1][0] if page else cursor
            await requests.catch_up(self.journal, state)
        return state

    async def ended(self, request_id: str) -> TaskState:
        """Wait for the end of the request; returns its first task."""
        state = await self.request(request_id, lambda state: state.ended, "the end of the request")
        return state.tasks[f"{request_id}.1"]

    async def ended_again(self, request_id: str, *, continuation: int) -> TaskState:
        """Wait for the result of a later continuation of the request's first task."""
        task_id = f"{request_id}.1"

        def so(state: RequestState) -> bool:
            result = state.tasks[task_id].result
            return result is not None and result.continuation >= continuation and state.ended

        return (await self.request(request_id, so, f"continuation {continuation}")).tasks[task_id]

    def dead(self, role: str) -> list[dict[str, Any]]:
        """The dead letters of a role, as the CLI prints them."""
        listed: list[dict[str, Any]] = json.loads(self.beth("dead", "list", "--role", role, "--json").stdout)["dead"]
        return listed

    async def asks(self, request_id: str) -> TaskState:
        """Wait until a task of the request asks something; returns it."""
        state = await self.request(request_id, lambda state: bool(state.questions), "a question")
        return state.questions[0]

    def _logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-12:]) for path in self.folder.glob("*.log")
        )
