"""What is installed: agents, hook plugins, commands and so on, by entry point. A broken one never stops the others."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pluggy

from beth_sdk.agent import Agent, Service
from beth_sdk.entry_points import (
    directory_of,
    distribution_of,
    distributions,
    entry_points,
    load_entry_point,
    reason_of,
)
from beth_sdk.errors import BethError, ManifestError, PluginError, UnknownRole
from beth_sdk.hookspecs import PROJECT, Specs
from beth_sdk.manifest import MANIFEST_NAME, Manifest, load_manifest
from beth_sdk.variables import DeclaredVariable

__all__ = [
    "AGENTS",
    "CHECKS",
    "COMMANDS",
    "PLUGINS",
    "RECOVERIES",
    "VARIABLES",
    "InstalledAgent",
    "discover_agents",
    "discover_checks",
    "discover_commands",
    "discover_recoveries",
    "discover_variables",
    "find_agent",
    "load_entry_point",
    "load_hook_plugins",
]

AGENTS = "beth.agents"
PLUGINS = "beth.plugins"
COMMANDS = "beth.commands"
CHECKS = "beth.checks"
RECOVERIES = "beth.recoveries"
VARIABLES = "beth.variables"


# -- agents -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InstalledAgent:
    """An entry point of `beth.agents`. With an `error` it cannot be used; its manifest may be None then."""

    name: str
    distribution: str
    version: str
    directory: Path | None
    manifest: Manifest | None
    error: BethError | None = None

    @property
    def role(self) -> str:
        """The role it plays; the entry point's name where the manifest cannot be read."""
        return self.manifest.role if self.manifest else self.name

    def load(self) -> Agent | Service:
        """Import its class and make one, or the `CommandAgent` of its command.

        Raises its own `error`, or `PluginError` for whatever goes wrong in its code.
        """
        if self.error is not None:
            raise self.error
        assert self.manifest is not None
        if self.manifest.class_ is None:
            from beth_sdk.command import CommandAgent  # a host without commands needs nothing of it

            return CommandAgent(self.manifest)
        player = self._made(self.manifest.class_)
        if isinstance(player, Agent):
            player.manifest = self.manifest
        elif not isinstance(player, Service):
            raise self._problem(f"{self.manifest.class_} is neither an Agent nor a Service")
        return player

    def _made(self, path: str) -> object:
        try:
            made: object = EntryPoint(self.name, path, AGENTS).load()()
        except (Exception, SystemExit) as error:
            raise self._problem(f"{path} cannot be loaded: {reason_of(error)}") from error
        return made

    def _problem(self, reason: str) -> PluginError:
        return PluginError(AGENTS, self.name, self.distribution, reason)


def discover_agents() -> list[InstalledAgent]:
    """Every installed agent, by distribution and name, without importing any. What is wrong with one is its `error`;
    of two that take tasks from the same queue, the second has one."""
    found: list[InstalledAgent] = []
    owners: dict[str, InstalledAgent] = {}
    for distribution in distributions():
        if distribution.error is not None and AGENTS in distribution.declared:
            reason = f"its entry points cannot be read: {distribution.error}"
            problem = PluginError(AGENTS, "*", distribution.name, reason)
            found.append(InstalledAgent("*", distribution.name, distribution.version, None, None, problem))
        for entry_point in distribution.of_group(AGENTS):
            agent = _installed(entry_point, distribution.name, distribution.version)
            found.append(_or_second(agent, owners))
    return found


def find_agent(role: str) -> InstalledAgent:
    """The agent that plays `role`, which may also be an alias (`security` for a queue `tasks.security`).

    Raises `UnknownRole`, or the agent's own error where the one that plays it is broken.
    """
    agents = discover_agents()
    sound = [agent for agent in agents if agent.error is None]
    for agent in sound:
        if agent.role == role:
            return agent
    for agent in sound:
        if agent.manifest is not None and f"tasks.{role}" in agent.manifest.own_queues:
            return agent
    for agent in agents:
        if agent.error is not None and role in {agent.role, agent.name}:
            raise agent.error
    raise UnknownRole(role, sorted(agent.role for agent in sound))


def _installed(entry_point: EntryPoint, distribution: str, version: str) -> InstalledAgent:
    agent = InstalledAgent(entry_point.name, distribution, version, None, None)
    try:
        directory = directory_of(entry_point, MANIFEST_NAME)
    except Exception as error:  # noqa: BLE001 - finders and paths of others; one that breaks is reported, not raised
        problem = PluginError(AGENTS, entry_point.name, distribution, reason_of(error))
        return replace(agent, error=problem)
    try:
        manifest = load_manifest(directory)
    except ManifestError as error:
        return replace(agent, directory=directory, error=error)
    located = manifest.located(directory, distribution=distribution, package_version=version)
    return replace(agent, directory=directory, manifest=located)


def _or_second(agent: InstalledAgent, owners: dict[str, InstalledAgent]) -> InstalledAgent:
    """The agent as it is where its queues are its alone; otherwise with an error that names whose they are."""
    if agent.manifest is None:
        return agent
    queues = agent.manifest.own_queues
    for queue in queues:
        first = owners.get(queue)
        if first is not None:
            reason = f"{queue} is already the queue of {first.role} from {first.distribution}; uninstall one of the two"
            return replace(agent, error=PluginError(AGENTS, agent.name, agent.distribution, reason))
    owners.update(dict.fromkeys(queues, agent))
    return agent


