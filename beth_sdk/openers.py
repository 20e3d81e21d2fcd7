"""Buses and journals by URL: the scheme names an entry point, and only the one that is used gets imported."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from typing import Any, cast

from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.entry_points import distribution_of, entry_points, reason_of
from beth_sdk.errors import PluginError, UnknownScheme
from beth_sdk.journal.base import Journal
from beth_sdk.redact import redact

BUSES = "beth.buses"
JOURNALS = "beth.journals"

DEFAULT_RETENTION = 30 * 86_400.0
"""Seconds that a topic keeps a message, as BETH_RETENTION has it by default."""


async def open_bus(url: str, *, clock: Clock | None = None, retention: float = DEFAULT_RETENTION) -> Bus:
    """The bus at a URL; `retention` in seconds.

    Raises `UnknownScheme`, `PluginError` where its client is not installed, and `BusUnavailable`.
    """
    opener = _opener(BUSES, "bus", url)
    return cast("Bus", await opener(url, clock=clock, retention=retention))


async def open_journal(url: str, *, clock: Clock | None = None) -> Journal:
    """The journal at a URL. Raises `UnknownScheme`, `PluginError` where its client is not installed, and
    `JournalUnavailable`."""
    opener = _opener(JOURNALS, "journal", url)
    return cast("Journal", await opener(url, clock=clock))


def schemes(group: str) -> list[str]:
    """The URL schemes that entry points of `beth.buses` or `beth.journals` are declared for."""
    return sorted({entry_point.name for entry_point in entry_points(group)[0]})


def _opener(group: str, kind: str, url: str) -> Any:
    scheme, separator, _ = url.partition("://")
    for entry_point in entry_points(group)[0]:
        if separator and entry_point.name == scheme:
            return _imported(entry_point)
    raise UnknownScheme(kind, scheme if separator else redact(url), schemes(group))


def _imported(entry_point: EntryPoint) -> Any:
    distribution = distribution_of(entry_point)
    try:
        return entry_point.load()
    except (Exception, SystemExit) as error:
        reason = f"{entry_point.value} cannot be loaded: {reason_of(error)}"
        extra = _extra(entry_point)
        if extra is not None and isinstance(error, ImportError):
            missing = error.name or "its client"
            reason = f"needs {missing}, which is not installed: pip install '{distribution}[{extra}]'"
        raise PluginError(entry_point.group, entry_point.name, distribution, reason) from error


def _extra(entry_point: EntryPoint) -> str | None:
    """The extra of the distribution that brings a backend's client: the one its entry point names in brackets, else
    the one called like its scheme or its module."""
    named = re.search(r"\[\s*([\w.-]+)", entry_point.value)  # the standard library takes my-extra for two
    if named is not None:
        return named[1]
    offered = (entry_point.dist.metadata.get_all("Provides-Extra") or []) if entry_point.dist else []
    module = entry_point.module.rpartition(".")[2]
    return next((name for name in (entry_point.name, module) if name in offered), None)
