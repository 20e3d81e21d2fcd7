"""Knowing that no program of a task runs any more, whoever started it: a lock that every launcher keeps until its end.

An agent that is killed cannot wait for its tools. Its launchers see that it is gone and end them, but as soon as the
machine lets them; and one that stands still for longer than its lease has tools that know nothing of that.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from beth_sdk.clock import Clock

GRACE = 2.0
"""Seconds that launchers whose agent was killed get to end by themselves: usually they take milliseconds."""

PATIENCE = 60.0
"""Seconds after which processes are left that will not end, as those do that wait for a disk that is gone."""

LOOK = 0.01


def inherited(told: Mapping[str, Any], theirs: ExitStack) -> tuple[int, ...]:
    """The descriptors that keep `Policy.held` locked, for a launcher; ours are closed with `theirs`. Raises OSError."""
    if told["held"] is None:
        return ()
    descriptor = os.open(told["held"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    theirs.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return (descriptor,)


async def alone(path: Path, clock: Clock) -> bool:
    """Wait until nothing runs that keeps `path` locked; after `GRACE`, launchers are told to end their programs.

    False where something is left after `PATIENCE`. Only for whoever holds the task: it ends what others started.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        began = clock.monotonic()
        told = False
        while not _free(descriptor):
            waited = clock.monotonic() - began
            if waited > PATIENCE:
                return False
            if waited > GRACE and not told:
                told = True
                await asyncio.to_thread(_end, descriptor)
            await clock.sleep(LOOK)
        return True
    finally:
        os.close(descriptor)


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(descriptor: int) -> None:
    """Have every process end that has the file open: a launcher kills what is below it first."""
    for pid in _holders(os.fstat(descriptor)):
        for number in (signal.SIGTERM, signal.SIGCONT):  # the second, for one that was stopped
            try:
                os.kill(pid, number)
            except OSError:
                pass


def _holders(file: os.stat_result) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            open_files = [one.stat() for one in (process / "fd").iterdir() if one.exists()]
        except OSError:  # gone, or somebody else's
            continue
        if any((one.st_dev, one.st_ino) == (file.st_dev, file.st_ino) for one in open_files):
            yield int(process.name)
