"""A world for hostile programs: an agent with a secret, servers, another task, and three ways to run a program."""

import asyncio
import ctypes
import os
import pickle
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

import pytest

from beth_kit.sandbox.owner import prepare
from beth_kit.sandbox.policy import Limits, Policy, task_uid
from beth_kit.sandbox.run import Outcome, run
from beth_kit.sandbox.test_attacks import SECRET
from beth_sdk.clock import SystemClock

T = TypeVar("T")

PYTHON = "/usr/bin/python3"
"""One that every user may execute."""

SOMEBODY = 64_999
"""An id without any rights, for the agent that is not root."""

AGENT = "import os, signal, sys; signal.signal(10, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"

HOLDING = 2.5
"""Seconds for which a hostile program holds on to what it took: files are counted once a second."""

MB = 1024 * 1024

LIMITS = Limits(wall=30.0, processes=40, memory_bytes=150 * MB, file_bytes=20 * MB, disk_bytes=40 * MB)
"""What the attacks expect that fill and multiply."""


@dataclass
class World:
    """`mode`: `user` (the agent is not root), `root` (its tools become a user of their own), `root-alone` (they stay
    root) or `container` (they stay root, who has no capabilities and can get none, as in a container without)."""

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
            limits=LIMITS,
            uid=task_uid(str(self.root)) if self.mode == "root" else None,
        )

    def run(self, code: str, *, sandbox: bool = True, **changes: object) -> Outcome:
        """Run Python code as a tool of the agent, with the world's facts in `sys.argv`."""
        patience = HOLDING if sandbox else 0.0
        return self.execute([PYTHON, "-I", "-c", code, *self.facts, str(patience)], sandbox=sandbox, **changes)

    @property
    def facts(self) -> list[str]:
        """The arguments of a hostile program, but for how long it holds on to what it took."""
        ports = [str(self.ports.get(kind, 0)) for kind in ("tcp", "udp")]
        return [str(self.root), str(self.agent.pid if self.agent else 0), self.abstract, *ports]

    def execute(self, argv: list[str], *, sandbox: bool = True, **changes: object) -> Outcome:
        policy = replace(self.policy, **changes)  # type: ignore[arg-type]
        if sandbox:
            prepare(policy)
        return self.as_agent(lambda: asyncio.run(run(argv, policy, clock=SystemClock(), sandbox=sandbox)))

    def as_agent(self, work: Callable[[], T]) -> T:
        """Do something with no more rights than the agent has, in a process of its own where that takes one.

        Raises what it raises."""
        return aside(self.become, work) if self.mode in ("user", "container") and os.geteuid() == 0 else work()

    def become(self) -> None:
        """Give up what the agent does not have; for good."""
        if self.mode == "container":
            give_up_capabilities()
        elif self.uid is not None:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)

    def own(self) -> None:
        """Everything here is the agent's."""
        if self.uid is not None:
            for folder, folders, files in os.walk(self.root):
                for name in ("", *folders, *files):
                    os.lchown(Path(folder, name), self.uid, self.uid)


def give_up_capabilities(kept: int = 0) -> None:
    """Be as root is in a container that was given no more than those in the mask `kept`: prctl(2), capabilities(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(64):
        if not kept & 1 << number:
            libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP; an error for those that the kernel does not know
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(kept, kept)) == 0


def aside(become: Callable[[], None], work: Callable[[], T]) -> T:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        raised, found = None, None
        try:
            become()
            found = work()
        except BaseException as error:  # noqa: BLE001 - raised on the other side
            raised = error
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump((raised, found), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raised, found = pickle.load(pipe)
    os.waitpid(child, 0)
    if raised is not None:
        raise raised
    return cast("T", found)


@pytest.fixture(params=["user", "root", "root-alone", "container"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param != "user" and os.geteuid() != 0:
        pytest.skip("needs root, to show that root's tools are locked in too")
    return str(request.param)


@contextmanager
def furnished(mode: str) -> Iterator[World]:
    """A world of folders and files only."""
    # Not pytest's tmp_path: its parents can be entered by their owner only.
    world = World(mode, Path(tempfile.mkdtemp(prefix="beth-sandbox-")))
    world.root.chmod(0o755)
    for name in ("clone", "scratch", "scratch/tmp", "other-clone", "home/.ssh"):
        (world.root / name).mkdir(parents=True, exist_ok=True)
    for name in ("journal.db", "bus.db", "other-clone/work.py", "home/.ssh/id_rsa"):
        (world.root / name).write_text(SECRET)
        (world.root / name).chmod(0o600)
    world.own()
    try:
        yield world
    finally:
        shutil.rmtree(world.root)


@contextmanager
def serving(world: World) -> Iterator[None]:
    """Servers in a world that are none of a tool's business."""
    with ExitStack() as stack:
        world.abstract = f"beth-{world.root.name}"
        for name, kind in (
            (str(world.root / "docker.sock"), socket.SOCK_STREAM),
            (str(world.root / "log.sock"), socket.SOCK_DGRAM),
            (f"\0{world.abstract}", socket.SOCK_STREAM),
        ):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            unix.bind(name)
            if kind == socket.SOCK_STREAM:
                unix.listen()
            if not name.startswith("\0"):
                Path(name).chmod(0o666)
        tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(16)
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        world.ports = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1]}
        yield


@pytest.fixture
def place(mode: str) -> Iterator[World]:
    """Folders only."""
    with furnished(mode) as world:
        yield world


@pytest.fixture
def world(place: World) -> Iterator[World]:
    """And an agent with a key in its environment, and servers that are none of a tool's business."""
    with serving(place):
        agent = subprocess.Popen(
            [PYTHON, "-I", "-c", AGENT],
            env={"OPENAI_API_KEY": SECRET},
            preexec_fn=place.become,  # noqa: PLW1509 - there is one thread
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with agent:
            assert agent.stdout is not None
            assert agent.stdout.readline() == b"up\n"
            place.agent = agent
            yield place
            agent.kill()
