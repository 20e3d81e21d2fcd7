"""`beth completion SHELL`: what a shell evaluates to complete `beth`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from beth_sdk.cli.completing import SHELLS

VARIABLE = "_BETH_COMPLETE"
"""Where click looks for what a shell wants of it."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """What your shell needs to complete commands and ids.

    It completes commands, options, ids of requests and tasks, roles and workflows.

    \b
    bash  eval "$(beth completion bash)"      in ~/.bashrc
    zsh   eval "$(beth completion zsh)"       in ~/.zshrc, after compinit
    fish  beth completion fish | source       in ~/.config/fish/config.fish
    """
    made = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert made is not None
    # Not `source()`, which starts bash to look at its version.
    instance = made(root, {}, "beth", VARIABLE)
    click.echo(instance.source_template % instance.source_vars())
