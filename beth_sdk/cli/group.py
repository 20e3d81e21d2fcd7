"""The group `beth`: commands imported when they are used, the SDK's by name and those of plugins by entry point."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

import click
from click.shell_completion import CompletionItem

from beth_sdk.entry_points import distribution_of, entry_points, load_entry_point, reason_of
from beth_sdk.errors import PluginError

COMMANDS = "beth.commands"
"""The group of entry points for further commands: each names a click command, or a `Deferred`."""

REQUESTS = "Requests"
TASKS_AND_QUEUES = "Tasks and queues"
AGENTS = "Agents"
CONTRACT = "Contract"
MACHINE = "Machine"
FURTHER = "Further commands"
SECTIONS = (REQUESTS, TASKS_AND_QUEUES, AGENTS, CONTRACT, MACHINE, FURTHER)
"""The sections of `beth --help`, in their order. A plugin's command may name one of its own; it comes at the end."""

BROKEN = "Broken"


@dataclass(frozen=True, slots=True)
class Deferred:
    """A command that is not imported before it is used: `target` is `module:attribute`, `help` its line in
    `beth --help`, under `section`. What an entry point names may be one of these, so that `beth --help` stays fast.
    `values`, `module:attribute` too, completes its arguments in a shell, without importing the command."""

    target: str
    help: str
    section: str = FURTHER
    values: str | None = None

    def load(self) -> click.Command:
        """The command itself. Raises TypeError where the target is no click command, and what its import raises."""
        return _command(_attribute(self.target), self.target)

    def quick(self) -> click.Command:
        """What stands for the command while a shell completes its arguments: it knows their values and nothing else."""
        assert self.values is not None
        return _Quick(self, _attribute(self.values))


class _Quick(click.Command):
    """Completes arguments; for options it is the command itself that does."""

    def __init__(self, deferred: Deferred, values: Any) -> None:
        argument = click.Argument(["values"], nargs=-1, shell_complete=values)
        super().__init__(None, params=[argument], add_help_option=False)
        self._deferred = deferred

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        command = self._deferred.load()
        with command.make_context(ctx.info_name, list(ctx.args), parent=ctx.parent, resilient_parsing=True) as its:
            return command.shell_complete(its, incomplete)


class BethGroup(click.Group):
    """`own` are the SDK's commands by name, which nobody's entry point can replace."""

    def __init__(self, own: Mapping[str, Deferred], **settings: Any) -> None:
        super().__init__(**settings)
        self._own = dict(own)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*self._own, *_plugins(self._own)[0]]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, imported. Raises `PluginError` for a plugin's that cannot be."""
        if cmd_name in self._own:
            return self._own[cmd_name].load()
        entry_point = _plugins(self._own)[0].get(cmd_name)
        if entry_point is None:
            return None
        loaded = _loaded(entry_point)
        if isinstance(loaded, click.Command):
            return loaded
        try:
            return loaded.load()
        except (Exception, SystemExit) as error:
            raise _problem(entry_point, f"{loaded.target} cannot be loaded: {reason_of(error)}") from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if ctx.resilient_parsing and not any(one.startswith("-") for one in args):
            quick = self._quick(name)
            if quick is not None:
                return name, quick, args[1:]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing and not name.startswith("-"):
            raise click.UsageError(f"there is no command {name!r}{_near(name, self.list_commands(ctx))}", ctx)
        return name, command, args[1:]

    def _quick(self, name: str) -> click.Command | None:
        """What completes a command's arguments without the command; None where only that can."""
        found: object = self._own.get(name)
        if found is None and (entry_point := _plugins(self._own)[0].get(name)) is not None:
            found = _loaded(entry_point)
        return found.quick() if isinstance(found, Deferred) and found.values is not None else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        found, problems = _plugins(self._own)
        lines: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
        for name, entry_point in found.items():
            try:
                section, text = _described(_loaded(entry_point))
            except PluginError as error:
                problems.append(error)
                continue
            lines.setdefault(section, []).append((name, text))
        for name, deferred in self._own.items():
            lines[deferred.section].append((name, deferred.help))
        lines[BROKEN] = [(error.name, f"{error.distribution}: {error.reason}") for error in problems]
        for section, rows in lines.items():
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and help lines, without importing any command of the SDK."""
        items = [
            CompletionItem(name, help=self._own[name].help if name in self._own else None)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]


def in_section(section: str, command: click.Command) -> click.Command:
    """The command, to be listed under this section of `beth --help`; for a command that an entry point names itself."""
    command.section = section  # type: ignore[attr-defined]
    return command


def _plugins(own: Mapping[str, Deferred]) -> tuple[dict[str, EntryPoint], list[PluginError]]:
    """The entry points that add a command, by name, and what is wrong with the others."""
    found, problems = entry_points(COMMANDS)
    commands: dict[str, EntryPoint] = {}
    for entry_point in found:
        if entry_point.name in own:
            problems.append(_problem(entry_point, "beth itself has a command of this name"))
        elif entry_point.name in commands:
            first = distribution_of(commands[entry_point.name])
            problems.append(_problem(entry_point, f"{first} has a command of this name; uninstall one of the two"))
        else:
            commands[entry_point.name] = entry_point
    return commands, problems


def _loaded(entry_point: EntryPoint) -> click.Command | Deferred:
    loaded = load_entry_point(entry_point)
    if isinstance(loaded, click.Command | Deferred):
        return loaded
    raise _problem(entry_point, f"{entry_point.value} is {type(loaded).__name__}, not a click command")


def _described(loaded: click.Command | Deferred) -> tuple[str, str]:
    if isinstance(loaded, Deferred):
        return loaded.section, loaded.help
    return getattr(loaded, "section", FURTHER), loaded.get_short_help_str(limit=100)


def _attribute(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _command(found: object, target: str) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{target} is {type(found).__name__}, not a click command")
    return found


def _problem(entry_point: EntryPoint, reason: str) -> PluginError:
    return PluginError(COMMANDS, entry_point.name, distribution_of(entry_point), reason)


def _near(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if not found:
        return "; `beth --help` lists them"
    return f"; did you mean {' or '.join(found)}?"
