"""`bash`: a command in the task's sandbox, and what came of it in words."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from beth_kit.context import KitContext
from beth_kit.sandbox.denial import Denial, from_output
from beth_kit.sandbox.policy import Limits, Network
from beth_kit.sandbox.run import Outcome
from beth_kit.tools.base import Tool, ToolReply, shortened, tool
from beth_kit.tools.install import setup_problem
from beth_kit.tools.readable import readable

LONGEST = 1800
"""Seconds that a command may be given."""

MOST_BYTES = 100_000
"""Of a command: Linux passes on no argument of more than 128 KiB (MAX_ARG_STRLEN, execve(2))."""

Seconds = Annotated[int, f"seconds after which it is killed, at most {LONGEST}", Field(ge=1, le=LONGEST)]

_NETWORKS = {
    "none": "There is no network.",
    "packages": "There is no network; packages come with the tool `install`.",
    "open": "The network is open.",
}

_NO_NETWORK = re.compile(
    r"could not resolve host|name or service not known|temporary failure in name resolution|EAI_AGAIN"
    r"|network is unreachable|getaddrinfo failed|ENOTFOUND",
    re.IGNORECASE,
)


_CUT = re.compile("\n\\[… ([0-9,]+) bytes left out …\\]\n".encode())
"""What stands where the sandbox kept no more of an output."""


def bash_tool(network: Network) -> Tool:
    """The tool for a role with this network. With an open one a command may have had an effect outside, so one that was
    cut off is not simply run again."""

    async def bash(
        ctx: KitContext,
        command: Annotated[str, "what bash runs; it has no input and no terminal"],
        timeout: Seconds = 120,  # noqa: ASYNC109 - of the command
    ) -> ToolReply:
        return await _run(ctx, command, timeout)

    bash.__doc__ = (
        "Run a command with bash in the workspace. Each call is a shell of its own: a changed directory or variable "
        "and processes in the background do not outlive it. You get the exit code, and stdout and stderr together, "
        "cut to their beginning and end where they are long. Only the workspace, $HOME and $TMPDIR can be written. "
        f"{_NETWORKS[network]} Git here is for looking: commits are made with the tool `commit`."
    )
    return tool(name="bash", repeat="told" if network == "open" else "safe")(bash)


async def _run(ctx: KitContext, command: str, timeout: int) -> ToolReply:  # noqa: ASYNC109 - of the command
    if "\0" in command:
        return ToolReply("bash: a command cannot hold a NUL character", error=True)
    if len(command.encode()) > MOST_BYTES:
        long = f"bash: the command has more than {MOST_BYTES:,} bytes; write it to a file with `edit`, and run that"
        return ToolReply(long, error=True)
    # One pipe for both, so that lines come in the order in which they were written.
    argv = ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", "/bin/bash", "-c", command]
    unprepared = await setup_problem(ctx)
    try:
        ended = await ctx.run(argv, seconds=timeout)
    except OSError as error:
        return ToolReply(f"bash: it did not run: {error.strerror or error}", error=True)
    output = readable(ended.stdout)
    refused = await _refused(ctx, ended, output)
    size = _size(ended.stdout, ctx.locks.limits)
    lines = [
        f"[{unprepared}]" if unprepared else "",
        shortened(output.rstrip("\n")),
        *size,
        *_status(ctx, ended, timeout),
        *_told(ctx, ended, refused, output),
    ]
    killed = ended.timed_out or ended.over_limit is not None
    return ToolReply("\n".join(line for line in lines if line), error=killed, data={"exit_code": ended.code})


async def _refused(ctx: KitContext, ended: Outcome, output: str) -> Sequence[Denial]:
    """What was refused, of a command that failed: one that worked did without. What programs say of it stands in the
    output here, and becomes an event too."""
    if not ctx.locks.enforced or ended.code == 0:
        return ()
    said = from_output(output.encode(), await ctx.policy())
    for denial in said:
        ctx.event("denied", str(denial), program="bash")
    if ctx.locks.network != "open" and (found := _NO_NETWORK.search(output)):
        ctx.event("denied", f"network: {found.group()}", program="bash")
    return (*ended.denials, *said)


def _size(printed: bytes, limits: Limits) -> list[str]:
    """Where even what was kept of the output is cut: how much there was."""
    cut = _CUT.match(printed, limits.output_bytes // 2)
    if cut is None:
        return []
    size = len(printed) - len(cut[0]) + int(cut[1].replace(b",", b""))
    return [f"[{size:,} bytes of output in all: write so much to a file, and look at parts of it]"]


def _status(ctx: KitContext, ended: Outcome, seconds: int) -> list[str]:
    lines = []
    if ended.timed_out:
        given = min(seconds, ctx.locks.limits.wall)
        longer = f"; it may be given up to {LONGEST}" if given < LONGEST else ""
        lines.append(f"[killed with all it started: it was not done after {given:g} seconds{longer}]")
    elif ended.over_limit is not None:
        limit = _limit(ended.over_limit, ctx.locks.limits)
        lines.append(f"[killed with all it started: over the limit of {limit}]")
    elif ended.code is None:
        lines.append("[killed from outside]")
    elif ended.code < 0:
        lines.append(f"[ended by signal {_signal(-ended.code)}]")
    else:
        lines.append(f"[exit code {ended.code}]")
    if ended.left:
        lines.append(f"[{ended.left} of its processes could not be killed]")
    return lines


def _told(ctx: KitContext, ended: Outcome, refused: Sequence[Denial], output: str) -> list[str]:
    lines = []
    closed = ctx.locks.enforced and ctx.locks.network != "open"
    if refused:
        shown = "; ".join(dict.fromkeys(str(one) for one in refused[:5]))
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        only = "only the workspace, $HOME and $TMPDIR can be written"
        network = "; the network is closed to this role" if closed else ""
        lines.append(f"[refused by the sandbox: {shown}{more}; {only}{network}]")
    elif closed and ended.code != 0 and _NO_NETWORK.search(output):
        lines.append("[refused by the sandbox: the network is closed to this role]")
    if closed and ctx.locks.network == "packages" and lines:
        lines.append("[for packages there is the tool `install`]")
    return lines


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _limit(name: str, limits: Limits) -> str:
    mebibyte = 1024 * 1024
    return {
        "processes": f"{limits.processes} processes and threads at once",
        "cpu": f"{limits.cpu_seconds} seconds of processor time of all processes together",
        "memory": f"{limits.memory_bytes // mebibyte:,} MiB of memory of all processes together",
        "disk": f"{limits.disk_bytes // mebibyte:,} MiB on disk",
    }.get(name, name)
