"""Design tokens in the format of the Design Tokens Community Group, 2025.10: read, and held against its rules. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_agent_ux_designer.token_types import TYPES, hex_of

_ALIAS = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: its own `$type` or its nearest group's; None where neither has one."""

    name: str
    value: Any
    kind: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A file's tokens by their names, whose parts are joined by dots; and what is wrong with them."""

    by_name: Mapping[str, Token] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def resolved(self, name: str) -> Token | None:
        """The value that a name leads to through its aliases; None where it leads nowhere, or in a circle."""
        seen: set[str] = set()
        kind = None
        while (found := self.by_name.get(name)) is not None and name not in seen:
            seen.add(name)
            kind = found.kind or kind
            alias = alias_in(found.value)
            if alias is None:
                return Token(found.name, found.value, kind)
            name = alias
        return None

    @property
    def colours(self) -> dict[str, str]:
        """The colours among them, as `#rrggbb` or `#rrggbbaa`."""
        ends = {name: self.resolved(name) for name in self.by_name}
        found = {name: hex_of(end.value) for name, end in ends.items() if end is not None and end.kind == "color"}
        return {name: value for name, value in found.items() if value is not None}


def read_tokens(text: str) -> Tokens:
    """The tokens of a file; where it is no JSON object, one problem and no tokens."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Tokens(problems=(f"it is no JSON ({error})",))
    if not isinstance(document, dict):
        return Tokens(problems=("it is no JSON object",))
    found: dict[str, Token] = {}
    problems = list(_walked(document, (), None, found))
    tokens = Tokens(found)
    problems += [problem for name in found for problem in _problems(tokens, name)]
    if not found:
        problems.append("it holds no token: a token is an object with a `$value`")
    return Tokens(found, tuple(problems))


def alias_in(value: Any) -> str | None:
    """The name in `{name}`; None for every other value."""
    found = _ALIAS.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _walked(node: Mapping[str, Any], path: tuple[str, ...], inherited: Any, found: dict[str, Token]) -> Iterator[str]:
    """Takes in the tokens below a group, and says what is neither a token nor a group."""
    kind = node.get("$type", inherited)
    if "$value" in node:
        name = ".".join(path)
        found[name] = Token(name, node["$value"], kind if isinstance(kind, str) else None)
        if inner := [key for key in node if not key.startswith("$")]:
            yield f"{name} is a token, so it cannot hold {', '.join(inner)}: make it a group, or take them out"
        return
    for key, below in node.items():
        if key.startswith("$") and key != "$root":
            continue
        name = ".".join((*path, key))
        if re.search(r"[{}.]", key):
            yield f"{name}: {key!r} is no name: it may hold no dot and no brace"
        elif not isinstance(below, dict):
            yield f'{name} is neither a token nor a group: write {{"$value": …}}'
        else:
            yield from _walked(below, (*path, key), kind, found)


def _problems(tokens: Tokens, name: str) -> Iterator[str]:
    lost = [alias for alias in _aliases(tokens.by_name[name].value) if alias not in tokens.by_name]
    if lost:
        yield f"{name} points to {', '.join(lost)}, which is not there"
        return
    end = tokens.resolved(name)
    if end is None:
        yield f"{name} leads nowhere: its aliases go in a circle, or to one that is not there"
    elif end.kind is None:
        yield f"{name} has no `$type`, nor has a group that it is in"
    elif end.kind not in TYPES:
        yield f"{name}: {end.kind!r} is no `$type`; there are {', '.join(TYPES)}"
    elif not TYPES[end.kind].fits(end.value):
        told = json.dumps(end.value, ensure_ascii=False)[:80]
        yield f"{name}: {told} is no {end.kind}: write it as {TYPES[end.kind].example}"


def _aliases(value: Any) -> Iterator[str]:
    if (alias := alias_in(value)) is not None:
        yield alias
    elif isinstance(value, list | dict):
        for one in value if isinstance(value, list) else value.values():
            yield from _aliases(one)