# -- hook plugins -----------------------------------------------------------------------------


def load_hook_plugins() -> tuple[pluggy.PluginManager, list[PluginError]]:
    """The plugins of `beth.plugins`, in the order of their names, and what kept the others out.

    An entry point names a module, an object, or a class that is made without arguments.
    """
    plugin_manager = pluggy.PluginManager(PROJECT)
    plugin_manager.add_hookspecs(Specs)
    found, problems = entry_points(PLUGINS)
    for entry_point in found:
        try:
            _register(plugin_manager, entry_point)
        except PluginError as error:
            problems.append(error)
    return plugin_manager, problems


def _register(plugin_manager: pluggy.PluginManager, entry_point: EntryPoint) -> None:
    name = entry_point.name
    distribution = distribution_of(entry_point)
    if plugin_manager.has_plugin(name):
        raise PluginError(PLUGINS, name, distribution, "another distribution's plugin has this name already")
    loaded = load_entry_point(entry_point)
    try:
        plugin = loaded() if inspect.isclass(loaded) else loaded
        _check_hooks(plugin_manager, plugin)
        plugin_manager.register(plugin, name)
    except (Exception, SystemExit) as error:
        if plugin_manager.has_plugin(name):  # before pluggy 1.7, one whose second hook it refused
            plugin_manager.unregister(name=name)
        raise PluginError(PLUGINS, name, distribution, reason_of(error)) from error


def _check_hooks(plugin_manager: pluggy.PluginManager, plugin: object) -> None:
    """What pluggy itself lets pass: hooks nobody calls, hooks that could only be awaited, and a plugin without any.

    Raises ValueError.
    """
    known = [name for name in vars(Specs) if name.startswith(("before_", "after_"))]
    implemented = 0
    for attribute in dir(plugin):
        options = plugin_manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        implemented += 1
        name = options.get("specname") or attribute
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ValueError(f"there is no hook {name}" + (f"; did you mean {near[0]}?" if near else ""))
        if options.get("wrapper") or options.get("hookwrapper"):
            raise ValueError(f"{attribute} is a wrapper; hooks only observe")
        if inspect.iscoroutinefunction(getattr(plugin, attribute)):
            raise ValueError(f"{attribute} is async; hooks are plain functions on a thread of their own")
    if not implemented:
        raise ValueError("it implements no hook; mark its functions with @beth_sdk.hookimpl")


# -- commands, checks and variables -----------------------------------------------------------


def discover_commands() -> Mapping[str, EntryPoint]:
    """The further commands of `beth`, by name, not imported: `load_entry_point` does that when one is used."""
    return _first_of_each(entry_points(COMMANDS)[0])


def discover_checks() -> tuple[dict[str, Callable[..., Any]], list[PluginError]]:
    """The checks of `beth doctor` by name, loaded, and what kept the others out."""
    return _callables(CHECKS)


def discover_recoveries() -> tuple[dict[str, Callable[..., Any]], list[PluginError]]:
    """What `beth doctor --recover` asks, by name, loaded, and what kept the others out."""
    return _callables(RECOVERIES)


def _callables(group: str) -> tuple[dict[str, Callable[..., Any]], list[PluginError]]:
    found, problems = entry_points(group)
    functions: dict[str, Callable[..., Any]] = {}
    for name, entry_point in _first_of_each(found).items():
        try:
            function = load_entry_point(entry_point)
        except PluginError as error:
            problems.append(error)
            continue
        if callable(function):
            functions[name] = function
        else:
            reason = f"{entry_point.value} is not callable"
            problems.append(PluginError(group, name, distribution_of(entry_point), reason))
    return functions, problems


def discover_variables() -> tuple[list[DeclaredVariable], list[PluginError]]:
    """The environment variables that plugins say they read, and what kept the others out."""
    found, problems = entry_points(VARIABLES)
    variables: list[DeclaredVariable] = []
    for entry_point in found:
        try:
            variables += _declared(entry_point)
        except PluginError as error:
            problems.append(error)
    return variables, problems


def _declared(entry_point: EntryPoint) -> list[DeclaredVariable]:
    """Raises `PluginError`."""
    loaded = load_entry_point(entry_point)
    try:
        declared = list(loaded)
    except Exception as error:
        reason = f"{entry_point.value} cannot be read: {reason_of(error)}"
        raise PluginError(VARIABLES, entry_point.name, distribution_of(entry_point), reason) from error
    wrong = next((one for one in declared if not isinstance(one, DeclaredVariable)), None)
    if wrong is not None:
        reason = f"{entry_point.value} holds a value of type {type(wrong).__name__}, not only DeclaredVariable"
        raise PluginError(VARIABLES, entry_point.name, distribution_of(entry_point), reason)
    return declared


def _first_of_each(found: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    by_name: dict[str, EntryPoint] = {}
    for entry_point in found:
        by_name.setdefault(entry_point.name, entry_point)
    return by_name
