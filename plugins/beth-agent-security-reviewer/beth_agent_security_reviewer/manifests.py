"""What a project depends on, as its manifests say: name, version, whether that is one version, and where. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True, slots=True)
class Dependency:
    """`version` is what the manifest says, empty if it says none. `pinned`: it is one version and no range. `source`:
    an address that it comes from in place of the registry."""

    name: str
    version: str
    pinned: bool
    path: str
    line: int
    source: str = ""


LOCKS: Mapping[str, tuple[str, ...]] = {
    "python": ("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"),
    "node": ("package-lock.json", "pnpm-lock.yaml", "yarn.lock", "npm-shrinkwrap.json", "bun.lock"),
    "go": ("go.sum",),
    "rust": ("Cargo.lock",),
    "java": ("gradle.lockfile",),
}
"""By language: files that keep the exact version of everything."""

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?:@\s*(?P<source>[^\s;]+)|(?P<version>[^;#@]*))"
)
_ONE_PYTHON = re.compile(r"={2,3}\s*[^*,\s]+")
_ONE_NODE = re.compile(r"v?=?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")
_ONE_RUST = re.compile(r"=\s*\d+\.\d+\.\d+\S*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_GO = re.compile(r"^\s*(?:require\s+)?(?P<name>[\w.-]+\.[\w-]+(?:/[\w.~-]+)*)\s+(?P<version>v\S+)", re.MULTILINE)
_POM = re.compile(r"<(dependency|plugin|parent)>(?P<inside>.*?)</\1>", re.DOTALL)
_XML = {name: re.compile(rf"<{name}>\s*([^<]*?)\s*</{name}>") for name in ("groupId", "artifactId", "version")}
_PROPERTY = re.compile(r"<([\w.-]+)>\s*([^<>]+?)\s*</\1>")


def language_of(path: str) -> str | None:
    """Whose manifest a file is by its name; None for any other."""
    name = PurePosixPath(path).name
    if re.fullmatch(r"(?:[\w.-]+-)?requirements[\w.-]*\.(?:txt|in)", name) or re.search(
        r"(?:^|/)requirements/[^/]+\.(?:txt|in)$", path
    ):
        return "python"
    return {
        "pyproject.toml": "python",
        "package.json": "node",
        "go.mod": "go",
        "Cargo.toml": "rust",
        "pom.xml": "java",
    }.get(name)


def dependencies_in(path: str, text: str) -> list[Dependency]:
    """What a manifest names, in its order. Raises ValueError for one that cannot be read."""
    name = PurePosixPath(path).name
    read = _READERS.get(name, _requirements if language_of(path) == "python" else None)
    return list(read(path, text)) if read else []


def _requirements(path: str, text: str) -> Iterator[Dependency]:
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"(?:^|\s)#.*", "", line)
        if line.strip() and not line.lstrip().startswith("-"):
            yield from _required(line.rstrip("\\ "), path, number)
        elif found := re.match(r"\s*(?:-e|--editable)[\s=]+(?P<source>\S+)", line):
            source = found["source"]
            if "://" in source:
                yield Dependency(source.rpartition("egg=")[2], "", bool(_COMMIT.search(source)), path, number, source)


def _required(text: str, path: str, line: int) -> Iterator[Dependency]:
    """A requirement as PEP 508 writes it."""
    if re.match(r"\s*(?:[a-z+]+://|\.{0,2}/)", text):
        source = text.strip()
        yield Dependency(source, "", bool(_COMMIT.search(source)), path, line, source)
        return
    found = _REQUIREMENT.match(text)
    if found is None:
        return
    source, version = found["source"] or "", re.sub(r"\s*--hash.*|\\", "", found["version"] or "").strip(" ()")
    pinned = bool(_ONE_PYTHON.fullmatch(version)) or bool(source and ("#sha256=" in source or _COMMIT.search(source)))
    yield Dependency(found["name"], version, pinned, path, line, source)


def _pyproject(path: str, text: str) -> Iterator[Dependency]:
    document = tomllib.loads(text)
    project = _table(document, "project")
    groups = [project.get("dependencies"), _table(document, "build-system").get("requires")]
    groups += [*_table(project, "optional-dependencies").values(), *_table(document, "dependency-groups").values()]
    for group in groups:
        for one in group if isinstance(group, list) else []:
            if isinstance(one, str):
                yield from _required(one, path, _line_of(text, one))
    poetry = _table(_table(document, "tool"), "poetry")
    tables = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    tables += [_table(one, "dependencies") for one in _table(poetry, "group").values() if isinstance(one, dict)]
    for table in tables:
        for name, told in table.items():
            if name != "python":
                yield _told(name, told, path, _line_of_key(text, name), _ONE_NODE)


def _package(path: str, text: str) -> Iterator[Dependency]:
    document = json.loads(text)
    for key in ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"):
        for name, version in _table(document, key).items():
            version = str(version)
            alias = version.removeprefix("npm:").rpartition("@")[2] if version.startswith("npm:") else version
            source = version if re.search(r"://|^(?:file|link|github|git|workspace):|^[\w.-]+/[\w.-]+", version) else ""
            pinned = bool(_ONE_NODE.fullmatch(alias)) or bool(source and _COMMIT.search(source))
            yield Dependency(name, version, pinned, path, _line_of(text, f'"{name}"'), source)


def _go(path: str, text: str) -> Iterator[Dependency]:
    for found in _GO.finditer(re.sub(r"//.*", lambda one: " " * len(one[0]), text)):
        yield Dependency(
            found["name"], found["version"], pinned=True, path=path, line=text.count("\n", 0, found.start("name")) + 1
        )


def _cargo(path: str, text: str) -> Iterator[Dependency]:
    document = tomllib.loads(text)
    places = [document, _table(document, "workspace"), *_table(document, "target").values()]
    for place in places:
        for key in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, told in _table(place, key).items():
                yield _told(name, told, path, _line_of_key(text, name), _ONE_RUST)


def _pom(path: str, text: str) -> Iterator[Dependency]:
    text = re.sub(r"<!--.*?-->", lambda one: re.sub(r"[^\n]", " ", one[0]), text, flags=re.DOTALL)
    properties = dict(_PROPERTY.findall(text))
    for found in _POM.finditer(text):
        inside = re.sub(r"<exclusions>.*?</exclusions>", "", found["inside"], flags=re.DOTALL)
        parts = {name: (one.search(inside) or ["", ""])[1] for name, one in _XML.items()}
        version = re.sub(r"\$\{([^}]+)\}", lambda one: properties.get(one[1], one[0]), parts["version"])
        pinned = bool(version) and not re.search(r"[\[\](),$]|SNAPSHOT|LATEST|RELEASE", version)
        line = text.count("\n", 0, found.start()) + 1
        yield Dependency(f"{parts['groupId']}:{parts['artifactId']}", version, pinned, path, line)


def _told(name: str, told: Any, path: str, line: int, one: re.Pattern[str]) -> Dependency:
    """A dependency as Poetry and Cargo have it: a version, or a table."""
    table = told if isinstance(told, dict) else {"version": told}
    version = str(table.get("version", ""))
    source = str(table.get("git") or table.get("path") or table.get("url") or "")
    pinned = bool(one.fullmatch(version)) or bool(table.get("git") and _COMMIT.fullmatch(str(table.get("rev", ""))))
    return Dependency(name, version, pinned, path, line, source)


def _table(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _line_of_key(text: str, name: str) -> int:
    """Of a key of a TOML table, or of the table that is called so."""
    key = re.escape(name)
    found = re.search(rf"(?m)^[ \t]*[\"']?{key}[\"']?[ \t]*[.=]|^[ \t]*\[[^\]\n]*\b{key}[\"']?\]", text)
    return 1 if found is None else text.count("\n", 0, found.start()) + 1


def _line_of(text: str, name: str) -> int:
    return text.count("\n", 0, max(text.find(name), 0)) + 1


_READERS: dict[str, Callable[[str, str], Iterator[Dependency]]] = {
    "pyproject.toml": _pyproject,
    "package.json": _package,
    "go.mod": _go,
    "Cargo.toml": _cargo,
    "pom.xml": _pom,
}
