"""The table of environment variables, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from beth_sdk.patterns import TOPIC_PATTERN

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,3})?"
DURATION_PATTERN = rf"^(?:{_NUMBER}|(?:{_NUMBER}(?:ms|[dhms])){{1,5}})$(?!\n)"
"""Numbers of days, hours, minutes, seconds and milliseconds that are added up, or a bare number of seconds."""

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}

BUS_ONLY = frozenset({"amqp", "amqps", "kafka"})
"""Schemes of servers that keep no journal; those of the others are bus and journal at once."""

_SERVERS = frozenset({"redis", "rediss", "nats", *BUS_ONLY})

LogFormat: TypeAlias = Literal["auto", "text", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


def parse_duration(text: str) -> float:
    """Seconds in `60s`, `1500ms`, `4h`, `2d`, `1h30m` or `90` (a bare number is seconds). Raises ValueError."""
    if re.search(DURATION_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 1500ms, 4h, 2d or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9.]+)(ms|[dhms]?)", text))


# -- what a variable may hold -----------------------------------------------------------------


def _server_url(text: str) -> str:
    found = re.match(r"^([a-z][a-z0-9+.-]*)://([^/?#]*)(.*)$(?!\n)", text)
    if found is None or re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError
    scheme, authority, rest = found.groups()
    if scheme == "sqlite" and (authority or rest in {"", "/"}):
        raise ValueError
    if scheme not in _SERVERS:
        return text
    if re.search(r"\s", text):
        raise ValueError
    # What follows an @ after the first slash is the host of a URL whose password has a bare slash in it.
    if "@" in rest.partition("?")[0]:
        raise ValueError
    for address in authority.rpartition("@")[2].split(","):
        host = re.search(r"^(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?$", address)
        if host is None or not 0 < int(host[1] or "1") < 65_536:
            raise ValueError
    return text


def _http_url(text: str) -> str:
    if re.search(r"^https?://[^/?#\s]+[^\s]*$(?!\n)", text) is None:
        raise ValueError
    return text


def _topic(text: str) -> str:
    if len(text) > 128 or re.search(TOPIC_PATTERN, text) is None:
        raise ValueError
    return text


def _topics(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(_topic(name.strip()) for name in text.split(",") if name.strip()))
    if not found:
        raise ValueError
    return found


def _name(text: str) -> str:
    if re.search(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$(?!\n)", text) is None:
        raise ValueError
    return text


def _model(text: str) -> str:
    if len(text) > 256 or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError
    return text


def _count(text: str) -> int:
    if re.search(r"^[0-9]{1,4}$(?!\n)", text) is None or not 1 <= int(text) <= 1000:
        raise ValueError
    return int(text)


def _span(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError
    return seconds


def _directory(text: str) -> Path:
    path = _path(text)
    if path.exists() and not path.is_dir():
        raise ValueError
    return path


def _file(text: str) -> Path:
    path = _path(text)
    if path.is_dir():
        raise ValueError
    return path


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~somebody who does not exist
        raise ValueError from error


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError
        return text.lower()

    return parse


# -- the table --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: the `field` of `Settings` it sets, its `default` in words, what it means, what it
    accepts, and the parser that raises ValueError for anything else."""

    name: str
    field: str
    default: str
    meaning: str
    accepted: str
    parse: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class DeclaredVariable:
    """A variable that a plugin reads: its `default` in words, what it means, what it accepts. `secret`: it may hold
    one, and may therefore also be given as NAME_FILE.

    An entry point of the group `beth.variables` names an iterable of these (`module:attribute`), so that the variables
    are documented and nobody is warned of them.
    """

    name: str
    default: str
    meaning: str
    accepted: str
    secret: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Under which it may be set."""
        return (self.name, f"{self.name}_FILE") if self.secret else (self.name,)


_URL = "a URL scheme://[user:password@]host[:port][/path], with /, @ and : in a password percent-encoded"
_BUS_URL = f"{_URL}; or a file, as sqlite:///relative.db or sqlite:////absolute.db"
_DURATION = "a duration over zero such as 90s, 1500ms, 4h, 2d or 1h30m"
_COUNT = "a whole number from 1 to 1000"
_NAME = "1 to 128 letters, digits, dots, dashes or underscores, a letter or digit first"
_TOPIC = "a name of letters and digits joined by single dots, dashes or underscores, at most 128 characters"

VARIABLES: tuple[Variable, ...] = (
    Variable(
        "MESSAGE_BUS_URL",
        "bus_url",
        "the file beth.db in BETH_HOME",
        "The message bus.",
        _BUS_URL,
        _server_url,
    ),
    Variable(
        "BETH_JOURNAL_URL",
        "journal_url",
        "the bus's server where that keeps journals (sqlite, memory, postgresql, redis, rediss, nats); "
        "the file beth.db in BETH_HOME for amqp and kafka on this machine",
        "The journal: who holds a task, and every fact about it. Required for amqp and kafka on another machine.",
        _BUS_URL,
        _server_url,
    ),
    Variable(
        "LLM_PROVIDER",
        "llm_provider",
        "the manifest's",
        "The provider of the language model; wins over the manifest.",
        _NAME,
        _name,
    ),
    Variable(
        "LLM_MODEL",
        "llm_model",
        "the manifest's",
        "The language model; wins over the manifest.",
        "the model's name as its provider spells it: no blanks, at most 256 characters",
        _model,
    ),
    Variable(
        "LLM_BASE_URL",
        "llm_base_url",
        "the provider's",
        "Where the model is served, for a provider of your own.",
        "a URL that begins with http:// or https://",
        _http_url,
    ),
    Variable(
        "SUBSCRIBE_TOPICS",
        "subscribe_topics",
        "tasks.<role> and the role's aliases",
        "The queues a worker takes tasks from, separated by commas.",
        f"names separated by commas, each {_TOPIC}",
        _topics,
    ),
    Variable(
        "PUBLISH_TOPIC",
        "publish_topic",
        "results.beth",
        "The topic for the result of a task that has no reply_to.",
        _TOPIC,
        _topic,
    ),
    Variable(
        "BETH_HOME",
        "home",
        "$XDG_DATA_HOME/beth, or ~/.local/share/beth",
        "The directory that Beth keeps its files in.",
        "the path of a directory, which need not exist yet",
        _directory,
    ),
    Variable(
        "BETH_LEASE",
        "lease",
        "the manifest's",
        "How long a hold and a delivery live without being renewed; they are renewed at a third of it.",
        _DURATION,
        _span,
    ),
    Variable(
        "BETH_CONCURRENCY", "concurrency", "the manifest's", "How many tasks a worker runs at a time.", _COUNT, _count
    ),
    Variable(
        "BETH_MAX_ATTEMPTS",
        "max_attempts",
        "the manifest's",
        "After how many failed attempts a task that does not say so itself is dead.",
        _COUNT,
        _count,
    ),
    Variable(
        "BETH_RETENTION",
        "retention",
        "30d",
        "How long topics keep messages, and how long after a request's end its journals are archived.",
        _DURATION,
        _span,
    ),
    Variable(
        "BETH_STOP_GRACE",
        "stop_grace",
        "10m",
        "How long a worker that is told to stop waits for the steps that are running.",
        "a duration such as 90s, 10m or 0s",
        parse_duration,
    ),
    Variable(
        "BETH_LOG_FORMAT",
        "log_format",
        "auto: text on a terminal, json elsewhere",
        "How log lines are written.",
        "auto, text or json",
        _one_of("auto", "text", "json"),
    ),
    Variable(
        "BETH_LOG_LEVEL",
        "log_level",
        "info",
        "The least level that is logged.",
        "debug, info, warning or error",
        _one_of("debug", "info", "warning", "error"),
    ),
    Variable(
        "BETH_HEALTH_FILE",
        "health_file",
        "none",
        "A file that a worker touches while it is well, for a container's health check.",
        "the path of a file, which need not exist yet",
        _file,
    ),
    Variable(
        "BETH_INSTANCE",
        "instance",
        "made from the host's name and the process",
        "Names this process among those of its role.",
        _NAME,
        _name,
    ),
)
"""Every variable, in the order in which the reference documentation lists them."""
