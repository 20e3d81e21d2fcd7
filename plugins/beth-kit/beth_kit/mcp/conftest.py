"""A task with a work tree and a sandbox, and small servers for it: one that misbehaves as told, one by the package."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from beth_kit.context import KitContext, Locks
from beth_kit.environment.packages import Packages
from beth_kit.mcp.config import Entry, ServerConfig
from beth_kit.mcp.servers import Servers
from beth_kit.memory.base import Memory
from beth_kit.model.base import Model
from beth_kit.workspace.task import Origin, TaskWorkspace
from beth_sdk.agent import Context, Repeat
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.manifest import Manifest
from beth_sdk.messages import EventKind, Result, Task, WantedTask

PYTHON = "/usr/bin/python3"
"""One that every user may execute."""

SERVER = """
import json, os, sys, time

told = json.load(open(sys.argv[1]))
runs = os.environ["HOME"] + "/runs"
os.makedirs(runs, exist_ok=True)
number = len(os.listdir(runs)) + 1
open(f"{runs}/{number}", "w").close()
offered = told["tools"] if number == 1 or "later" not in told else told["later"]


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
    sys.stdout.flush()


def answer(id, text, **more):
    say({"id": id, "result": {"content": [{"type": "text", "text": text}], **more}})


def call(id, name, arguments):
    global offered
    does = name.split("-")[0]
    if does == "echo":
        answer(id, json.dumps(arguments), **({"resultType": "complete"} if told.get("modern") else {}))
    elif does == "input":
        say({"id": id, "result": {"resultType": "input_required", "inputRequests": {}, "requestState": "s"}})
    elif does == "fail":
        answer(id, "it did not work", isError=True)
    elif does == "refuse":
        say({"id": id, "error": {"code": -32602, "message": "no such thing"}})
    elif does == "die":
        print("last words", file=sys.stderr)
        os._exit(7)
    elif does == "hang":
        if os.fork() == 0:
            os.setsid()
        open(f"pid-{os.getpid()}", "w").close()
        time.sleep(600)
    elif does == "garbage":
        sys.stdout.write("hello\\n{\\n[1,2]\\n\\x00\\xff\\n" + "[" * 100000 + "\\n")
        say({"id": 99, "result": {}})
        answer(id, "after garbage")
    elif does == "long":
        sys.stdout.write("x" * (11 << 20))
        sys.stdout.flush()
        time.sleep(600)
    elif does == "flood":
        while True:
            sys.stdout.write(("x" * 100 + "\\n") * 1000)
    elif does == "big":
        answer(id, "y" * 300000)
    elif does == "nonsense":
        say({"id": id, "result": {"content": 7}})
    elif does == "ask":
        say({"id": "s1", "method": arguments["method"], "params": arguments.get("params", {})})
        answer(id, sys.stdin.readline())
    elif does == "change":
        offered = told["later"]
        say({"method": "notifications/tools/list_changed"})
        answer(id, "changed")
    elif does == "eval":
        try:
            answer(id, str(eval(arguments["code"])))
        except Exception as error:
            answer(id, repr(error), isError=True)
    else:
        answer(id, does)


