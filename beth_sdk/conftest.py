"""Fixtures for the SDK's own tests."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest


class Site:
    """A directory on `sys.path` that throw-away distributions are put into, as an installer would."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def distribution(
        self, name: str, entry_points: str | Mapping[str, Mapping[str, str]], *, version: str = "1.0", extra: str = ""
    ) -> None:
        """A `.dist-info` with these entry points, by group, or with this text in place of them."""
        folder = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        provides = f"Provides-Extra: {extra}\n" if extra else ""
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{provides}")
        if not isinstance(entry_points, str):
            entry_points = "\n".join(
                f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in of_group.items())
                for group, of_group in entry_points.items()
            )
        (folder / "entry_points.txt").write_text(entry_points)
        importlib.invalidate_caches()

    def files(self, contents: Mapping[str, str]) -> None:
        """Files by their path below the site."""
        for name, content in contents.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty site; what was imported from it is forgotten afterwards."""
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    before = set(sys.modules)
    yield Site(path)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(path)):
            del sys.modules[name]
