"""A worker of a throw-away role as a process of its own, as root or as a user without any rights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from beth_kit.sandbox.conftest import PYTHON, World
from beth_kit.sandbox.policy import can_enter
from beth_kit.sandbox.test_attacks import SECRET
from scripts.workspace import ROOT
from tests.hostile.tries import AGENT, GLUTTON, INTRUDER

_CLASSES = {INTRUDER: "beth_kit:LLMAgent", GLUTTON: "tests.hostile.agents:Narrow"}

_MANIFEST = """\
manifest_version = 1
role = "{role}"
description = "Does what a hostile model says"
class = "{agent}"
limits = {{attempts = 1, steps = 2000, concurrency = 1}}
"""

_START = f"""
set -e
{{trapped}}
sed "s/{AGENT}/$$/g" "$TRANSCRIPT" >"$TRANSCRIPT.$$"
export BETH_MODELS="scripted/$TRANSCRIPT.$$"
exec "$@"
"""
"""The transcript names the process that reads it, whose number stays when it becomes Python."""


def make(folder: Path) -> Path:
    """Make the distribution of both roles in `folder`, to be put on PYTHONPATH, and return it."""
    info = folder / "hostile_agents-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-agents\nVersion: 1.0\n", encoding="utf-8")
    entries = "".join(f"{role} = hostile_{role}\n" for role in _CLASSES)
    (info / "entry_points.txt").write_text(f"[beth.agents]\n{entries}", encoding="utf-8")
    for role, agent in _CLASSES.items():
        package = folder / f"hostile_{role}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "agent.toml").write_text(_MANIFEST.format(role=role, agent=agent), encoding="utf-8")
    return folder


def python_of(world: World) -> list[str] | str:
    """A Python that the agent's user may execute, and the folders it imports from; in words, why there is none."""
    packages = [str(ROOT), str(ROOT / "plugins" / "beth-kit")]
    if world.uid is None:
        return [sys.executable, *packages]
    installed = Path(next(one for one in sys.path if one.endswith("site-packages")))
    for folder in (ROOT, installed):
        if not can_enter(folder, world.uid):
            return f"{folder} cannot be entered by an ordinary user"
    if can_enter(Path(sys.base_prefix) / "bin", world.uid):
        return [sys.executable, *packages]
    told = subprocess.run([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, check=True)
    if told.stdout.split() != [b"%d" % number for number in sys.version_info[:2]]:
        return f"{PYTHON} is another version than the one that packages are installed for"
    return [PYTHON, *packages, str(installed)]


class Worker:
    """`beth serve ROLE`."""

    def __init__(self, world: World, role: str, variables: Mapping[str, str], *, ignoring: bool) -> None:
        """`ignoring`: it survives the signal that the attacks send."""
        found = python_of(world)
        assert not isinstance(found, str), found
        python, *path = found
        self.role = role
        self.log = world.root / f"{role}.log"
        trapped = "trap '' USR1" if ignoring else ""
        uid = world.uid
        with self.log.open("wb") as output:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    _START.format(trapped=trapped),
                    "sh",
                    python,
                    "-P",
                    "-m",
                    "beth_sdk.cli",
                    "serve",
                    role,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(world.root / "home"),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONPATH": os.pathsep.join([str(world.root / "team"), *path]),
                    "OPENAI_API_KEY": SECRET,
                    "BETH_LOG_FORMAT": "json",
                    **variables,
                },
                cwd="/",
                start_new_session=True,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> int:
        """Have it end as a container's would, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30.0)
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9, where it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
