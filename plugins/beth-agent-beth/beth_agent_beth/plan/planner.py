"""The agent that Beth's own queue belongs to: it makes the plan of a request that names no workflow."""

from __future__ import annotations

import asyncio

from beth_sdk.agent import Agent, Context
from beth_sdk.messages import Result, Task


class Planner(Agent):
    """Plays the role `beth`. What it takes to ask a model is made with the first task that needs it: most requests name
    a workflow, and they need no key for her."""

    def __init__(self) -> None:
        self._agent: Agent | None = None
        self._making = asyncio.Lock()

    async def execute(self, task: Task, ctx: Context) -> Result:
        """Make a plan. Raises `ConfigurationError` where no model can be asked."""
        async with self._making:  # of two tasks at once, one makes it
            agent = await self._planning()
        return await agent.execute(task, ctx)

    async def close(self) -> None:
        if self._agent is not None:
            await self._agent.close()

    async def _planning(self) -> Agent:
        if self._agent is None:
            from beth_agent_beth.plan.planning_agent import (
                PlanningAgent,
            )  # the loop of the kit, which nobody else here needs

            agent = PlanningAgent()
            agent.manifest, agent.settings = self.manifest, self.settings
            await agent.setup()
            self._agent = agent
        return self._agent
