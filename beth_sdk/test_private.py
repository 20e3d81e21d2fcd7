"""The mode of folders that nobody else is to look into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from beth_sdk.private import folder_mode, make_private


@pytest.mark.parametrize(("uid", "mode"), [(1000, 0o700), (0, 0o711)])
def test_only_roots_folders_may_be_passed_through(monkeypatch: pytest.MonkeyPatch, uid: int, mode: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert folder_mode() == mode


def test_what_is_missing_above_a_folder_is_closed_too_and_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o755)
    made = make_private(tmp_path / "there" / "home" / "logs")
    assert made == [tmp_path / "there" / "home" / "logs", tmp_path / "there" / "home"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {folder_mode()}
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755
    assert make_private(tmp_path / "there" / "home") == []
