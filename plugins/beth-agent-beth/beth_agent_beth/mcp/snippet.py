"""What a user pastes into VS Code to have it start `beth mcp`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beth_kit.model.keys import key_variables

PASSED_ON = (
    "BETH_HOME",
    "MESSAGE_BUS_URL",
    "BETH_JOURNAL_URL",
    "BETH_MODELS",
    "BETH_POLICY",
    "BETH_SANDBOX",
    "LLM_BASE_URL",
    "LLM_MODEL",
    "LLM_PROVIDER",
)
"""Variables that say which Beth it is: a server that a client starts does not see those of a terminal."""


def vscode(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The content of `.vscode/mcp.json` for Beth as she is here, with `arguments` after `beth mcp`.

    It holds no key of a provider, as it may be committed: for each that is set here, VS Code asks once and keeps it. A
    password in MESSAGE_BUS_URL is left out with its variable.
    """
    env = {name: environ[name] for name in PASSED_ON if environ.get(name) and "@" not in environ[name]}
    env |= {name: environ[name] for one in key_variables() if environ.get(name := f"{one}_FILE")}
    keys = [name for name in key_variables() if environ.get(name)]
    env |= {name: f"${{input:{_input(name)}}}" for name in keys}
    server: dict[str, Any] = {"type": "stdio", "command": _program(), "args": ["mcp", *arguments]}
    document: dict[str, Any] = {"servers": {"beth": server | ({"env": env} if env else {})}}
    if keys:
        asked = [{"type": "promptString", "id": _input(name), "description": name, "password": True} for name in keys]
        document = {"inputs": asked, **document}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _input(variable: str) -> str:
    return variable.lower().replace("_", "-")


def _program() -> str:
    """The `beth` that runs now: a client does not look into a virtual environment."""
    beside = Path(sys.executable).with_name("beth")
    if os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which("beth") or "beth"
