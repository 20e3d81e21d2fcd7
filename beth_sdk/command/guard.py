"""The small process between a worker and a command: it runs the command and sees to it that nothing survives.

Run by path, as `python -I -S guard.py FD PROGRAM [ARGUMENT …]`, as the leader of a process group of its own. FD is one
end of a socket pair whose other end only the worker has. The guard starts the command in its own group, writes one line
to FD that says how it ended (`exit 3`, `signal 15`, or `error 2` where it could not be started, with the errno), and
kills the group, so that no child of the command stays behind. When the worker dies, however it dies, FD comes to its
end, and the guard kills the group at once. It imports nothing but a few modules of the standard library, to start fast.
"""

from __future__ import annotations

import os
import select
import signal
import sys

# Python ignores these, and an ignored signal stays ignored in the command, where a broken pipe has to end it.
IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]

# Meant for the command, which is in the same group: the guard outlives them to report how the command took them.
MEANT_FOR_THE_COMMAND = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


def main(arguments: list[str]) -> None:
    """Run the command to its end, or to the worker's. Ends by killing its own process group."""
    control = int(arguments[0])
    os.set_inheritable(control, False)  # noqa: FBT003 - its only parameter
    woken = _wake_on_signals()
    try:
        # From one thread, with every signal unblocked, and in the caller's PATH, which is the command's own.
        child = os.posix_spawnp(arguments[1], arguments[1:], os.environ, setsigmask=[], setsigdef=IGNORED_BY_PYTHON)
    except OSError as error:
        _report(control, f"error {error.errno}")
        return
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if control in ready:  # only its end can make it readable: the worker is gone
            break
        os.read(woken, 4096)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            _report(control, f"exit {code}" if code >= 0 else f"signal {-code}")
            break
    os.kill(0, signal.SIGKILL)


def _wake_on_signals() -> int:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in [signal.SIGCHLD, *MEANT_FOR_THE_COMMAND]:
        # A handler, not SIG_IGN: handlers are not passed on to the command.
        signal.signal(number, lambda _number, _frame: None)
    return woken


def _report(control: int, line: str) -> None:
    try:
        os.write(control, line.encode("ascii"))
    except OSError:  # the worker is gone, there is nobody to tell
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
