"""`beth new agent`: the package of a new agent, from the template."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from beth_sdk.cli.new_answers import (
    DEFAULT_MODEL,
    DEFAULT_TYPE,
    KINDS,
    Answers,
    described,
    problems,
    role_and_distribution,
)
from beth_sdk.cli.options import json_option, show, show_json
from beth_sdk.cli.text import plural


@click.group()
def new() -> None:
    """Make something new: an agent's package."""


@new.command()
@click.argument("name", required=False)
@click.option("--role", metavar="ROLE", help="The role it plays; default: NAME without beth-agent-.")
@click.option("--description", metavar="TEXT", help="What it does, in one line.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="What plays the role: a model (default), Python code, or a program of any language.",
)
@click.option(
    "--task-type",
    "task_types",
    metavar="TYPE",
    multiple=True,
    help=f"A type of its tasks; may be given several times. Default: {DEFAULT_TYPE}.",
)
@click.option("--model", metavar="PROVIDER/NAME", help=f"The model of the kind llm. Default: {DEFAULT_MODEL}.")
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the package's folder is made; default: here.",
)
@click.option("--no-input", is_flag=True, help="Ask nothing, take the defaults.")
@json_option
def agent(
    *,
    name: str | None,
    role: str | None,
    description: str | None,
    kind: str | None,
    task_types: tuple[str, ...],
    model: str | None,
    output: Path,
    no_input: bool,
    as_json: bool,
) -> None:
    """The package of a new agent: it installs, passes its own tests, and shows up in `beth agents`.

    NAME is the role, such as technical-writer, and makes a folder beth-agent-technical-writer. Together with --role,
    NAME is the name of the folder and the package. What is not said is asked for on a terminal.
    """
    asking = not no_input and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if name is None and role is None:
        if not asking:
            raise click.UsageError("say which role it is to play: beth new agent ROLE")
        role = click.prompt("Role, such as technical-writer")
    role, distribution = role_and_distribution(name, role)
    _refuse(Answers(role, distribution, described(role)))  # before more is asked
    if asking:
        description = description or click.prompt("What does it do", default=described(role))
        kind = kind or click.prompt("What plays the role", type=click.Choice(KINDS), default="llm")
        task_types = task_types or _split(click.prompt("Types of its tasks", default=DEFAULT_TYPE))
        if kind == "llm":
            model = model or click.prompt("Model", default=DEFAULT_MODEL)
    answers = Answers(
        role,
        distribution,
        described(role) if description is None else description,
        kind or "llm",
        task_types or (DEFAULT_TYPE,),
        model,
    )
    _refuse(answers)
    from beth_sdk.cli.new_render import render

    files = render(answers, output)
    if as_json:
        show_json(document(answers, output, files))
    else:
        show(lines(answers, output, files))


def document(answers: Answers, output: Path, files: Sequence[Path]) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "folder": str((output / answers.distribution).absolute()),
        "distribution": answers.distribution,
        "package": answers.package,
        "role": answers.role,
        "kind": answers.kind,
        "task_types": list(answers.task_types),
        "files": [one.as_posix() for one in files],
    }


def lines(answers: Answers, output: Path, files: Sequence[Path]) -> list[str]:
    """What people see: what was made, and what to do next."""
    folder = output / answers.distribution
    return [
        f"{folder}: {plural(len(files), 'file')}, an agent of the kind {answers.kind} for the role {answers.role}",
        "",
        "Next:",
        f"  cd {folder}",
        "  pip install -e '.[dev]'",
        "  pytest",
        "  beth agents",
        "README.md there says where to begin, and how to give it a task.",
    ]


def _refuse(answers: Answers) -> None:
    """Raises `click.UsageError` for the first thing that will not do."""
    for where, why in problems(answers):
        raise click.UsageError(f"{where}: {why}")


def _split(text: str) -> tuple[str, ...]:
    """Names separated by commas or blanks."""
    return tuple(text.replace(",", " ").split())
