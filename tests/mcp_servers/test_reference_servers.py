"""The reference servers, written by others, as tools in the sandbox: git, filesystem, everything."""

import json
import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from beth_kit.context import Locks
from beth_kit.mcp.config import ServerConfig
from beth_kit.mcp.conftest import World, made_world
from beth_kit.sandbox.policy import task_uid
from beth_kit.sandbox.watch import descendants
from tests.services import MCP_SERVERS, MCP_SERVERS_NPM

pytestmark = [pytest.mark.service("mcp-servers"), pytest.mark.slow]


any_world = pytest.fixture(name="any_world")(made_world)


@pytest.fixture(params=["user", "own"])
def world(any_world: World, request: pytest.FixtureRequest) -> World:
    """As the user that Beth is, and as a user of the task's own."""
    if request.param == "own":
        if os.geteuid() != 0:
            pytest.skip("needs root, to become another user")
        any_world.locks = Locks(uid=task_uid("t1"))
    return any_world


def need(world: World, *programs: Path) -> None:
    """Skips where a task's own user could not get to a program that a server needs."""
    parents = [folder for program in programs for folder in program.resolve().parents]
    closed = [folder for folder in parents if not folder.stat().st_mode & stat.S_IXOTH]
    if world.locks.uid is not None and closed:
        pytest.skip(f"{closed[0]} can be entered by its owner only")


def git(world: World) -> ServerConfig:
    python = MCP_SERVERS / "bin" / "python"
    need(world, python, MCP_SERVERS)
    command = [str(python), "-m", "mcp_server_git", "--repository", "${WORKSPACE}"]
    return world.config("git", command=command, readable=[str(MCP_SERVERS)])


def node(world: World, name: str, *args: str) -> ServerConfig:
    program = MCP_SERVERS_NPM / f"server-{name}" / "dist" / "index.js"
    need(world, program, Path(shutil.which("node") or ""))
    return world.config(name, command=["node", str(program), *args], readable=[str(MCP_SERVERS_NPM.parent)])


async def texts(world: World, config: ServerConfig, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    """What the tools said, one server for all calls."""
    servers = world.servers(config)
    frame = await servers.listed()
    assert all("refused" not in one for one in frame), frame
    return [(await world.call(servers, frame, name, **arguments)).text for name, arguments in calls]


async def test_git_works_on_the_work_tree_and_on_nothing_else(world: World) -> None:
    clone = await world.ctx.workspace.clone()
    (clone.directory / "new.py").write_text("print(1)\n")
    here = {"repo_path": str(clone.directory)}
    status, added, staged, outside = await texts(
        world,
        git(world),
        ("git_git_status", here),
        ("git_git_add", {**here, "files": ["new.py"]}),
        ("git_git_diff_staged", here),
        ("git_git_status", {"repo_path": str(world.home / "repositories" / "r1.git")}),
    )
    assert "new.py" in status
    assert "staged" in added.lower()
    assert "+print(1)" in staged
    assert "outside" in outside
    assert await world.ctx.workspace.changed() == ("new.py",)


async def test_hints_of_the_git_server_decide_what_is_repeated(world: World) -> None:
    found = {tool.name: tool for tool in await world.servers(git(world)).tools()}
    assert (found["git_git_status"].repeat, found["git_git_status"].writes) == ("safe", False)
    assert (found["git_git_commit"].repeat, found["git_git_commit"].writes) == ("told", True)


async def test_the_filesystem_server_writes_in_the_work_tree_and_reads_nothing_outside(world: World) -> None:
    secret = world.root / "secret"
    secret.write_text("s3cret")
    inside = str(world.tree / "made.txt")
    wrote, read, listing, outside = await texts(
        world,
        # Told that it may have everything: the sandbox is what keeps it in.
        node(world, "filesystem", "${WORKSPACE}", "/"),
        ("filesystem_write_file", {"path": inside, "content": "abc\n"}),
        ("filesystem_read_text_file", {"path": inside}),
        ("filesystem_list_directory", {"path": str(world.tree)}),
        ("filesystem_read_text_file", {"path": str(secret)}),
    )
    assert "Successfully wrote" in wrote
    assert read == "abc\n"
    assert "[FILE] made.txt" in listing
    assert "s3cret" not in outside
    assert (world.tree / "made.txt").read_text() == "abc\n"


async def test_the_filesystem_server_is_given_the_work_tree_as_its_root(world: World) -> None:
    # It asks for its roots after the handshake, whenever it likes: calls that come before know of none.
    calls: list[tuple[str, dict[str, Any]]] = [("filesystem_list_allowed_directories", {})] * 50
    assert str(world.tree) in (await texts(world, node(world, "filesystem"), *calls))[-1]


async def test_the_everything_server_is_answered_in_all_it_does(world: World) -> None:
    servers = world.servers(node(world, "everything", "stdio"))
    frame = await servers.listed()
    names = {one["tool"] for one in frame}
    echoed, added, image, variables = [
        (await world.call(servers, frame, f"everything_{name}", **arguments)).text
        for name, arguments in (
            ("echo", {"message": "ä"}),
            ("get-sum", {"a": 40, "b": 2}),
            ("get-tiny-image", {}),
            ("get-env", {}),
        )
    ]
    assert echoed == "Echo: ä"
    assert "42" in added
    assert "[image, image/png, " in image
    assert "iVBOR" not in image
    assert json.loads(variables)["USER"] == "task"
    assert not names & {"trigger-sampling-request", "trigger-elicitation-request"}  # offered to clients that can


async def test_a_program_of_others_that_is_killed_is_started_anew(world: World) -> None:
    servers = world.servers(node(world, "everything", "stdio"))
    frame = await servers.listed()
    kill_node()
    died = await world.call(servers, frame, "everything_echo", message="x")
    assert "the server everything died" in died.text
    assert (await world.call(servers, frame, "everything_echo", message="x")).text == "Echo: x"


def kill_node() -> None:
    """Kill the server for everything that this test started."""
    found = [one.pid for one in descendants() if b"server-everything" in Path(f"/proc/{one.pid}/cmdline").read_bytes()]
    servers = [pid for pid in found if b"launch.py" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert servers
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
