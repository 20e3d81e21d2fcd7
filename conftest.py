"""For all tests: where they run as root, the tools of a task become other users, who must get to temporary folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def enterable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let others pass through pytest's own folder, which it closes to them; they still cannot look into it."""
    base = tmp_path_factory.getbasetemp()
    if os.geteuid() == 0:
        for folder in (base, base.parent):
            folder.chmod(0o711)


@pytest.fixture
def tmp_path(enterable: None, tmp_path: Path) -> Path:
    """pytest's, which others can pass through."""
    del enterable
    if os.geteuid() == 0:
        tmp_path.chmod(0o711)
    return tmp_path
