"""A home with throw-away roles for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp_server.chat import Desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    """One that other users may enter: as root, the tools of a task are a user of their own."""
    with tempfile.TemporaryDirectory(prefix="beth-mcp-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Desk(Path(folder))
