"""What importing an agent's package does, seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_sdk.plugins import InstalledAgent

SECONDS = 60.0
"""After which an import that does not end fails the test."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of finding an agent, importing its package and loading its class, in this order."""

    early: tuple[str, ...]
    """Modules of the package that were there once the agent was found: none should be."""
    modules: frozenset[str]
    """The top-level modules that were there at the end."""
    acts: tuple[str, ...]
    """What the import did beyond defining things: files it wrote, processes, connections, threads, variables."""
    printed: str
    error: str | None
    """Why the package or its class cannot be imported."""


def import_of(agent: InstalledAgent, package: str, folder: Path) -> Imported:
    """Import an agent's package where nothing of it was imported before; `folder` is for whatever that needs."""
    path = [str(Path(one or ".").absolute()) for one in sys.path]
    wish = {"name": agent.name, "distribution": agent.distribution, "package": package, "path": path}
    report, home = folder / "report.json", folder / "home"
    home.mkdir()
    foreign = ("BETH_", "COV_", "PYTHON")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", _PROGRAM, json.dumps(wish), str(report)],
        cwd=home,
        env={**environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    if not report.exists():
        return Imported((), frozenset(), (), ran.stdout, f"the process ended with {ran.returncode}")
    told: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return Imported(tuple(told["early"]), frozenset(told["modules"]), tuple(told["acts"]), ran.stdout, told["error"])


_PROGRAM = """
import importlib, json, os, sys, threading

wish, report = json.loads(sys.argv[1]), sys.argv[2]
sys.path[:] = wish["path"]
from beth_sdk.plugins import discover_agents

found = [one for one in discover_agents() if (one.name, one.distribution) == (wish["name"], wish["distribution"])]
top = wish["package"].partition(".")[0]
early = sorted(name for name in sys.modules if name.partition(".")[0] == top)
acts, watching, error = [], True, None
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.chdir", "os.chmod", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.link", "os.mkdir", "os.posix_spawn",
    "os.putenv", "os.remove", "os.rename", "os.rmdir", "os.spawn", "os.symlink", "os.system", "os.truncate",
    "os.unsetenv", "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen",
}

def watch(event, arguments):
    if not watching:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(flags, int) and flags & WRITES and path != os.devnull:
            acts.append(f"open {path!r} to write")
    elif event in CHANGES:
        acts.append(f"{event} {arguments!r}"[:300])

sys.addaudithook(watch)
try:
    importlib.import_module(wish["package"])
    for one in found:
        one.load()
except BaseException as raised:
    error = f"{type(raised).__name__}: {raised}"
watching = False
acts += [f"thread {one.name}" for one in threading.enumerate() if one is not threading.main_thread()]
modules = sorted({name.partition(".")[0] for name in sys.modules})
with open(report, "w") as file:
    json.dump({"early": early, "modules": modules, "acts": acts, "error": error}, file)
"""
