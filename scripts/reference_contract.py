"""Reference pages made from the schemas and the hook specifications: messages, manifest, hooks."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from beth_sdk import hookspecs
from scripts.workspace import ROOT

SCHEMAS = ROOT / "schemas" / "v1"
MESSAGES = ("task", "result", "event", "control")
DEEP = 3
"""How far below a message its objects are told; what is deeper is in the schema."""


def fields() -> list[str]:
    """The page of every field of every message."""
    lines = ["# Fields of messages", "", "Every field of the contract, from `schemas/v1`. Those in bold are required."]
    for name in MESSAGES:
        schema = _schema(name)
        lines += [
            "",
            f"## {schema['title']}",
            "",
            *_wrapped(schema.get("description", "")),
            "",
            *_table(schema, schema),
        ]
    return lines


def manifest() -> list[str]:
    """The page of the manifest."""
    schema = _schema("manifest")
    return [
        "# Manifest",
        "",
        "The file `agent.toml`, beside the package's `__init__.py`. Keys in bold are required; of `class` and",
        "`command`, one is. `beth agents` says what is wrong with the manifest of an installed agent, and",
        "`beth schema check agent.toml` with any.",
        "",
        *_table(schema, schema),
    ]


def hooks() -> list[str]:
    """The page of what hook plugins may observe."""
    lines = [
        "# Hooks",
        "",
        *(inspect.getdoc(hookspecs) or "").splitlines(),
        "",
        "A plugin is an entry point of the group `beth.plugins`: a module, an object, or a class made without",
        "arguments, whose functions are marked with `@beth_sdk.hookimpl`.",
        "",
        "| hook | record | when |",
        "|---|---|---|",
    ]
    records: dict[str, type] = {}
    for noun in hookspecs.NOUNS:
        for name in (f"before_{noun}", f"after_{noun}"):
            function = getattr(hookspecs.Specs, name)
            record = typing.get_type_hints(function)["record"]
            records[record.__name__] = record
            lines.append(f"| `{name}` | `{record.__name__}` | {_line(inspect.getdoc(function) or '')} |")
    for name, record in records.items():
        lines += [
            "",
            f"## {name}",
            "",
            *(inspect.getdoc(record) or "").splitlines(),
            "",
            "| field | type |",
            "|---|---|",
        ]
        lines += [f"| `{field.name}` | `{_escaped(str(field.type))}` |" for field in dataclasses.fields(record)]
    return lines


def _schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def _table(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    return ["| field | what it is | type |", "|---|---|---|", *_rows(schema, root, "", 1)]


def _rows(schema: Mapping[str, Any], root: Mapping[str, Any], above: str, depth: int) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, given in schema.get("properties", {}).items():
        field = _resolved(given, root)
        shown = f"**`{above}{name}`**" if name in required else f"`{above}{name}`"
        said = given.get("description") or field.get("description", "")
        yield f"| {shown} | {_line(said)}{_default(given)} | {_escaped(_type(field, root))} |"
        inner = _object_of(field)
        if inner is not None and depth < DEEP:
            found, joint = inner
            yield from _rows(_resolved(found, root), root, f"{above}{name}{joint}", depth + 1)


def _resolved(field: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A field without its reference, and without the null that stands beside what it is."""
    while "$ref" in field:
        reference = str(field["$ref"])
        field = root["$defs"][reference.rpartition("/")[2]] if reference.startswith("#/$defs/") else {"type": "object"}
    choices = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    return _resolved(choices[0], root) if len(choices) == 1 else field


def _object_of(field: Mapping[str, Any]) -> tuple[Mapping[str, Any], str] | None:
    """What is told below a field, and what joins it to the field's name: the field itself, its items, or what any of
    its keys leads to."""
    for one, joint in ((field, "."), (field.get("items"), "[]."), (field.get("additionalProperties"), ".*.")):
        if isinstance(one, Mapping) and ("$ref" in one or one.get("properties")):
            return one, joint
    return None


def _type(field: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    plain = _resolved(field, root)
    if "enum" in plain:
        return ", ".join(str(one) for one in plain["enum"] if one is not None)
    if "const" in plain:
        return str(plain["const"])
    if "anyOf" in plain or "oneOf" in plain:
        found = [_type(one, root) for one in plain.get("anyOf", plain.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(one for one in found if one != "null"))
    kind = plain.get("type", "anything")
    kinds = [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    if kinds == ["array"] and isinstance(plain.get("items"), Mapping):
        return f"list of {_type(plain['items'], root)}"
    return " or ".join(kinds)


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, {}, []) else f" Default: `{default}`."


def _line(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", text.replace("|", "\\|"))


def _wrapped(text: str) -> list[str]:
    return [" ".join(text.split())] if text else []
