"""A world for hostile programs: an agent with a secret, servers, another task, and three ways to run a program."""

import asyncio
import os
import pickle
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from beth_kit.sandbox.owner import prepare
from beth_kit.sandbox.policy import Limits, Policy, task_uid
from beth_kit.sandbox.run import Outcome, run
from beth_sdk.clock import SystemClock

PYTHON = "/usr/bin/python3"
"""One that every user may execute."""

SECRET = "sk-secret-0123456789"
SOMEBODY = 64_999
"""An id without any rights, for the agent that is not root."""

AGENT = "import os, signal, sys; signal.signal(10, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"

MB = 1024 * 1024


@dataclass
class World:
    """`mode`: `user` (the agent is not root), `root` (its tools become a user of their own) or `root-alone` (they stay
    root, as in a container where that cannot be)."""

    mode: str
    root: Path
    agent: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = field(default_factory=dict)
    abstract: str = ""

    @property
    def uid(self) -> int | None:
        return SOMEBODY if self.mode == "user" and os.geteuid() == 0 else None

    @property
    def policy(self) -> Policy:
        clone, home = self.root / "clone", self.root / "scratch"
        return Policy(
            directory=clone,
            home=home,
            writable=(clone, home),
            limits=Limits(wall=30.0, processes=40, memory_bytes=150 * MB, file_bytes=20 * MB, disk_bytes=40 * MB),
            uid=task_uid(str(self.root)) if self.mode == "root" else None,
        )

    def run(self, code: str, *, sandbox: bool = True, **changes: object) -> Outcome:
        """Run Python code as a tool of the agent, with the world's facts in `sys.argv`."""
        facts = [str(self.root), str(self.agent.pid if self.agent else 0), self.abstract]
        ports = [str(self.ports.get(kind, 0)) for kind in ("tcp", "udp")]
        return self.execute([PYTHON, "-I", "-c", code, *facts, *ports], sandbox=sandbox, **changes)

    def execute(self, argv: list[str], *, sandbox: bool = True, **changes: object) -> Outcome:
        policy = replace(self.policy, **changes)  # type: ignore[arg-type]
        if sandbox:
            prepare(policy)
        if self.uid is None:
            return asyncio.run(run(argv, policy, clock=SystemClock(), sandbox=sandbox))
        return _as_user(self.uid, argv, policy, sandbox=sandbox)

    def own(self) -> None:
        """Everything here is the agent's."""
        if self.uid is not None:
            for folder, folders, files in os.walk(self.root):
                for name in ("", *folders, *files):
                    os.lchown(Path(folder, name), self.uid, self.uid)


def _as_user(uid: int, argv: list[str], policy: Policy, *, sandbox: bool) -> Outcome:
    """The whole of the runner as another user, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            result: object = asyncio.run(run(argv, policy, clock=SystemClock(), sandbox=sandbox))
        except BaseException as error:  # noqa: BLE001 - told to the other side
            result = repr(error)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = pickle.load(pipe)
    os.waitpid(child, 0)
    assert isinstance(found, Outcome), found
    return found


@pytest.fixture(params=["user", "root", "root-alone"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param != "user" and os.geteuid() != 0:
        pytest.skip("needs root, to show that root's tools are locked in too")
    return str(request.param)


@pytest.fixture
def place(mode: str) -> Iterator[World]:
    """Folders only."""
    # Not pytest's tmp_path: its parents can be entered by their owner only.
    world = World(mode, Path(tempfile.mkdtemp(prefix="beth-sandbox-")))
    world.root.chmod(0o755)
    for name in ("clone", "scratch", "scratch/tmp", "other-clone", "home/.ssh"):
        (world.root / name).mkdir(parents=True, exist_ok=True)
    for name in ("journal.db", "bus.db", "other-clone/work.py", "home/.ssh/id_rsa"):
        (world.root / name).write_text(SECRET)
        (world.root / name).chmod(0o600)
    world.own()
    yield world
    shutil.rmtree(world.root)


@pytest.fixture
def world(place: World) -> Iterator[World]:
    """And an agent with a key in its environment, and servers that are none of a tool's business."""
    with ExitStack() as stack:
        place.abstract = f"beth-{place.root.name}"
        for kind, name in (("path", str(place.root / "docker.sock")), ("abstract", f"\0{place.abstract}")):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            unix.bind(name)
            unix.listen()
            if kind == "path":
                (place.root / "docker.sock").chmod(0o666)
        tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(16)
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        place.ports = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
        agent = subprocess.Popen(
            [PYTHON, "-I", "-c", AGENT],
            env={"OPENAI_API_KEY": SECRET},
            user=place.uid,
            group=place.uid,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        stack.enter_context(agent)
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"up\n"
        place.agent = agent
        yield place
        agent.kill()
