"""The frame of a task, composed once and journaled, and the tools that belong to it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beth_kit.context import KitContext
from beth_kit.frame.frame import Frame, compose
from beth_kit.frame.instructions import read_instructions
from beth_kit.frame.skill_files import own_skills, repository_skills
from beth_kit.frame.skills import choose_skills, skill_tool
from beth_kit.frame.tree import TreeReader
from beth_kit.loop.answering import UNKNOWN
from beth_kit.loop.equipment import Equipment
from beth_kit.loop.role import Role
from beth_kit.mcp.config import configured
from beth_kit.mcp.servers import Servers
from beth_kit.tools.base import Tool, ToolReply
from beth_kit.tools.standard import standard_tools
from beth_kit.workspace import kept
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import Manifest

MAX_TOKENS = 8192
"""Tokens one reply may have: what every current model can write, and what a call's reservation is made of."""

_STEPS = frozenset({"frame", "model", UNKNOWN})
"""Names of the loop's own steps."""


class Framing:
    """Composes where the journal has no frame yet; otherwise goes by the journal's, whatever is installed by now."""

    def __init__(self, agent: Role, equipment: Equipment, ctx: KitContext) -> None:
        self._equipment = equipment
        self._ctx = ctx
        schema = _output_schema(agent.manifest, ctx.task.type)
        self._own = [*agent.tools, *standard_tools(agent.manifest, schema)]
        names = [one.name for one in self._own]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"role {agent.manifest.role}: several tools are named {', '.join(twice)}")
        if ours := sorted(_STEPS.intersection(names)):
            raise ConfigurationError(f"role {agent.manifest.role}: no tool can be named {ours[0]}: call it otherwise")
        configs = configured(agent.manifest, equipment.environ, equipment.settings.home)
        home = equipment.settings.home
        self._servers = Servers(configs, ctx, home=home, environ=equipment.environ, taken=names)
        self._listed: list[dict[str, Any]] = []
        self._kinds: dict[str, dict[str, Any]] = {}

    async def frame(self) -> Frame:
        """The task's frame. Raises `ConfigurationError`, `WorkspaceError`."""
        outcome = await self._ctx.step("frame", self._composed, repeat="safe", input={})
        self._ctx.workspace.based_on(outcome["base"])
        found = await kept.unfolded(outcome["frame"], self._ctx.workspace)
        self._listed, self._kinds = found["mcp"], found["kinds"]
        return Frame.from_json(found["frame"])

    def tools(self, frame: Frame) -> dict[str, Tool]:
        """The tools that a frame names, by name, each replayed as it began; one that this version does not have any
        more says so."""
        known = [*self._own, *self._servers.tools_of(self._listed)]
        if (skill := skill_tool(frame.skills)) is not None:
            known.append(skill)
        by_name = {one.name: one for one in known}
        found = {}
        for definition in frame.tools:
            name = definition["function"]["name"]
            found[name] = dataclasses.replace(by_name.get(name) or _gone(name), **self._kinds[name])
        return found

    async def close(self) -> None:
        """End what was started for the task."""
        await self._servers.close()

    async def _composed(self) -> dict[str, Any]:
        ctx, manifest = self._ctx, self._ctx.manifest
        base = await ctx.workspace.base()
        files = TreeReader(await ctx.workspace.git(), base)
        instructions = await read_instructions(files, manifest.role)
        own = await asyncio.to_thread(own_skills, manifest)
        theirs, warnings = await repository_skills(files, own)
        for warning in (*instructions.warnings, *warnings):
            ctx.log(warning)
            ctx.event("log", warning)
        skills = choose_skills((*own, *theirs), ctx.task, await files.files())
        listed = await self._servers.listed()
        tools = [*self._own, *self._servers.tools_of(listed)]
        if (skill := skill_tool(skills)) is not None:
            tools.append(skill)
        frame = await asyncio.to_thread(
            compose,
            manifest,
            ctx.task,
            tools=tools,
            instructions=instructions,
            skills=skills,
            model_name=ctx.model.name,
            package=f"{manifest.distribution or 'agent'} {manifest.package_version or '0'}",
            max_tokens=MAX_TOKENS,
        )
        kinds = {one.name: {"repeat": one.repeat, "suspends": one.suspends} for one in tools}
        composed = {"frame": frame.to_json(), "mcp": listed, "kinds": kinds}
        return {"base": base, "frame": await kept.folded(composed, ctx.workspace)}


def _gone(name: str) -> Tool:
    """What stands for a tool of the version that the task began under."""

    async def run(ctx: KitContext, arguments: Mapping[str, Any], /) -> ToolReply:
        del ctx, arguments
        return ToolReply(f"there is no tool {name!r} any more: the agent was updated meanwhile", error=True)

    return Tool(name, "", {}, run, lambda _: None, writes=False)


def _output_schema(manifest: Manifest, task_type: str) -> Mapping[str, Any] | None:
    """The JSON Schema of a task type's result, where the manifest names one. Raises `ConfigurationError`."""
    kind = manifest.task_types.get(task_type)
    if kind is None or kind.output is None or manifest.directory is None:
        return None
    path: Path = manifest.directory / kind.output
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be read as a JSON Schema ({error})") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path}: a JSON Schema of a result is an object")
    return found
