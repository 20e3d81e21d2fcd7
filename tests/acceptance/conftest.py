"""The buses that the acceptance tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.cluster import Cluster


@pytest.fixture(params=["sqlite"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """An empty bus and journal, and no process yet."""
    (tmp_path / "home").mkdir()
    async with Cluster(tmp_path, f"sqlite:///{tmp_path}/home/beth.db") as cluster:
        yield cluster
