"""The process between an agent and a tool: locks the tool in, starts it, and sees to it that nothing of it survives.

Run by path, as `python -I -S launch.py CONTROL SPEC`: two descriptors, the one end of a socket pair and a file with
what to do (see `run.spec`). This process is the tool's supervisor. It stays outside the sandbox, is the reaper of every
orphan among its descendants (prctl(2), PR_SET_CHILD_SUBREAPER), so that neither setsid nor a double fork leads away
from it, and kills them all when the tool ends, goes over a limit, on SIGTERM, or when CONTROL comes to its end, however
the agent ended.
It has one thread until the tool runs, since Landlock and seccomp bind only the thread that asks for them, and imports
little, to be fast. It writes to CONTROL: `ended CODE OVER LEFT REFUSED` (a signal's negative number, the limit that
was passed, how many processes would not die, how often something was refused; `-` for none) and a line for each refusal
(see `refusals.Refusals.lines`), or `error ERRNO TEXT` where the tool was not started; in doubt, it is not.
"""

# ruff: noqa: PTH120

from __future__ import annotations

import marshal
import os
import sys

# Beside this file, and out of the search path of an isolated Python.
sys.path.insert(0, os.path.dirname(__file__))

import supervise  # type: ignore[import-not-found,unused-ignore]


def main(arguments: list[str]) -> None:
    """Run the tool to its end. Never raises for what the tool does."""
    control, spec_file = int(arguments[0]), int(arguments[1])
    os.set_inheritable(control, False)  # noqa: FBT003 - its only parameter
    with os.fdopen(spec_file, "rb") as file:
        spec = marshal.load(file)  # noqa: S302 - from the agent itself
    for held in spec["held"]:  # open until this process ends, and in no other
        os.set_inheritable(held, False)  # noqa: FBT003 - its only parameter
    report = supervise.report(control, spec)
    try:
        os.write(control, report.encode())
    except OSError:  # the agent is gone, there is nobody to tell
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
