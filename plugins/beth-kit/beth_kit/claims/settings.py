"""What a project asks of itself, before and after a change: the least coverage, the rules that are left out. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Any

_NUMBER = r"(\d{1,3}(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a limit is called, how it is written, and what a file must hold besides for it to be one."""

    name: str
    written: re.Pattern[str]
    within: re.Pattern[str]


_LIMITS = tuple(
    _Rule(name, re.compile(written), re.compile(within))
    for name, written, within in (
        ("fail_under", rf"(?:fail_under\s*=|--(?:cov-)?fail-under[= ])\s*{_NUMBER}", ""),
        *(
            (key, rf"[\"']?\b{key}[\"']?\s*[:=]\s*{_NUMBER}", "coverageThreshold|thresholds|nyc|c8|check-coverage")
            for key in ("branches", "functions", "lines", "statements")
        ),
        *((key, rf"--{key}[= ]\s*{_NUMBER}", r"\bnyc\b|\bc8\b") for key in ("branches", "functions", "lines")),
        ("minimum", rf"<minimum>\s*{_NUMBER}|\bminimum\s*=\s*[\"']?{_NUMBER}", "(?i:jacoco)"),
        ("target", rf"\btarget:\s*{_NUMBER}%?", r"(?m:^coverage:)"),
        ("break", rf"[\"']?\bbreak[\"']?\s*:\s*{_NUMBER}", "(?i:mutat|stryker)"),
    )
)
_SUFFIXES = frozenset(
    (
        *(
            "",
            ".toml",
            ".cfg",
            ".ini",
            ".json",
            ".yml",
            ".yaml",
            ".js",
            ".cjs",
            ".mjs",
            ".ts",
            ".xml",
            ".gradle",
            ".kts",
        ),
        *(".mk", ".sh"),
    )
)
_LISTS = frozenset({"ignore", "extend-ignore", "per-file-ignores", "extend-per-file-ignores", "disable"})
_LISTS_OF_MYPY = frozenset({"disable_error_code", "exclude"})

Loosened = tuple[str, int, str]
"""File, line and what it is, in words."""


def settings_loosened(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Loosened]:
    """Each limit that is lower than it was or gone, and each rule that is left out now. What moved to another file of
    the change is neither."""
    yield from _lowered(_limits(before), _limits(after))
    yield from _left_out(before, after)


# -- limits -----------------------------------------------------------------------------------

_Limits = dict[str, list[tuple[float, str, int]]]
"""By name: the number, its file, its line."""


def _lowered(old: _Limits, new: _Limits) -> Iterator[Loosened]:
    for name, were in old.items():
        # The highest first, so that one that came in besides does not stand for one that went.
        now = sorted(new.get(name, []), reverse=True)[: len(were)]
        for was, there in zip_longest(sorted(were, reverse=True), now):
            if there is None:
                yield was[1], was[2], f"the limit {name} = {was[0]:g} is gone"
            elif there[0] < was[0]:
                yield there[1], there[2], f"the limit {name} is {there[0]:g}, and was {was[0]:g}"


def _limits(files: Mapping[str, str]) -> _Limits:
    found: _Limits = {}
    for path, text in files.items():
        if PurePosixPath(path).suffix not in _SUFFIXES:
            continue
        for rule in _LIMITS:
            if rule.within.search(text):
                for one in rule.written.finditer(text):
                    number = float(next(filter(None, one.groups())))
                    found.setdefault(rule.name, []).append((number, path, _line(text, one.start())))
    return found


# -- rules ------------------------------------------------------------------------------------


def _left_out(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Loosened]:
    old = {one for path, text in before.items() for one in _exceptions(path, text)}
    # A tool that is new to the project may be set up as it likes.
    known = {tool for path, text in before.items() for tool in _tables(path, text)}
    for path, text in after.items():
        for tool, key, value in sorted(_exceptions(path, text) - old):
            if tool in known:
                at = max(text.find(f'"{value}"'), text.find(f"'{value}'"), 0)
                yield path, _line(text, at), f"{value!r} is left out now ({key})"
    strict = [path for path, text in before.items() if _is_strict(path, text)]
    if strict and not any(_is_strict(path, text) for path, text in after.items()):
        yield strict[0], 1, "mypy is not strict any more"


def _exceptions(path: str, text: str) -> set[tuple[str, str, str]]:
    """What ruff, pylint and mypy are told to leave out: the tool, the key, the rule."""
    found: set[tuple[str, str]] = set()
    told = set()
    for tool, table in _tables(path, text).items():
        found.clear()
        _collect(table, tool, _LISTS | (_LISTS_OF_MYPY if tool == "mypy" else frozenset()), found)
        told |= {(tool, key, value) for key, value in found}
    return told


def _tables(path: str, text: str) -> dict[str, dict[str, Any]]:
    """The settings of each of the tools in a file."""
    document = _toml(path, text)
    name = PurePosixPath(path).name.lstrip(".")
    if name in {"ruff.toml", "pylintrc.toml"}:
        return {"ruff" if name == "ruff.toml" else "pylint": document}
    tools = document.get("tool")
    if not isinstance(tools, dict):
        return {}
    return {tool: tools[tool] for tool in ("ruff", "pylint", "mypy") if isinstance(tools.get(tool), dict)}


def _collect(value: Any, where: str, keys: frozenset[str], found: set[tuple[str, str]]) -> None:
    if isinstance(value, list):
        for one in value:
            _collect(one, where, keys, found)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key not in keys:
            _collect(inner, f"{where}.{key}", keys, found)
        elif isinstance(inner, dict):
            for pattern, rules in inner.items():
                found.update((f"{where}.{key}.{pattern}", str(rule)) for rule in _listed(rules))
        else:
            found.update((f"{where}.{key}", str(rule)) for rule in _listed(inner))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_strict(path: str, text: str) -> bool:
    return _tables(path, text).get("mypy", {}).get("strict") is True


def _toml(path: str, text: str) -> dict[str, Any]:
    if PurePosixPath(path).suffix != ".toml":
        return {}
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
