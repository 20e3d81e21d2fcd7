"""`beth mcp`: Beth as a server for the chat of VS Code's Copilot and other MCP clients."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys

import click

from beth_agent_beth.commands.asking import told_by_environment
from beth_agent_beth.commands.leaving import leave
from beth_agent_beth.commands.run import log_to_file
from beth_agent_beth.mcp.snippet import vscode
from beth_agent_beth.running import embedded
from beth_kit.model.choice import MODELS, models_variable
from beth_sdk.cli.options import bus_option, note, settings_from
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError
from beth_sdk.settings import Settings

SNIPPET = """\
\b
.vscode/mcp.json, for VS Code (--config prints it for this beth and its keys):
  {
    "servers": {
      "beth": {
        "type": "stdio",
        "command": "beth",
        "args": ["mcp"],
        "env": {"ANTHROPIC_API_KEY": "${input:anthropic-api-key}"}
      }
    },
    "inputs": [
      {"type": "promptString", "id": "anthropic-api-key",
       "description": "ANTHROPIC_API_KEY", "password": true}
    ]
  }
"""


@click.command(epilog=SNIPPET)
@click.option("--model", "models", multiple=True, metavar="[ROLE=]MODEL", help="The model of all roles, or of one.")
@click.option("--config", is_flag=True, help="Print what to put into .vscode/mcp.json, and end.")
@bus_option
def mcp(models: tuple[str, ...], config: bool, bus: str | None) -> None:
    """Serve MCP clients, such as the chat of VS Code's Copilot, on standard input and output.

    A client starts it, and submits, watches and answers requests. On the embedded bus the installed agents run in this
    process for as long as it lives: open requests go on when it starts, and are handed over when it ends. On a server
    they run elsewhere, and this submits and watches.

    Keys of model providers come from the environment that the client starts it with. The log goes to logs/beth.log in
    BETH_HOME.
    """
    settings = settings_from(bus)
    if models and not embedded(settings):
        scheme = settings.bus_url.partition(":")[0]
        raise ConfigurationError(f"--model reaches agents of this process only; with {scheme} they run elsewhere")
    if config:
        options = [word for model in models for word in ("--model", model)]
        click.echo(vscode([*options, *(["--bus", bus] if bus else [])], os.environ))
        return
    _serve(settings, models)


def _serve(settings: Settings, models: tuple[str, ...]) -> None:
    try:
        wiring = importlib.import_module("beth_agent_beth.mcp.wire")
    except ImportError as error:
        raise ConfigurationError(
            f"beth mcp needs the package mcp, which is not installed ({error}): pip install 'mcp>=2.2,<3'"
        ) from None
    if sys.stdin is not None and sys.stdin.isatty():
        note("this waits for an MCP client on standard input; `beth mcp --config` prints how one starts it")
    wire = wiring.Wire.take()  # before anything is imported that might print
    log_to_file(settings)
    serving = importlib.import_module("beth_agent_beth.mcp.serving")
    told = {MODELS: models_variable(models, os.environ)} if models else {}
    with told_by_environment(told):
        asyncio.run(
            serving.serve(
                settings,
                wire,
                SystemClock(),
                models=models,
                log_file=settings.home / "logs" / "beth.log",
                say=note,
            )
        )
    leave(0)
