"""Entry points are the standard library's, whoever finds the distributions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from beth_sdk.conftest import Site
from beth_sdk.entry_points import entry_points


class ForeignDistribution:
    """As importlib_metadata has it: not the standard library's class, and strict about all entry points at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read_text(self, name: str) -> str:
        return (self._path / name).read_text()

    @property
    def entry_points(self) -> list[EntryPoint]:
        raise ValueError("Invalid object reference")


class ForeignFinder:
    """Asked for distributions before the standard library's finder."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def find_spec(self, *_: object) -> ModuleSpec | None:
        return None

    def find_distributions(self, context: object) -> Iterator[ForeignDistribution]:
        del context
        return map(ForeignDistribution, self._site.path.glob("*.dist-info"))


def test_one_wrong_entry_point_hides_no_other_though_another_finder_would(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.distribution("zz-mixed", {"beth.checks": {"zz-well": "zz_checks:well", "zz-wrong": "../.."}})
    monkeypatch.setattr(sys, "meta_path", [ForeignFinder(site), *sys.meta_path])
    found, problems = entry_points("beth.checks")
    assert {"zz-well", "zz-wrong"} <= {one.name for one in found}
    assert [problem for problem in problems if problem.distribution == "zz-mixed"] == []
