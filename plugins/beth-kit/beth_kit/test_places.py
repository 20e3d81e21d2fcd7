"""Where the work of requests lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beth_kit.places import workspaces
from beth_kit.sandbox import owner


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of /var/lib/beth."""
    monkeypatch.setattr(owner, "SHARED", tmp_path / "shared")
    return tmp_path / "shared"


def test_a_home_that_tools_can_enter_is_the_place(tmp_path: Path, shared: Path) -> None:
    assert workspaces(tmp_path / "home", {}) == tmp_path / "home"
    assert not shared.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's tools become other users")
def test_roots_private_home_is_replaced_by_a_folder_of_its_own(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    place = workspaces(tmp_path / "private" / "home", {})
    assert place.parent == shared
    assert workspaces(tmp_path / "private" / "home", {}) == place
    assert workspaces(tmp_path / "private" / "other", {}) != place


def test_where_tools_are_not_locked_in_it_is_always_the_home(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    assert workspaces(tmp_path / "private", {"BETH_SANDBOX": "off"}) == tmp_path / "private"
    assert not shared.exists()
