"""`beth agents`: every installed agent as its manifest has it, without importing any; broken ones with their error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from beth_sdk.cli.options import json_option, show, show_json
from beth_sdk.cli.text import NOTHING, one_line, plural, table
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import InstalledAgent, discover_agents

NONE = "No agent is installed. An agent is a package with an entry point in the group beth.agents."


@click.command()
@json_option
def agents(as_json: bool) -> None:
    """Every installed agent, broken ones with their error."""
    found = discover_agents()
    if as_json:
        show_json(document(found))
    else:
        show(lines(found))


def document(found: Sequence[InstalledAgent]) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "agents": [_entry(agent, agent.manifest) for agent in found if agent.error is None and agent.manifest],
        "broken": [
            {
                "name": agent.name,
                "role": agent.manifest.role if agent.manifest else None,
                "version": agent.version,
                "distribution": agent.distribution,
                "error": {"code": agent.error.code, "message": str(agent.error)},
            }
            for agent in found
            if agent.error is not None
        ],
    }


def lines(found: Sequence[InstalledAgent]) -> list[str]:
    """What people see: a table of those that work, then a line for each that does not."""
    if not found:
        return [NONE]
    works = [(agent, agent.manifest) for agent in found if agent.error is None and agent.manifest]
    shown: list[str] = []
    if works:
        headers = ("ROLE", "KIND", "MODEL", "QUEUES", "VERSION", "DISTRIBUTION")
        shown += table(headers, [_row(agent, manifest) for agent, manifest in works])
    broken = [agent for agent in found if agent.error is not None]
    if broken:
        shown += [""] if works else []
        shown.append(f"{plural(len(broken), 'agent')} cannot be used:")
        shown += [f"  {_complaint(agent)}" for agent in broken]
    return shown


def kind_of(manifest: Manifest) -> str:
    """How the role is played. Whether a class is an agent or a service shows only when it is imported."""
    return "class" if manifest.class_ is not None else "command"


def _entry(agent: InstalledAgent, manifest: Manifest) -> dict[str, Any]:
    return {
        "role": manifest.role,
        "description": manifest.description,
        "kind": kind_of(manifest),
        "model": manifest.model.to_json() if manifest.model else None,
        "queues": list(manifest.queues),
        "version": agent.version,
        "distribution": agent.distribution,
        "directory": str(agent.directory) if agent.directory else None,
    }


def _row(agent: InstalledAgent, manifest: Manifest) -> tuple[str, ...]:
    model = f"{manifest.model.provider}/{manifest.model.name}" if manifest.model else NOTHING
    return (
        manifest.role,
        kind_of(manifest),
        model,
        ", ".join(manifest.queues),
        agent.version,
        agent.distribution,
    )


def _complaint(agent: InstalledAgent) -> str:
    text = one_line(str(agent.error))
    whose = f"{agent.distribution} {agent.version}"
    return text if text.startswith(f"{agent.distribution}:") else f"{whose}: {text}"
