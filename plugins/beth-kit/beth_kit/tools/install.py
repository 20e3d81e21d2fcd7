"""`install`: packages for the task's programs, where bash has no network."""

from __future__ import annotations

from typing import Annotated

from beth_kit.context import KitContext
from beth_kit.environment import requirements
from beth_kit.environment.installer import Installer, InstallFailed
from beth_kit.environment.setup import script_of, set_up
from beth_kit.environment.sources import sources
from beth_kit.sandbox.policy import task_uid
from beth_kit.sandbox.probe import mapped_uids
from beth_kit.tools.base import ToolReply, shortened, tool
from beth_sdk.errors import ConfigurationError


@tool(writes=False)
async def install(
    ctx: KitContext,
    python: Annotated[list[str] | None, "Python packages, such as requests or requests>=2.31,<3"] = None,
    node: Annotated[list[str] | None, "Node packages, such as lodash or @types/node@22"] = None,
) -> ToolReply:
    """Install packages from the registries for all tasks of this request: Python's as wheels, into the environment that
    `python` starts; Node's without their install scripts, where `require` and npx find them. What the work needs for
    good belongs into its own requirements too."""
    wanted = [*(python or ()), *(node or ())]
    if not wanted or len(wanted) > requirements.MOST:
        return ToolReply(f"install: name packages, at most {requirements.MOST}", error=True)
    try:
        names = [requirements.python(one) for one in python or ()], [requirements.node(one) for one in node or ()]
        installed = await installer(ctx).install(*names)
    except (requirements.RequirementRefused, InstallFailed, ConfigurationError) as error:
        return ToolReply(shortened(f"install: nothing was installed: {error}"), error=True)
    found = [f"{kind}: {', '.join(names) or 'all of it was there already'}" for kind, names in installed.items()]
    return ToolReply(shortened("installed\n" + "\n".join(found)), data={"installed": installed})


async def setup_problem(ctx: KitContext) -> str | None:
    """See to `.beth/setup`, once in a delivery; what went wrong in words for the model, or None."""
    if ctx.set_up:
        return None
    ctx.set_up = True
    repository = (await ctx.workspace.clone()).repository
    script = await script_of(repository)
    if script is None:
        return None
    try:
        return await set_up(installer(ctx), repository, script, ctx.locks.network)
    except ConfigurationError as error:
        return f".beth/setup was not run: {error}"


def installer(ctx: KitContext) -> Installer:
    """What writes the packages of the task's request. Raises `ConfigurationError`; see `sources`."""
    locks = ctx.locks
    # A user of their own: what one task's tools are, must not be able to change what the others' start.
    uid = None if locks.uid is None else task_uid(f"packages:{ctx.packages.root.name}", mapped_uids())

    def denied(what: str) -> None:
        ctx.event("denied", what, program="install")

    return Installer(ctx.packages, sources(), ctx.clock, locks.enforced, uid, locks.limits, denied)