for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        if told.get("mute"):
            time.sleep(600)
        if told.get("modern"):
            say({"id": id, "error": {"code": -32601, "message": "Method not found"}})
            continue
        version = message["params"]["protocolVersion"]
        info = {"name": "told", "version": "1"}
        say({"id": id, "result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}})
    elif method == "server/discover":
        more = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        say({"id": id, "result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **more}})
    elif method == "tools/list":
        more = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if told.get("modern") else {}
        say({"id": id, "result": {"tools": offered, **more}})
    elif method == "tools/call":
        call(id, message["params"]["name"], message["params"].get("arguments") or {})
"""


def offer(name: str, description: str = "does it", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": {"type": "object"}, **more}


class Told(Context):
    """The SDK's context, which keeps what it is told."""

    def __init__(self, clock: Clock) -> None:
        self.task = cast("Task", None)
        self.manifest = cast("Manifest", None)
        self.clock = clock
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def event(self, kind: EventKind, message: str | None = None, **data: Any) -> None:
        self.events.append((kind, message or "", data))

    async def step(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        repeat: Repeat = "never",
        check: Callable[[], Awaitable[Any | None]] | None = None,
        **options: Any,
    ) -> Any:
        raise NotImplementedError

    async def progress(self, message: str, **data: Any) -> None:
        raise NotImplementedError

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        raise NotImplementedError

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        raise NotImplementedError

    @property
    def cancelled(self) -> bool:
        return False

    @property
    def notes(self) -> Sequence[str]:
        return ()

    def log(self, message: str, **data: Any) -> None:
        pass


class World:
    """Beth's home, one task in it, and a folder with programs of servers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.programs = root / "programs"
        self.clock: Clock = SystemClock()
        self.locks = Locks()
        self.opened: list[Servers] = []
        for folder in (self.home, self.programs):
            folder.mkdir()
        self.inner = Told(self.clock)
        self._ctx: KitContext | None = None

    @property
    def tree(self) -> Path:
        return self.home / "work" / "r1" / "t1"

    @property
    def runs(self) -> int:
        """How often the server that does as told was started."""
        folder = self.tree.with_name("t1.home") / "runs"
        return len(list(folder.iterdir())) if folder.exists() else 0

    @property
    def ctx(self) -> KitContext:
        if self._ctx is None:
            self.inner.clock = self.clock
            self._ctx = KitContext(
                self.inner,
                workspace=TaskWorkspace(Origin(self.home, "r1"), "t1", 1, self.clock),
                memory=cast("Memory", None),
                model=cast("Model", None),
                packages=Packages(self.root / "packages"),
                locks=self.locks,
            )
        return self._ctx

    @property
    def denied(self) -> list[str]:
        return [message for kind, message, _ in self.inner.events if kind == "denied"]

    def told(self, *tools: str | dict[str, Any], name: str = "told", **more: Any) -> ServerConfig:
        """A server that offers these tools and does what their names say; `later`: what it offers when started anew."""
        offers = [offer(one) if isinstance(one, str) else one for one in tools]
        script: dict[str, Any] = {
            "tools": offers,
            **{key: more.pop(key) for key in ("later", "mute", "modern") if key in more},
        }
        (self.programs / "server.py").write_text(SERVER)
        (self.programs / f"{name}.json").write_text(json.dumps(script))
        argv = [PYTHON, "-I", "server.py", f"{name}.json"]
        return self.config(
            name, command=argv[:2], args=[str(self.programs / one) for one in argv[2:]], readable=["."], **more
        )

    def config(self, name: str, **values: Any) -> ServerConfig:
        required = values.pop("must", False)
        return ServerConfig(name, Entry.model_validate(values), f"mcp.json: {name}", self.programs, required)

    def servers(self, *configs: ServerConfig, environ: Mapping[str, str] | None = None) -> Servers:
        self.opened.append(Servers(configs, self.ctx, home=self.home, environ=environ or {}))
        return self.opened[-1]

    async def call(self, servers: Servers, frame: list[dict[str, Any]], name: str, **arguments: Any) -> Any:
        (tool,) = [one for one in servers.tools_of(frame) if one.name == name]
        return await tool.call(self.ctx, arguments)

    def processes(self) -> list[str]:
        """Programs of servers that are alive."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    if str(self.root) in (folder / "cmdline").read_text():
                        found.append(folder.name)
                except OSError:
                    pass
        return found


async def made_world() -> AsyncIterator[World]:
    """A world, and that no program of it is left afterwards."""
    # Not pytest's tmp_path: its parents can be entered by their owner only.
    made = World(Path(tempfile.mkdtemp(prefix="beth-mcp-")))
    made.root.chmod(0o755)
    yield made
    for servers in made.opened:
        await asyncio.wait_for(servers.close(), 30)
    assert made.processes() == []
    shutil.rmtree(made.root)


world = pytest.fixture(name="world")(made_world)


@pytest.fixture
def package_server(world: World) -> Path:
    """A server written with the package, as people write them."""
    path = world.programs / "notes.py"
    path.write_text(
        '''
import sys
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("notes")
notes = []

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def count(prefix: str = "") -> str:
    """Count the notes."""
    return str(len([note for note in notes if note.startswith(prefix)]))

@server.tool()
def add(text: str) -> str:
    """Add a note."""
    notes.append(text)
    return f"noted: {text}"

if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run("stdio")
'''
    )
    return path


PACKAGE_PYTHON = sys.executable
