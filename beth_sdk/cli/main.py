"""`beth`: the table of the SDK's commands, and the function behind the console script."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

import click

from beth_sdk import __version__
from beth_sdk.cli.failure import guarded
from beth_sdk.cli.group import AGENTS, CONTRACT, MACHINE, TASKS_AND_QUEUES, BethGroup, Deferred

_TASK = "beth_sdk.cli.completing:TASK"
_ROLE = "beth_sdk.cli.completing:roles"
_SHELL = "beth_sdk.cli.completing:shells"

OWN = {
    "log": Deferred("beth_sdk.cli.log:log", "What happened to a task, from its journal.", TASKS_AND_QUEUES, _TASK),
    "tell": Deferred("beth_sdk.cli.tell:tell", "Leave a note for a running task.", TASKS_AND_QUEUES, _TASK),
    "stats": Deferred("beth_sdk.cli.stats:stats", "How much waits in each queue.", TASKS_AND_QUEUES),
    "dead": Deferred("beth_sdk.cli.dead:dead", "Dead letters: tasks that were given up on.", TASKS_AND_QUEUES),
    "agents": Deferred("beth_sdk.cli.agents:agents", "Every installed agent, broken ones with their error.", AGENTS),
    "up": Deferred("beth_sdk.cli.up:up", "Run every installed agent, each in a process of its own.", AGENTS, _ROLE),
    "serve": Deferred("beth_sdk.cli.serve:serve", "Run one agent in this process, as a container does.", AGENTS, _ROLE),
    "health": Deferred("beth_sdk.cli.health:health", "Whether the service here is well, for a container.", AGENTS),
    "new": Deferred("beth_sdk.cli.new:new", "Make something new: an agent's package.", AGENTS),
    "schema": Deferred("beth_sdk.cli.schema:schema", "The message contract: show it, check files.", CONTRACT),
    "completion": Deferred(
        "beth_sdk.cli.completion:completion", "What your shell needs to complete commands and ids.", MACHINE, _SHELL
    ),
    "doctor": Deferred("beth_sdk.cli.doctor:doctor", "Check this machine and what is installed on it.", MACHINE),
    "paths": Deferred("beth_sdk.cli.paths:paths", "Where Beth keeps its files.", MACHINE),
    "clean": Deferred("beth_sdk.cli.clean:clean", "Delete files that are not needed any more.", MACHINE),
}
"""The SDK's commands, each with the module it is in; a test holds the help lines against the commands' own."""

EPILOG = """\
\b
Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration
  3    cancelled
  4    waits for an answer
  130  interrupted
An error is one line on standard error, with --json too, whose standard output is empty then.

\b
Completion of commands, options, ids and roles in your shell:
  bash  eval "$(beth completion bash)"
  zsh   eval "$(beth completion zsh)"
  fish  beth completion fish | source
"""


@click.group(
    cls=BethGroup,
    own=OWN,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="beth", message="%(prog)s %(version)s")
@click.pass_context
def beth(ctx: click.Context) -> None:
    """A team of AI agents on a message bus: tasks that are never lost and never done twice."""
    if os.environ.get("NO_COLOR"):  # no-color.org: present and not empty
        ctx.color = False


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (default: this process's) and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a character is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    sys.exit(guarded(lambda: beth.main(arguments, prog_name="beth", standalone_mode=False)))


if __name__ == "__main__":
    main()
