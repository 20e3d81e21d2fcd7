"""The agent of Beth's own queue."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from beth_agent_beth.plan import planning_agent
from beth_agent_beth.plan.planner import Planner
from beth_sdk.agent import Agent, Context
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Result, Task
from beth_sdk.settings import Settings


async def test_two_plans_at_once_are_made_by_one_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Agent] = []

    class Slow(Agent):
        async def setup(self) -> None:
            made.append(self)
            await asyncio.sleep(0)

        async def execute(self, task: Task, ctx: Context) -> Result:
            return cast("Result", None)

    monkeypatch.setattr(planning_agent, "PlanningAgent", Slow)
    planner = Planner()
    planner.manifest, planner.settings = cast("Manifest", None), cast("Settings", None)
    nothing = cast("Task", None), cast("Context", None)
    await asyncio.gather(planner.execute(*nothing), planner.execute(*nothing))
    assert len(made) == 1
