"""Handing a request in from a chat, as `beth submit` does; what is wrong with it is said before anything is written."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from beth_agent_beth.commands.asking import Asked, Given, asked
from beth_agent_beth.commands.reading import Wanted
from beth_agent_beth.mcp import outputs, starting_point
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import SubmitRequest
from beth_agent_beth.mcp.starting_point import StartingPoint
from beth_agent_beth.models import check, chosen
from beth_agent_beth.running import players
from beth_kit.model.choice import REPLAY
from beth_sdk.errors import ConfigurationError


async def submit(access: Access, arguments: SubmitRequest, caller: Caller) -> outputs.Submitted:
    """Hand it in. Raises `ConfigurationError`, `WorkspaceError`, `ContractError` before anything is written."""
    if access.trouble:
        raise ConfigurationError(f"{access.trouble[0]}; the user must put that right and start this server again")
    start = await _start(access, arguments, caller)
    # Beside the loop: git is asked, and agents are imported.
    request, models = await asyncio.to_thread(_checked, access, arguments, start)
    name = await access.call(request.submit(access.bus, access.journal))
    repo = request.repo or {}
    return outputs.Submitted(
        request_id=name,
        starts_from=outputs.StartsFrom(
            repo=repo.get("source"), branch=repo.get("branch"), commit=repo.get("commit"), why=start.why
        ),
        max_cost_usd=(request.budget or {}).get("cost_usd"),
        models=models,
        next=_next(access, name),
    )


async def _start(access: Access, arguments: SubmitRequest, caller: Caller) -> StartingPoint:
    if arguments.repo is not None:
        return starting_point.given(arguments.repo, arguments.branch)
    if not access.here:
        raise ConfigurationError(
            "Beth runs elsewhere, so no folder of this machine is meant without being named: say with repo where she "
            'finds the repository (a URL, or a folder of her machine), or repo "none" to start from nothing'
        )
    start = starting_point.found(await caller.roots(), Path.cwd(), Path.home())
    if start.repo is None and arguments.branch is not None:
        raise ConfigurationError(f"branch names a branch of a repository, and there is none: {start.why}; name it")
    return start


def _checked(access: Access, arguments: SubmitRequest, start: StartingPoint) -> tuple[Asked, dict[str, str]]:
    given = Given(
        Wanted(arguments.description.strip(), list(arguments.criteria)),
        workflow=arguments.workflow,
        approve_plan=arguments.approve_plan,
        repo=start.repo,
        branch=arguments.branch,
        models=access.models,
        budget=None if arguments.max_cost_usd is None else {"cost_usd": arguments.max_cost_usd},
    )
    request = asked(access.settings, given)
    if not access.here or os.environ.get(REPLAY):
        return request, {}
    choices = chosen(players(request.needed), access.settings, os.environ, access.models)
    check(choices)  # a missing key is better said now than in the middle
    return request, {one.role: one.name for one in choices}


def _next(access: Access, name: str) -> str:
    where = "" if access.here else " It waits for the agents of that bus; nothing runs in this server."
    return f"Tell the user the id and what it starts from. Then call watch_request with {name}.{where}"
