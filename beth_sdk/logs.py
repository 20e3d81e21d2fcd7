"""Structured logs on top of the standard library's: a message and fields, as text for people or JSON for machines."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, TextIO, TypeAlias

from beth_sdk.messages import timestamp
from beth_sdk.redact import redact
from beth_sdk.settings import Settings, unknown_variables

ExcInfo: TypeAlias = (
    bool
    | BaseException
    | tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
    | None
)

_OWN_KEYS = frozenset({"time", "level", "logger", "message", "exception"})
_PLAIN = re.compile(r"[^\s\"'=\x00-\x1f\x7f-\x9f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Log:
    """Writes records whose `fields` are apart from the message. Passwords in URLs are taken out beforehand.

    Whoever handles the standard library's records themselves finds the fields as `record.fields`.
    """

    __slots__ = ("_fields", "_logger")

    def __init__(self, logger: logging.Logger, fields: Mapping[str, Any] | None = None) -> None:
        self._logger = logger
        self._fields = dict(fields or {})

    def bind(self, **fields: Any) -> Log:
        """A log that adds these fields to each of its records."""
        return Log(self._logger, {**self._fields, **fields})

    def debug(self, message: str, /, *, exc_info: ExcInfo = None, **fields: Any) -> None:
        self._write(logging.DEBUG, message, exc_info, fields)

    def info(self, message: str, /, *, exc_info: ExcInfo = None, **fields: Any) -> None:
        self._write(logging.INFO, message, exc_info, fields)

    def warning(self, message: str, /, *, exc_info: ExcInfo = None, **fields: Any) -> None:
        self._write(logging.WARNING, message, exc_info, fields)

    def error(self, message: str, /, *, exc_info: ExcInfo = None, **fields: Any) -> None:
        self._write(logging.ERROR, message, exc_info, fields)

    def exception(self, message: str, /, *, exc_info: ExcInfo = True, **fields: Any) -> None:
        """An error with the exception that is being handled."""
        self._write(logging.ERROR, message, exc_info, fields)

    def _write(self, level: int, message: str, exc_info: ExcInfo, fields: dict[str, Any]) -> None:
        if not self._logger.isEnabledFor(level):
            return
        told = {name: _redacted(value) for name, value in {**self._fields, **fields}.items()}
        # A lone % in the message is no placeholder, as there are no arguments. Level 3 is the caller of info().
        self._logger.log(level, redact(message), exc_info=exc_info, extra={"fields": told}, stacklevel=3)


def get(name: str) -> Log:
    """The log of a module: `log = logs.get(__name__)`."""
    return Log(logging.getLogger(name))


def configure(
    settings: Settings, *, role: str | None = None, instance: str | None = None, stream: TextIO | None = None
) -> None:
    """Send all records of this process to `stream` (default: standard error), in the format and from the level on
    that the settings say.

    `role` and `instance` stand in every record. Calling it again replaces what it did before.
    """
    stream = sys.stderr if stream is None else stream
    common = {name: value for name, value in (("role", role), ("instance", instance)) if value is not None}
    chosen = settings.log_format
    if chosen == "auto":
        chosen = "text" if stream.isatty() else "json"
    handler = _Handler(stream)
    handler.setFormatter(TextFormatter(common) if chosen == "text" else JsonFormatter(common))
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())


def warn_of_unknown_variables(environ: Mapping[str, str] | None = None, *, also: Iterable[str] = ()) -> None:
    """Log a warning for each `BETH_…` variable that nothing reads; `also` are names that others than the SDK read."""
    for name, nearest in unknown_variables(os.environ if environ is None else environ, also=also):
        hint: dict[str, Any] = {} if nearest is None else {"nearest": nearest}
        get(__name__).warning("nothing reads this environment variable", variable=name, **hint)


class _Handler(logging.StreamHandler[TextIO]):
    """Tells our handler from those of others."""


class _Formatter(logging.Formatter):
    def __init__(self, common: Mapping[str, Any]) -> None:
        super().__init__()
        self.common = dict(common)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        return {**self.common, **getattr(record, "fields", {})}

    def exception(self, record: logging.LogRecord) -> str | None:
        if record.exc_info:
            return redact(self.formatException(record.exc_info))
        return record.exc_text and redact(record.exc_text)


class TextFormatter(_Formatter):
    """`time level message key=value …` in one line; a traceback follows it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_shown(value)}" for name, value in self.fields(record).items())
        message = _one_line(redact(record.getMessage()))
        line = f"{timestamp(record.created)} {record.levelname.lower():<7} {message}{fields}"
        exception = self.exception(record)
        if exception is None:
            return line
        return "\n    ".join((line, *(_one_line(part) for part in exception.splitlines())))


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, message, the fields, and exception where there is one.

    A field with one of these names is written with an underscore after it.
    """

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in self.fields(record).items():
            document[f"{name}_" if name in _OWN_KEYS else name] = _json_value(value)
        exception = self.exception(record)
        if exception is not None:
            document["exception"] = exception
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    return value


def _json_value(value: Any) -> Any:
    """What JSON can hold of a value; anything else as its text, so that a log line is never lost to its fields."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_value(inner) for inner in value]
    return redact(str(value))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    plain = _json_value(value)
    if isinstance(plain, str):
        return plain if _PLAIN.fullmatch(plain) else json.dumps(plain, ensure_ascii=False)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _one_line(text: str) -> str:
    """Control characters escaped: nobody forges a line, or steers a terminal, through a message."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
