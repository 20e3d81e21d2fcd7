"""Reads the pins in requirements/dev.txt, and what the installed distributions say they need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.workspace import ROOT

LOCK = ROOT / "requirements" / "dev.txt"


@cache
def pins() -> dict[str, tuple[str, str]]:
    """By canonical name: the pinned version, and the whole entry with its hashes."""
    entries = re.findall(
        r"^([A-Za-z0-9._-]+)==(\S+)( \\\n(?:    --hash=\S+(?: \\)?\n)+)", LOCK.read_text(), re.MULTILINE
    )
    return {canonicalize_name(name): (version, f"{name}=={version}{hashes}") for name, version, hashes in entries}


def locked(names: Iterable[str]) -> str:
    """A requirements file, with hashes, of just these distributions."""
    return "".join(pins()[name][1] for name in sorted(names))


def closure(requirements: Iterable[str], environment: dict[str, str] | None = None) -> set[str]:
    """The canonical names of the distributions that these requirements mean, and those need in turn.

    `environment` overrides the markers of the running Python, e.g. `{"sys_platform": "darwin"}`.
    """
    names: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        names.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # not installed here; whether it is pinned is what the caller wants to know
        for text in needed:
            inner = Requirement(text)
            extras = requirement.extras or {""}
            if inner.marker is None or any(
                inner.marker.evaluate({**(environment or {}), "extra": extra}) for extra in {"", *extras}
            ):
                waiting.append(inner)
    return names
