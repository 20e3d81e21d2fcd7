"""What this repository holds: its packages, found by their pyproject.toml, never by a list somebody keeps."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

NOT_OURS = frozenset({"__pycache__", "build", "dist", "node_modules", "templates"})
"""Folders that hold nothing written here, besides those whose names start with a dot."""


@dataclass(frozen=True)
class Package:
    """A distribution of this repository: its `folder` and what its pyproject.toml says under `[project]`."""

    folder: Path
    project: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.project["name"])


def packages(root: Path = ROOT) -> list[Package]:
    """Every package, the SDK first: the root, and each folder there or under plugins/ or examples/."""
    found: list[Path] = [root]
    for pattern in ("*/pyproject.toml", "plugins/*/pyproject.toml", "examples/*/pyproject.toml"):
        found += [file.parent for file in sorted(root.glob(pattern)) if _ours(file.parent.name)]
    return [Package(folder, _project(folder)) for folder in found]


def files(root: Path = ROOT, suffix: str = "") -> Iterator[Path]:
    """Every file written here whose name ends with `suffix`, in order; links are not followed."""
    for place, folders, names in os.walk(root):
        folders[:] = sorted(folder for folder in folders if _ours(folder) or folder in {".ci", ".github"})
        for name in sorted(names):
            path = Path(place, name)
            if name.endswith(suffix) and not path.is_symlink():
                yield path


def _ours(folder: str) -> bool:
    return not folder.startswith(".") and folder not in NOT_OURS and not folder.endswith(".egg-info")


def _project(folder: Path) -> dict[str, Any]:
    with (folder / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return project
