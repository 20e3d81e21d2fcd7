"""What a shell completes of the commands about requests."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from beth_agent_beth.fold import facts
from beth_sdk.cli.completing import files, streams

REQUEST = streams(facts.PREFIX)
OPEN = streams(facts.PREFIX, "task/")
"""A request or a task; which of them go on is not looked up."""
ASKING = OPEN


def workflow_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The workflows that come with Beth, and files that may be some."""
    del ctx, parameter
    own = sorted(path.stem for path in (Path(__file__).parent / "plan" / "workflows").glob("*.toml"))
    found = [CompletionItem(name) for name in (*own, facts.AUTO) if name.startswith(incomplete)]
    return [*found, *files(".toml", incomplete)]
