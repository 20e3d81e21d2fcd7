"""A request as it is given on the command line: words, a file of words, or a task file as the contract has it."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beth_sdk import schema
from beth_sdk.errors import ConfigurationError, MessageTooLarge
from beth_sdk.messages import MAX_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for."""

    description: str
    criteria: list[str] = field(default_factory=list)


def read_request(argument: str, criteria: Sequence[str]) -> Wanted:
    """What REQUEST|FILE means: `-` is standard input, a path that exists is a file, anything else the request itself.

    Raises `ConfigurationError`, `InvalidMessage`, `MessageTooLarge`.
    """
    if argument == "-":
        wanted = _from_bytes(sys.stdin.buffer.read(MAX_MESSAGE_BYTES + 1), "standard input")
    elif _is_file(argument):
        wanted = _from_bytes(_read(Path(argument)), argument)
    elif _looks_like_a_file(argument):
        raise ConfigurationError(f"{argument}: no such file")
    else:
        wanted = Wanted(argument.strip())
    if not wanted.description:
        source = {"-": "standard input", "": "the request"}.get(argument.strip(), argument)
        raise ConfigurationError(f"{source} is empty; say in words what shall be done")
    return Wanted(wanted.description, [*wanted.criteria, *criteria])


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MESSAGE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from None


def _from_bytes(body: bytes, source: str) -> Wanted:
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(len(body), MAX_MESSAGE_BYTES, what=f"beginning of {source}")
    body = body.removeprefix(codecs.BOM_UTF8)
    if body.lstrip()[:1] == b"{":
        return _from_document(schema.loads(body, what=source), source)
    try:
        return Wanted(body.decode("utf-8").strip())
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source}: not UTF-8 text") from None


def _from_document(document: dict[str, Any], source: str) -> Wanted:
    """A task file (its payload counts), or just `description` and `acceptance_criteria`."""
    payload = document.get("payload", document)
    description = payload.get("description") if isinstance(payload, dict) else None
    criteria = payload.get("acceptance_criteria", []) if isinstance(payload, dict) else []
    if not isinstance(description, str) or not description.strip():
        raise ConfigurationError(f"{source}: $.description is missing; it says in words what shall be done")
    if not isinstance(criteria, list) or not all(isinstance(one, str) for one in criteria):
        raise ConfigurationError(f"{source}: $.acceptance_criteria is not accepted; accepted: a list of strings")
    return Wanted(description.strip(), list(criteria))


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):
        return False  # a request may be longer than any path


def _looks_like_a_file(argument: str) -> bool:
    return " " not in argument.strip() and argument.endswith((".json", ".md", ".txt", ".toml"))
