"""The buses that chaos can be tried on: how processes reach each, and what can be done to it besides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from beth_sdk.settings import sqlite_url

Fault = Callable[[], Awaitable[None]]
"""Does something to a bus, and returns when it can be reached again."""


class ChaosBus(Protocol):
    """A bus with a journal, for one run."""

    async def start(self, folder: Path) -> None:
        """Bring it up; `folder` is empty, and the run's own."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """MESSAGE_BUS_URL and BETH_JOURNAL_URL."""
        ...

    @property
    def faults(self) -> Mapping[str, Fault]:
        """What can be done to it, by name: its server killed and started again, connections cut, and the like."""
        ...

    async def stop(self) -> None:
        """Take it down."""
        ...


class SQLiteChaosBus:
    """One file: there is no server that could be killed, and no connection that could be cut."""

    def __init__(self) -> None:
        self._url = ""

    async def start(self, folder: Path) -> None:
        self._url = sqlite_url(folder / "bus.db")

    @property
    def environment(self) -> Mapping[str, str]:
        return {"MESSAGE_BUS_URL": self._url, "BETH_JOURNAL_URL": self._url}

    @property
    def faults(self) -> Mapping[str, Fault]:
        return {}

    async def stop(self) -> None:
        return


BUSES: Mapping[str, Callable[[], ChaosBus]] = {"sqlite": SQLiteChaosBus}
"""By the name that `--bus` takes."""
