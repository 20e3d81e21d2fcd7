from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.inputs import SubmitRequest
from beth_agent_beth.mcp.submitting import submit
from beth_sdk.errors import ConfigurationError
from beth_sdk.settings import Settings
from beth_sdk.testing.clock import ManualClock


class Nobody:
    """A host that is not to be asked, a client that has nothing open."""

    async def roots(self) -> list[Path]:
        return []


def access(tmp_path: Path, url: str, *trouble: str) -> Access:
    settings = Settings.from_environment(
        {"BETH_HOME": str(tmp_path), "MESSAGE_BUS_URL": url, "BETH_JOURNAL_URL": "memory://"}
    )
    return Access(settings, cast("Any", Nobody()), ManualClock(), trouble=list(trouble))


async def test_for_a_beth_elsewhere_a_repository_must_be_named(tmp_path: Path) -> None:
    there = access(tmp_path, "redis://bus:6379")
    with pytest.raises(ConfigurationError, match="Beth runs elsewhere"):
        await submit(there, SubmitRequest(description="x"), cast("Any", Nobody()))


async def test_nothing_is_handed_to_agents_that_cannot_work(tmp_path: Path) -> None:
    here = access(tmp_path, "memory://", "developer has no model")
    with pytest.raises(ConfigurationError) as caught:
        await submit(here, SubmitRequest(description="x"), cast("Any", Nobody()))
    assert str(caught.value) == "developer has no model; the user must put that right and start this server again"


async def test_a_branch_needs_a_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is none: no folder that is open"):
        await submit(
            access(tmp_path, "memory://"), SubmitRequest(description="x", branch="main"), cast("Any", Nobody())
        )
