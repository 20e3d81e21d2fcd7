"""What may be asked of a package registry: names and versions, and nothing that is an option, a path or an address."""

from __future__ import annotations

import re

_VERSION = r"(?:==|>=|<=|~=|!=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
_PYTHON = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\[[A-Za-z0-9][A-Za-z0-9._-]*(?:\s*,\s*[A-Za-z0-9][A-Za-z0-9._-]*)*\])?"
    rf"\s*(?:{_VERSION}(?:\s*,\s*{_VERSION})*)?"
)
"""A name, extras and versions of PEP 508: no marker, and no address after an @."""

_NODE = re.compile(
    r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*(?:@[\^~<>=]{0,2}[A-Za-z0-9][A-Za-z0-9.*+-]*)?"
)
"""A name, perhaps in a scope, and a version, a range or a tag: no alias, no address, no repository."""

LONGEST = 200
MOST = 50
"""Packages in one call."""


class RequirementRefused(ValueError):
    """What was asked for is no package of a registry; the words are for a model."""


def python(wanted: str) -> str:
    """A Python package as pip takes it. Raises `RequirementRefused`."""
    text = wanted.strip()
    if len(text) > LONGEST or _PYTHON.fullmatch(text) is None or _is_file(text, (".whl", ".zip", ".tar.gz")):
        raise RequirementRefused(
            f"{wanted[:LONGEST]!r} is no Python package: name it like requests or requests>=2.31,<3"
        )
    return re.sub(r"\s+", "", text)


def node(wanted: str) -> str:
    """A Node package as npm takes it. Raises `RequirementRefused`."""
    text = wanted.strip()
    # What begins with a dash is an option, and what ends like an archive a file, to npm.
    refused = len(text) > LONGEST or text.startswith("-") or _is_file(text, (".tgz", ".tar.gz", ".tar"))
    if refused or _NODE.fullmatch(text) is None:
        raise RequirementRefused(f"{wanted[:LONGEST]!r} is no Node package: name it like lodash or @types/node@22")
    return text


def _is_file(text: str, endings: tuple[str, ...]) -> bool:
    return text.lower().endswith(endings)
