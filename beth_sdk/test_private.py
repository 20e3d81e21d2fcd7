"""The mode of folders that nobody else is to look into."""

from __future__ import annotations

import os

import pytest

from beth_sdk.private import folder_mode


@pytest.mark.parametrize(("uid", "mode"), [(1000, 0o700), (0, 0o711)])
def test_only_roots_folders_may_be_passed_through(monkeypatch: pytest.MonkeyPatch, uid: int, mode: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert folder_mode() == mode
