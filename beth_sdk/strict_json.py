"""Strict JSON, read and written: what every reader in every language takes the same way, and nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

from beth_sdk.errors import InvalidMessage, MessageTooLarge
from beth_sdk.messages import MAX_DEPTH, MAX_MESSAGE_BYTES

_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(body: bytes, *, what: str = "message", limit: int | None = MAX_MESSAGE_BYTES) -> Any:
    """The JSON values in UTF-8 bytes. `what` names the document in errors.

    Refused besides what is no JSON: a key twice in an object, NaN and infinities, numbers that no double can hold,
    halves of surrogate pairs, more than `MAX_DEPTH` levels, more than `limit` bytes.

    Raises `InvalidMessage`, with the path of what is refused, or `MessageTooLarge`.
    """
    if limit is not None and len(body) > limit:
        raise MessageTooLarge(len(body), limit, what=what)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage("$", body[:60], f"UTF-8 (byte {error.start} is not)", message=what) from None
    try:
        document = _fast.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error, what) from None
    except _NotStrictError:
        raise _flaw(text, what) from None
    except RecursionError:
        raise _too_deep(what) from None
    # Most documents have too few brackets to be too deep, and no escape that could be half of a pair.
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(document, MAX_DEPTH):
        raise _too_deep(what)
    if "\\ud" in text or "\\uD" in text:
        _refuse_surrogates(document, what)
    return document


def dumps(document: Any, *, limit: int | None = MAX_MESSAGE_BYTES, what: str = "message") -> bytes:
    """Compact UTF-8 JSON. Raises `MessageTooLarge` over `limit` bytes; ValueError for NaN, infinities and halves of
    surrogate pairs; TypeError for what is no JSON value."""
    body = _compact.encode(document).encode("utf-8")
    if limit is not None and len(body) > limit:
        raise MessageTooLarge(len(body), limit, what=what)
    return body


def path(parts: Iterable[str | int]) -> str:
    """Keys and indices as a JSONPath, such as `$.inputs[0].kind` (RFC 9535, dotted where a key allows it)."""
    return "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if _PLAIN_KEY.search(part) else f"[{part!r}]"
        for part in parts
    )


def walk(document: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value in a document with its path, outer ones first, in the document's order; without recursion."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while waiting:
        where, value = waiting.pop()
        yield where, value
        if isinstance(value, dict):
            waiting.extend(((*where, key), inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend(((*where, index), value[index]) for index in reversed(range(len(value))))


def not_json(document: Any, what: str) -> InvalidMessage | None:
    """What a document read from something else than JSON (TOML, code) holds that JSON cannot say, if anything."""
    for where, value in walk(document):
        if isinstance(value, float) and not math.isfinite(value):
            return InvalidMessage(path(where), value, FINITE, message=what)
        if not isinstance(value, str | int | float | list | dict | None):
            return InvalidMessage(path(where), str(value), "a JSON value; put dates in quotes", message=what)
    return None


FINITE: Final = "a finite number: JSON has no NaN and no infinities"
_ONCE = "each key once in an object"
_DOUBLE = "a number that fits a double"
_PLAIN_KEY = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")


class _NotStrictError(Exception):
    """Python's parser would have let it pass."""


# What reads fast does not know where it is, so it only stops; what then reads again puts a mark in the place.


class _Mark:
    def __init__(self, value: str, accepted: str, *key: str) -> None:
        self.value = value
        self.accepted = accepted
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotStrictError
    return found


def _constant(_: str) -> NoReturn:
    raise _NotStrictError


def _float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise _NotStrictError
    return value


def _integer(literal: str) -> int:
    if len(literal) > 308:  # shorter ones fit; and Python refuses to read very long ones
        _float(literal)
    return int(literal)


def _object_or_mark(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Mark:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            return _Mark(key, _ONCE, key)
        keys.add(key)
    return dict(pairs)


def _float_or_mark(literal: str) -> float | _Mark:
    value = float(literal)
    return _Mark(literal[:40], _DOUBLE) if math.isinf(value) else value


_fast = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer)
_marking = json.JSONDecoder(
    object_pairs_hook=_object_or_mark,
    parse_constant=lambda literal: _Mark(literal, FINITE),
    parse_float=_float_or_mark,
    parse_int=_float_or_mark,
)
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _flaw(text: str, what: str) -> InvalidMessage:
    try:
        document = _marking.decode(text)
    except json.JSONDecodeError as error:
        return _not_json(text, error, what)
    except RecursionError:
        return _too_deep(what)
    where, mark = next((where, value) for where, value in walk(document) if isinstance(value, _Mark))
    if len(where) > MAX_DEPTH:
        return _too_deep(what)
    return InvalidMessage(path((*where, *mark.key)), mark.value, mark.accepted, message=what)


def _not_json(text: str, error: json.JSONDecodeError, what: str) -> InvalidMessage:
    near = text[max(0, error.pos - 20) : error.pos + 20]
    if text.startswith("\ufeff"):
        return InvalidMessage("$", near, "JSON (without a byte order mark)", message=what)
    reason = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
    return InvalidMessage("$", near, f"JSON ({reason})", message=what)


def _too_deep(what: str) -> InvalidMessage:
    return InvalidMessage("$", "...", f"at most {MAX_DEPTH} levels of nesting", message=what)


def _deeper_than(document: Any, limit: int) -> bool:
    level: list[Any] = [document]
    for _ in range(limit):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        if not inner:
            return False
        level = inner
    return any(isinstance(value, dict | list) for value in level)


def _refuse_surrogates(document: Any, what: str) -> None:
    for where, value in walk(document):
        for text in (value, *where[-1:]):
            if isinstance(text, str) and _SURROGATE.search(text):
                shown = path(part if isinstance(part, int) else _shown(part) for part in where)
                raise InvalidMessage(shown, _shown(text), "text without halves of surrogate pairs", message=what)


def _shown(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii") if _SURROGATE.search(text) else text
