"""`beth paths`: where Beth keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from beth_sdk.cli.options import bus_option, json_option, settings_from, show, show_json
from beth_sdk.cli.text import NOTHING
from beth_sdk.redact import redact
from beth_sdk.settings import Settings

WORK = "work"
"""The folder in the home in which commands work, one folder a request."""

REPOSITORIES = "repositories"
"""The folder in the home with the git repository of each request."""

PACKAGES = "packages"
"""The folder in the home with what was installed for a request's tasks, one folder a request."""

MEMORY = "memory"
"""The folder in the home with what roles remember."""

PINS = "mcp-pins.json"
"""The file in the home with what MCP servers said of their tools when they were first used."""

LOGS = "logs"
"""The folder in the home for the logs of agents that run within another command, such as `beth run`."""


@click.command()
@bus_option
@json_option
def paths(bus: str | None, as_json: bool) -> None:
    """Where Beth keeps its files."""
    found = document(settings_from(bus))
    if as_json:
        show_json(found)
    else:
        show(lines(found))


def document(settings: Settings) -> dict[str, Any]:
    """Every place; None for what is no file here."""
    return {
        "home": str(settings.home),
        "bus": redact(settings.bus_url),
        "journal": redact(settings.journal_url),
        "database": [str(path) for path in databases(settings)],
        "work": str(settings.home / WORK),
        "repositories": str(settings.home / REPOSITORIES),
        "packages": str(settings.home / PACKAGES),
        "memory": str(settings.home / MEMORY),
        "logs": str(settings.home / LOGS),
        "config": None,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What people see."""
    rows = {
        "home": f"{found['home']}  (BETH_HOME)",
        "bus": f"{found['bus']}  (MESSAGE_BUS_URL)",
        "journal": f"{found['journal']}  (BETH_JOURNAL_URL)",
        "database": ", ".join(found["database"]) or f"{NOTHING}  (on a server)",
        "work": f"{found['work']}  (a folder for each request whose agents run commands)",
        "repositories": f"{found['repositories']}  (the work of each request, in git)",
        "packages": f"{found['packages']}  (what was installed for the tasks of a request)",
        "memory": f"{found['memory']}  (what roles remember)",
        "logs": f"{found['logs']}  (of `beth run`; services log to standard error)",
        "config": "environment variables, and the agent.toml of each agent",
    }
    return [f"{name:<14}{place}" for name, place in rows.items()]


def databases(settings: Settings) -> list[Path]:
    """The SQLite files that these settings name, the bus's first. Raises `ConfigurationError` for a wrong URL."""
    from beth_sdk._sqlite import path_of

    urls = dict.fromkeys((settings.bus_url, settings.journal_url))
    return list(dict.fromkeys(path_of(url) for url in urls if url.startswith("sqlite:")))
