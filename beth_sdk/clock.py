"""Time, injected: whoever waits or dates something takes a `Clock`, so that tests move time instead of sleeping."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Three different times. Leases live on `monotonic` and are void on another `boot_id`; dates live on `wall`."""

    def wall(self) -> float:
        """Seconds since the Unix epoch, UTC. May jump; only for dates that people read and for dates they set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment of this boot, the same for all processes of a machine. Never jumps, and
        stands still while a laptop sleeps, so that a suspend does not expire every lease at once."""
        ...

    @property
    def boot_id(self) -> str:
        """Names this boot of the machine: a `monotonic` value means nothing under another one."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` on `monotonic`."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    @property
    def boot_id(self) -> str:
        return _boot_id()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


async def wait_for_event(clock: Clock, event: asyncio.Event, at_most: float) -> bool:
    """Wait until `event` is set or `at_most` seconds have passed; returns whether it is set."""
    if event.is_set() or at_most <= 0:
        return event.is_set()
    waiter = asyncio.ensure_future(event.wait())
    sleeper = asyncio.ensure_future(clock.sleep(at_most))
    try:
        await asyncio.wait({waiter, sleeper}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
        sleeper.cancel()
    return event.is_set()


@functools.cache
def _boot_id() -> str:
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    # Without a boot id a reboot cannot be told from a running machine; leases then simply run out.
    return "unknown"
