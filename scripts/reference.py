"""Writes the reference pages that are made from the code: environment variables, commands, buses, messages, hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module

import click

from beth_sdk.bus.base import Capabilities
from beth_sdk.cli.main import beth
from beth_sdk.plugins import VARIABLES as GROUP
from beth_sdk.variables import VARIABLES, DeclaredVariable, Variable
from scripts import reference_contract
from scripts.workspace import ROOT, packages

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Made from the code by `make docs`; what is changed here by hand gets lost. -->"
WIDTH = 100


def main() -> int:
    """Writes each page anew and says which have changed."""
    for name, page in PAGES.items():
        path = FOLDER / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if (now := page()) != before:
            path.write_text(now, encoding="utf-8")
            print(f"docs: {path.relative_to(ROOT)} written anew")
    return 0


def environment() -> str:
    """The page of environment variables."""
    lines = [
        NOTE,
        "",
        "# Environment variables",
        "",
        "Each can also be given as `NAME_FILE`, the path of a file that holds the value, as secrets are handed to",
        "containers. A value that is not accepted stops the start, with one line that names the variable, the value",
        "and what is accepted. A variable `BETH_…` that nothing reads is warned of.",
        "",
        *_table((f"`{variable.name}`", variable) for variable in VARIABLES),
    ]
    for distribution, declared in _declared():
        names = ((" or ".join(f"`{name}`" for name in variable.names), variable) for variable in declared)
        lines += ["", f"## {distribution}", "", *_table(names)]
    lines += [
        "",
        "## Your own",
        "",
        "A package says which variables it reads by an entry point of the group `beth.variables`, which names an",
        "iterable of `beth_sdk.variables.DeclaredVariable` as `module:attribute`. What an agent's manifest lists as",
        "`environment` is known too.",
    ]
    return "\n".join(lines) + "\n"


def _table(variables: Iterable[tuple[str, Variable | DeclaredVariable]]) -> list[str]:
    """Variables, each with its name as it is to be shown."""
    lines = ["| variable | meaning | default | accepted |", "|---|---|---|---|"]
    for name, variable in variables:
        cells = (name, variable.meaning, variable.default, variable.accepted)
        lines.append(f"| {' | '.join(_cell(text) for text in cells)} |")
    return lines


def _declared() -> Iterator[tuple[str, Sequence[DeclaredVariable]]]:
    """The name of each package here that declares variables, and those."""
    for package in packages():
        for value in package.project.get("entry-points", {}).get(GROUP, {}).values():
            module, _, attribute = value.partition(":")
            yield package.name, getattr(import_module(module), attribute)


def commands() -> str:
    """The page of all commands, those of the plugins in this repository among them."""
    lines = [NOTE, "", "# Commands", ""]
    settings = {**beth.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    with click.Context(beth, info_name="beth", **settings) as root:
        lines += ["```text", click.unstyle(beth.get_help(root)), "```", ""]
        for context in _subcommands(root):
            lines += [f"## {context.command_path}", "", "```text"]
            lines += [click.unstyle(context.command.get_help(context)), "```", ""]
    return "\n".join(line.rstrip() for line in "\n".join(lines).split("\n"))


def _subcommands(context: click.Context) -> Iterator[click.Context]:
    group = context.command
    assert isinstance(group, click.Group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
        yield inner
        if isinstance(command, click.Group):
            yield from _subcommands(inner)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if not text.startswith("`") else text


def buses() -> str:
    """The page on what each bus says of itself, for all that the packages here register."""
    lines = [
        NOTE,
        "",
        "# Buses",
        "",
        "What each bus says of itself. Fencing, retries and dead letters are the journal's and the worker's, and the",
        "same on every bus.",
        "",
    ]
    said = {name: asdict(capabilities) for name, capabilities in _capabilities().items()}
    lines += [f"| | {' | '.join(f'`{name}://`' for name in said)} |", "|---" * (len(said) + 1) + "|"]
    for field, question in QUESTIONS.items():
        answers = ({True: "yes", False: "no"}.get(of[field], str(of[field])) for of in said.values())
        lines.append(f"| {question} | {' | '.join(answers)} |")
    return "\n".join(lines) + "\n"


QUESTIONS = {
    "lease": "what ends a delivery that nobody renews",
    "dedupe": "the same key twice is one task, as far as the bus can tell",
    "priority": "priorities",
    "delay": "delays",
    "depth": "how much waits, as it counts it",
    "durable": "outlives its processes",
    "survives": "an acknowledged publish survives",
    "removes_queued": "takes cancelled tasks out of the queue",
}
"""What the page asks of each bus, by the name of the field in `Capabilities`."""


def _capabilities() -> dict[str, Capabilities]:
    found: dict[str, Capabilities] = {}
    for package in packages():
        for scheme, opener in package.project.get("entry-points", {}).get("beth.buses", {}).items():
            found[scheme] = import_module(opener.partition(":")[0]).CAPABILITIES
    return found


def _noted(made: Callable[[], list[str]]) -> Callable[[], str]:
    return lambda: "\n".join([NOTE, "", *made()]) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "environment.md": environment,
    "commands.md": commands,
    "buses.md": buses,
    "fields.md": _noted(reference_contract.fields),
    "manifest.md": _noted(reference_contract.manifest),
    "hooks.md": _noted(reference_contract.hooks),
}
"""By file name, under docs/reference/."""

if __name__ == "__main__":
    sys.exit(main())
