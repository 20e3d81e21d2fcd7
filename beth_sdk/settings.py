"""The environment as frozen settings: each variable also as NAME_FILE, wrong values refused in one line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from beth_sdk.errors import SettingError
from beth_sdk.redact import hidden, redact
from beth_sdk.variables import BUS_ONLY, VARIABLES, LogFormat, LogLevel, Variable, parse_duration

__all__ = ["VARIABLES", "Settings", "Variable", "parse_duration", "redact", "sqlite_url", "unknown_variables"]

_LOCAL = re.compile(r"^(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?$", re.IGNORECASE)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file: `sqlite:///` and the absolute path as it is, hence four slashes in a row."""
    return f"sqlite:///{path.absolute()}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """How a process was told to run. Durations in seconds; None: not said here, the manifest or a default decides."""

    bus_url: str
    journal_url: str
    home: Path
    llm_provider: str | None = None
    llm_model: str | None = None
    llm_base_url: str | None = None
    subscribe_topics: tuple[str, ...] = ()
    publish_topic: str | None = None
    lease: float | None = None
    concurrency: int | None = None
    max_attempts: int | None = None
    retention: float = 30 * 86_400.0
    stop_grace: float = 600.0
    log_format: LogFormat = "auto"
    log_level: LogLevel = "info"
    health_file: Path | None = None
    instance: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from variables (default: this process's). Raises `SettingError` for the first that is wrong."""
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {}
        for variable in VARIABLES:
            value = _parsed(variable, environ)
            if value is not None:
                found[variable.field] = value
        found.setdefault("home", _default_home(environ))
        embedded = sqlite_url(found["home"] / "beth.db")
        found.setdefault("bus_url", embedded)
        if "journal_url" not in found:
            found["journal_url"] = _default_journal(found["bus_url"], embedded)
        return cls(**found)

    def __repr__(self) -> str:
        shown = ", ".join(f"{one.name}={_shown(getattr(self, one.name))}" for one in fields(self))
        return f"Settings({shown})"


def unknown_variables(environ: Mapping[str, str], *, also: Iterable[str] = ()) -> list[tuple[str, str | None]]:
    """The `BETH_…` variables that nothing reads, each with the nearest name that something does, or None.

    `also`: names of variables that others than the SDK read, exactly as they read them.
    """
    own = {variable.name for variable in VARIABLES}
    known = own | {f"{name}_FILE" for name in own} | set(also)
    unknown = sorted(name for name in environ if name.startswith("BETH_") and name not in known)
    return [(name, next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)) for name in unknown]


def _parsed(variable: Variable, environ: Mapping[str, str]) -> Any:
    text, file = _text(variable.name, environ)
    if not text:
        return None
    try:
        return variable.parse(text)
    except ValueError:
        accepted = variable.accepted if file is None else f"{variable.accepted} (read from {file})"
        raise SettingError(variable.name, hidden(text), accepted) from None


def _text(name: str, environ: Mapping[str, str]) -> tuple[str, str | None]:
    text, file = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if not file:
        return text, None
    if text:
        raise SettingError(f"{name}_FILE", file, f"nothing while {name} is set too: unset one of the two")
    try:
        content = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise SettingError(f"{name}_FILE", file, f"the path of a file that can be read ({reason})") from None
    return content.removesuffix("\n").removesuffix("\r"), file


def _default_home(environ: Mapping[str, str]) -> Path:
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    if data and Path(data).is_absolute():
        return Path(data) / "beth"
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".local" / "share" / "beth"


def _default_journal(bus_url: str, embedded: str) -> str:
    scheme, _, rest = bus_url.partition("://")
    if scheme not in BUS_ONLY:
        return bus_url
    addresses = re.split("[/?#]", rest)[0].rpartition("@")[2].split(",")
    if all(_LOCAL.search(address) for address in addresses):
        return embedded
    raise SettingError(
        "BETH_JOURNAL_URL",
        "",
        f"a URL such as postgresql://…, redis://… or nats://…: {scheme} keeps no journal, and the workers on all "
        "machines need the same one",
    )


def _shown(value: object) -> str:
    return repr(redact(value) if isinstance(value, str) else value)
