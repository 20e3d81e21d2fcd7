"""A role's memory by URL: a folder of SQLite files, or the journal."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path

from beth_kit.memory.base import Memory, MemoryLimits
from beth_kit.memory.journal import JournalMemory
from beth_kit.memory.secrets import secrets_in
from beth_kit.memory.sqlite import SQLiteMemory
from beth_sdk import openers
from beth_sdk.clock import Clock
from beth_sdk.errors import SettingError, UnknownScheme
from beth_sdk.patterns import ROLE_PATTERN
from beth_sdk.redact import hidden
from beth_sdk.settings import Settings

MEMORY_URL = "BETH_MEMORY_URL"
"""Where roles keep their notes; also as BETH_MEMORY_URL_FILE."""

ACCEPTED = (
    "a folder, as sqlite:///relative/ or sqlite:////absolute/; journal: for the journal of BETH_JOURNAL_URL; "
    "journal:URL for another"
)


def open_memory(
    url: str | Path | None,
    role: str,
    *,
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    limits: MemoryLimits | None = None,
) -> Memory:
    """The memory of a role. `url`: a folder, a URL as BETH_MEMORY_URL may hold it, or None for what that variable
    says (default: `memory/` in BETH_HOME). Nothing is read, made or connected before the first call of the memory,
    and a journal is then opened for it alone: an agent shares no loop with its worker's.

    What variables such as OPENAI_API_KEY hold in `environ` (default: this process's) is never stored. Raises
    `SettingError`, `UnknownScheme`, and `ValueError` for a role that cannot be one.
    """
    if re.search(ROLE_PATTERN, role) is None:
        raise ValueError(f"{role!r} is not the name of a role")
    environ = os.environ if environ is None else environ
    secrets = secrets_in(environ)
    place = _place(url if url is not None else _variable(environ), settings)
    if isinstance(place, Path):
        return SQLiteMemory(place / f"{role}.db", clock=clock, limits=limits, secrets=secrets)
    scheme = place.partition("://")[0]
    if scheme not in openers.schemes(openers.JOURNALS):
        raise UnknownScheme("journal", hidden(scheme), openers.schemes(openers.JOURNALS))
    connect = functools.partial(openers.open_journal, place, clock=clock)
    return JournalMemory(connect, role, clock=clock, limits=limits, secrets=secrets)


def _place(url: str | Path, settings: Settings) -> str | Path:
    """A folder, or the URL of a journal."""
    if isinstance(url, Path):
        return url.absolute()
    if not url:
        return settings.home / "memory"
    if url.startswith("journal:"):
        return url.removeprefix("journal:") or settings.journal_url
    folder = re.fullmatch(r"sqlite:///([^?\0]+/)", url)
    if folder is None:
        raise SettingError(MEMORY_URL, hidden(url), ACCEPTED)
    return Path(folder[1]).expanduser().absolute()


def _variable(environ: Mapping[str, str]) -> str:
    text, file = environ.get(MEMORY_URL, ""), environ.get(f"{MEMORY_URL}_FILE", "")
    if not file:
        return text
    if text:
        raise SettingError(f"{MEMORY_URL}_FILE", file, f"nothing while {MEMORY_URL} is set too: unset one of the two")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise SettingError(f"{MEMORY_URL}_FILE", file, "the path of a file of UTF-8 text that can be read") from None
