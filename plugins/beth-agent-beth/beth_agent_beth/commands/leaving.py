"""Leaving: this process ends when its command has said everything, whatever agents have left running in it."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

EXIT_GRACE = 2.0
"""Seconds the interpreter may take to exit: it would wait for threads that agent code left behind, however long those
take."""


def leave(code: int) -> NoReturn:
    """Exit with this code, soon."""
    end_soon(code)
    raise SystemExit(code)


def end_soon(code: int) -> None:
    """Have this process end with this code even where it could not by itself."""

    def at_once() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(EXIT_GRACE, at_once)
    timer.daemon = True
    timer.start()
