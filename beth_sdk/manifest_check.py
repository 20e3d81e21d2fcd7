"""What is wrong with a manifest, said with its line and how to put it right."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from beth_sdk.errors import ManifestError
from beth_sdk.manifest_model import (
    APT_PATTERN,
    CLASS_PATTERN,
    ENVIRONMENT_PATTERN,
    MEMORY_PATTERN,
    RELATIVE_PATH_PATTERN,
    Manifest,
)
from beth_sdk.messages import ACCEPTED, portable
from beth_sdk.toml_lines import KeyPath, key_lines
from beth_sdk.variables import DURATION_PATTERN, parse_duration

_Problem: TypeAlias = tuple[KeyPath, str, str]
"""Where, what, and how to put it right."""

_WORDS = {
    portable(APT_PATTERN): "the name of a Debian package",
    portable(CLASS_PATTERN): "package.module:Class",
    portable(ENVIRONMENT_PATTERN): "the name of an environment variable",
    portable(MEMORY_PATTERN): "a number of bytes, or one with K, M, G or T",
    portable(DURATION_PATTERN): "a duration such as 90s, 1500ms, 4h or 1h30m",
    portable(RELATIVE_PATH_PATTERN): "a path below the manifest's directory, such as prompts/implement.md, without ..",
    **ACCEPTED,
}
"""What each pattern accepts, in words."""

_TYPES = {
    "model_type": "a table",
    "dict_type": "a table",
    "invalid-json-value": "text, a number, true, false, a list or a table",
}
"""What a type of error asks for, where pydantic speaks of Python rather than TOML."""


def not_toml(error: ValueError | RecursionError, text: str, file: str) -> ManifestError:
    """For what the TOML parser refused."""
    if isinstance(error, RecursionError):
        return ManifestError(file, None, "not TOML (nested too deeply)", "use fewer brackets within each other")
    found = re.search(r"\(at (?:line ([0-9]+), column [0-9]+|end of document)\)", str(error))
    line = None if found is None else int(found[1] or text.rstrip("\n").count("\n") + 1)
    reason = str(error)[: found.start()].strip() if found else str(error)
    return ManifestError(
        file, line, f"not TOML ({reason})", "correct the line; https://toml.io shows how it is written"
    )


def problem_with_values(error: ValidationError, text: str, file: str) -> ManifestError:
    """For the first of what the models refused; unknown keys come first, because a typo also leaves a key missing."""
    document, lines = tomllib.loads(text), key_lines(text)
    path, first = min(
        ((_path(one, document), one) for one in error.errors(include_url=False)),
        key=lambda found: (found[1]["type"] != "extra_forbidden", _line(lines, found[0]), len(found[0])),
    )
    problem, fix = _explained(first, path)
    where = path or ("command",)  # the whole document is wrong only where class and command are both there, or neither
    return ManifestError(file, _line(lines, where), problem, fix)


def problem_beyond_the_schema(manifest: Manifest, text: str, file: str) -> ManifestError | None:
    """For what a schema cannot say: numbers that contradict each other, files that do not exist."""
    for path, problem, fix in (*_contradictions(manifest), *_missing_files(manifest)):
        return ManifestError(file, _line(key_lines(text), path), problem, fix)
    return None


def _contradictions(manifest: Manifest) -> Iterator[_Problem]:
    for key in ("lease", "wall", "timeout"):
        duration = getattr(manifest.limits, key)
        if duration is not None and parse_duration(duration) <= 0:
            path: KeyPath = ("limits", key)
            yield path, f'limits.{key} = "{duration}": it should be over zero', f"write for example {_example(path)}"
    deploy = manifest.deploy
    for key in ("min", "replicas"):
        number = getattr(deploy, key)
        if deploy.max is not None and number > deploy.max:
            problem = f"deploy.{key} = {number} is over deploy.max = {deploy.max}"
            yield ("deploy", key), problem, f"raise max or lower {key}"


def _missing_files(manifest: Manifest) -> Iterator[_Problem]:
    directory = manifest.directory
    if directory is None:
        return
    for path, name in _named_files(manifest):
        target = directory / name
        if not (target.exists() if path[0] == "skills" else target.is_file()):
            near = _nearest(target.name, [one.name for one in target.parent.glob("*")])
            fix = f"did you mean {Path(name).with_name(near)}?" if near else "create it or correct the path"
            yield path, f"{_dotted(path)} names {name!r}, which does not exist in {directory}", fix
    program = (manifest.command or [""])[0]
    if program.startswith("./") and not os.access(directory / program, os.X_OK):
        yield ("command", 0), f"{program!r} is not executable", f"run chmod +x {directory / program}"


def _named_files(manifest: Manifest) -> Iterator[tuple[KeyPath, str]]:
    for name, kind in manifest.task_types.items():
        for key in ("prompt", "input", "output"):
            file = getattr(kind, key)
            if file is not None:
                yield ("task_types", name, key), file
    yield from ((("skills", number), skill) for number, skill in enumerate(manifest.skills))
    for number, element in enumerate(manifest.command or ()):
        if element.startswith("./"):
            yield ("command", number), element


def _explained(error: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    """The problem and its fix."""
    name = _dotted(path)
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key {name}", _where_it_belongs(path)
        case "missing":
            return f"{name} is missing", f"add {_example(path)}"
        case "value_error":
            return (
                str(error["msg"]).removeprefix("Value error, "),
                'write class = "package.module:Class" or command = ["./agent.sh"]',
            )
        case "less_than_equal" if path == ("manifest_version",):
            return (
                f"manifest_version {error['input']} is not known to this version of Beth",
                "update beth-sdk, or write manifest_version = 1",
            )
    words = _TYPES.get(error["type"]) or _WORDS.get(str(error.get("ctx", {}).get("pattern")))
    problem = f"it should be {words}" if words else error["msg"][0].lower() + error["msg"][1:]
    return f"{name} = {_toml(error['input'])}: {problem}", f"write for example {_example(path)}"


def _where_it_belongs(path: KeyPath) -> str:
    key = str(path[-1])
    known = _keys(_table_at(path[:-1]))
    near = _nearest(key, known)
    if near is None and key in _keys(Manifest):
        return f"{key} belongs at the top of the file, before the first [table]"
    if near is None:
        for table, info in _keys(Manifest).items():
            inner = _table_of(info.annotation)
            if inner is not None and table != "task_types" and key in _keys(inner):
                return f"{key} belongs in the table [{table}]"
    return f"did you mean {near}?" if near else f"remove it; known keys here: {', '.join(known)}"


def _nearest(name: str, known: Any) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)), None)


def _path(error: ErrorDetails, document: Any) -> KeyPath:
    """Where in the document it is: the error's own path without what pydantic adds to it, such as a union's branch."""
    path: list[str | int] = []
    for part in error["loc"]:
        inside = part in document if isinstance(document, dict) else isinstance(document, list)
        if inside or error["type"] == "missing":
            path.append(part)
            document = document[part] if inside else None
    return tuple(path)


def _line(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of the key, or of the innermost table around it that stands in the file; 1 for the whole file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _dotted(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _keys(table: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in table.model_fields.items()}


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model somewhere in an annotation such as `dict[Role, TaskType] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _table_of(one)) is not None), None)


def _table_at(path: KeyPath) -> type[BaseModel]:
    table: type[BaseModel] = Manifest
    for part in path:
        info = _keys(table).get(str(part))
        table = (_table_of(info.annotation) if info else None) or table
    return table


def _example(path: KeyPath) -> str:
    """`key = value` for the key at `path`, or for the one around it that the models know."""
    while path:
        table, key = _table_at(path[:-1]), str(path[-1])
        info = _keys(table).get(key)
        if info is not None and info.examples:
            return f"{key} = {_toml(info.examples[0])}"
        path = path[:-1]
    return 'role = "developer"'


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(_toml(inner) for inner in value) + "]"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:197]}..."
