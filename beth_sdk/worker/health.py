"""Health of a service process: a small file it keeps fresh, and the check that a container runs on it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from beth_sdk.clock import Clock

FRESH_FOR = 30.0
"""Seconds after which a service that wrote nothing counts as stuck: whoever follows a topic hears of it every five."""

WRITE_EVERY = 5.0

# The standard library's: a container runs the check every few seconds, so this module imports little.
log = logging.getLogger(__name__)


class Health:
    """Writes the health file, at most every `WRITE_EVERY` seconds; without a path it does nothing."""

    def __init__(self, path: Path | None, role: str, instance: str, clock: Clock) -> None:
        self._path = path
        self._role = role
        self._instance = instance
        self._clock = clock
        self._written: float | None = None

    def alive(self, *, running: int) -> None:
        """The bus has just answered. A file that cannot be written is no reason to stop: it grows old, which is one to
        be restarted."""
        now = self._clock.monotonic()
        if self._path is None or (self._written is not None and now - self._written < WRITE_EVERY):
            return
        self._written = now
        document = {
            "role": self._role,
            "instance": self._instance,
            "pid": os.getpid(),
            "boot": self._clock.boot_id,
            "monotonic": now,
            "running": running,
        }
        beside = self._path.with_suffix(".new")
        try:
            beside.write_text(json.dumps(document), encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            fields = {"path": str(self._path), "error": str(error)}
            log.warning("the health file cannot be written", extra={"fields": fields})


def check(path: Path, clock: Clock) -> str | None:
    """What is wrong with the service that writes this file, or None when it is healthy."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        written, boot = float(document["monotonic"]), document["boot"]
    except FileNotFoundError:
        return f"{path} does not exist: the service has not started"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path} cannot be read: {error}"
    if boot != clock.boot_id:
        return f"{path} is from before the machine started"
    age = clock.monotonic() - written
    return f"the bus last answered {age:.0f} s ago" if age > FRESH_FOR else None
