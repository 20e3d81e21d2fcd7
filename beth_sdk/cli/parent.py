"""Ending with the process that started this one, however that ended: what `beth up` promises of its children."""

from __future__ import annotations

import os
import signal
import sys
import threading

from beth_sdk.errors import ConfigurationError

_PR_SET_PDEATHSIG = 1
"""prctl(2), Linux."""


def die_with_parent(descriptor: int) -> None:
    """Kill this process at once when the parent ends. To be called from the main thread.

    `descriptor` is the reading end of a pipe of which the parent alone has the other end and into which nobody writes:
    it comes to its end when the parent does. On Linux the kernel is asked too, because that works even while this
    process is stopped. Nothing is put in order first; everything here is made to be killed at any moment.

    Raises `ConfigurationError` for a descriptor that is not open.
    """
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only parameter
    except OSError:
        raise ConfigurationError(f"--parent-pipe: {descriptor} is not open; only `beth up` gives this option") from None
    if sys.platform == "linux":
        _ask_the_kernel()
    threading.Thread(target=_watch, args=(descriptor,), name="beth-parent", daemon=True).start()


def _ask_the_kernel() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    finally:
        os.kill(os.getpid(), signal.SIGKILL)
