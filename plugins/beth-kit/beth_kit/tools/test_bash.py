"""`bash`: a command in the sandbox, and what the model is told of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from beth_kit.context import KitContext
from beth_kit.sandbox.policy import Limits
from beth_kit.tools.base import MAX_OUTPUT, ToolReply
from beth_kit.tools.bash import bash_tool
from beth_kit.tools.conftest import Contexts

bash = bash_tool("none")


def exists(path: str) -> bool:
    return Path(path).exists()


def alive(pid: str) -> bool:
    return Path("/proc", pid.strip()).exists()


async def run(ctx: KitContext, command: str, **more: int) -> ToolReply:
    return await bash.call(ctx, {"command": command, **more})


async def test_both_outputs_come_in_the_order_in_which_they_were_written(kit_context: KitContext) -> None:
    reply = await run(kit_context, "echo one; echo two >&2; echo three; echo four >&2; exit 3")
    assert reply.text == "one\ntwo\nthree\nfour\n[exit code 3]"
    assert (reply.error, reply.data) == (False, {"exit_code": 3})


async def test_a_command_runs_in_the_workspace_and_the_next_one_sees_its_files_only(kit_context: KitContext) -> None:
    await run(kit_context, "export NAME=value; echo text > file; mkdir folder; cd folder")
    reply = await run(kit_context, 'cat file; echo "[$NAME]"; pwd')
    assert reply.text == f"text\n[]\n{kit_context.workspace.directory}\n[exit code 0]"


async def test_it_is_bash_without_a_login_or_input(kit_context: KitContext) -> None:
    reply = await run(kit_context, 'shopt -q login_shell && echo login; x=(1 2); echo "${x[1]} $0"; cat')
    assert reply.text == "2 /bin/bash\n[exit code 0]"


async def test_long_output_is_cut_to_its_beginning_and_end(kit_context: KitContext) -> None:
    reply = await run(kit_context, "seq 100000")
    assert reply.text.startswith("1\n2\n")
    assert "99999\n100000\n[exit code 0]" in reply.text
    assert "characters left out" in reply.text
    assert len(reply.text) < MAX_OUTPUT + 200


async def test_a_hundred_megabytes_are_not_kept_and_the_model_is_told_how_much_there_was(
    kit_context: KitContext,
) -> None:
    def peak() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    before = peak()
    reply = await run(kit_context, "head -c 100000000 /dev/zero | tr '\\0' x")
    assert "[100,000,000 bytes of output in all" in reply.text
    assert len(reply.text) < MAX_OUTPUT + 300
    assert peak() - before < 100 * 1024 * 1024


async def test_what_is_no_text_is_made_readable(kit_context: KitContext) -> None:
    reply = await run(kit_context, r"printf 'a\033[31mb\033[0m\377\0c\n'")
    assert reply.text == "ab\ufffdc\n[exit code 0]"


async def test_a_command_whose_time_is_up_is_killed_with_all_it_started(kit_context: KitContext) -> None:
    began = time.monotonic()
    reply = await run(kit_context, "echo begun; setsid sleep 60 & sleep 60", timeout=1)
    assert time.monotonic() - began < 20
    assert reply.error
    assert reply.text == (
        "begun\n[killed with all it started: it was not done after 1 seconds; it may be given up to 1800]"
    )


async def test_a_background_process_does_not_outlive_its_command(kit_context: KitContext) -> None:
    reply = await run(kit_context, "(sleep 60 & echo $! > pid); cat pid")
    assert reply.data == {"exit_code": 0}
    assert not alive((kit_context.workspace.directory / "pid").read_text())


async def test_a_command_over_a_limit_is_killed_and_told_which(contexts: Contexts) -> None:
    limits = Limits(wall=30.0, processes=30)
    reply = await run(contexts.make(limits=limits), "for i in $(seq 60); do sleep 20 & done; wait")
    assert reply.error or "Resource temporarily unavailable" in reply.text
    memory = replace(limits, memory_bytes=100 * 1024 * 1024, processes=256)
    reply = await run(contexts.make(limits=memory), "for i in 1 2 3; do (head -c 60M /dev/zero | tail) & done; wait")
    assert "memory" in reply.text


@pytest.mark.parametrize("signal", ["SEGV", "KILL"])
async def test_a_command_that_a_signal_ended_says_which(kit_context: KitContext, signal: str) -> None:
    assert (await run(kit_context, f"kill -{signal} $$")).text.endswith(f"[ended by signal SIG{signal}]")


@pytest.mark.parametrize(
    ("command", "words"), [("echo a\0b", "NUL"), ("true " + "x" * 200_000, "write it to a file with `edit`")]
)
async def test_a_command_that_cannot_be_started_is_answered(kit_context: KitContext, command: str, words: str) -> None:
    reply = await run(kit_context, command)
    assert reply.error
    assert words in reply.text


async def test_a_refusal_is_told_to_the_model_and_published(contexts: Contexts, kit_context: KitContext) -> None:
    reply = await run(kit_context, "echo x > /etc/beth-was-here")
    assert "[refused by the sandbox: " in reply.text
    assert "/etc/beth-was-here" in reply.text.rpartition("[refused")[2]
    assert "only the workspace, $HOME and $TMPDIR can be written" in reply.text
    assert [kind for kind, words in contexts.events if kind == "denied"]
    assert not exists("/etc/beth-was-here")


async def test_a_command_that_works_is_not_told_of_what_was_refused_on_the_way(kit_context: KitContext) -> None:
    reply = await run(kit_context, "cat /etc/shadow 2>/dev/null; echo fine")
    assert reply.text == "fine\n[exit code 0]"


async def test_the_model_is_told_that_the_network_is_closed(contexts: Contexts) -> None:
    ctx = contexts.make(network="packages")
    reply = await run(ctx, "exec 3<>/dev/tcp/127.0.0.1/9")
    assert "the network is closed to this role" in reply.text
    assert "tool `install`" in reply.text
    named = await run(ctx, "echo 'curl: (6) Could not resolve host: example.org'; exit 6")
    assert "[refused by the sandbox: the network is closed to this role]" in named.text
    assert ("denied", "network: Could not resolve host") in contexts.events


async def test_without_a_sandbox_nothing_is_blamed_on_it(contexts: Contexts) -> None:
    reply = await run(contexts.make(enforced=False), "echo 'x: Permission denied' >&2; exit 1")
    assert reply.text == "x: Permission denied\n[exit code 1]"
    assert contexts.events == []


@pytest.mark.parametrize(("network", "repeat"), [("none", "safe"), ("packages", "safe"), ("open", "told")])
def test_only_a_command_that_may_have_reached_the_network_is_not_repeated(network: str, repeat: str) -> None:
    made = bash_tool(network)  # type: ignore[arg-type]
    assert made.repeat == repeat
    assert re.search("open" if network == "open" else "no network", made.description)


async def test_the_time_a_command_gets_is_limited(kit_context: KitContext) -> None:
    assert (await run(kit_context, "true", timeout=1801)).error
    assert (await run(kit_context, "true", timeout=0)).error


async def test_git_shows_the_workspace_inside(
    contexts: Contexts, repository_with: Callable[[dict[str, str]], Path]
) -> None:
    from beth_kit.workspace.repository import RequestRepository

    users = repository_with({"a.txt": "one\n"})
    await RequestRepository.open(contexts.home, "r1", repo=str(users))
    reply = await run(contexts.make(), "echo two >> a.txt; git status --short; git log --format=%s")
    assert reply.text == " M a.txt\nFirst\n[exit code 0]"


async def test_tools_run_on_where_a_tool_has_put_something_in_place_of_their_folders(contexts: Contexts) -> None:
    await run(contexts.make(), 'rm -rf "$TMPDIR"; ln -s /nowhere "$TMPDIR"')
    reply = await run(contexts.make(), 'touch "$TMPDIR/x" && echo fine')
    assert reply.text == "fine\n[exit code 0]"
