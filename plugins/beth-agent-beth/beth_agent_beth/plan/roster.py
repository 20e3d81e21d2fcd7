"""Who is there to be given tasks, as a request is told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beth_sdk.plugins import InstalledAgent

BETH = "beth"


def roster(agents: Iterable[InstalledAgent]) -> list[dict[str, Any]]:
    """Role, aliases, description and task types of each agent that works, Beth herself left out."""
    told: list[dict[str, Any]] = []
    for agent in agents:
        manifest = agent.manifest
        if agent.error is not None or manifest is None or manifest.role == BETH:
            continue
        aliases = [alias.removeprefix("tasks.") for alias in manifest.aliases]
        told.append(
            {
                "role": manifest.role,
                "description": manifest.description,
                **({"aliases": aliases} if aliases else {}),
                **({"task_types": sorted(manifest.task_types)} if manifest.task_types else {}),
            }
        )
    return told
