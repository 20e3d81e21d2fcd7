"""Planning with a model: what it wants to end with is checked as Beth will check it, and goes back with the flaw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beth_agent_beth.fold.policy import PlanPolicy
from beth_agent_beth.plan import workflow
from beth_kit import Finished, KitContext, LLMAgent
from beth_sdk.errors import ConfigurationError


class PlanningAgent(LLMAgent):
    """Makes the plan of a request."""

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """The first flaw of the plan."""
        told: Mapping[str, Any] = ctx.task.payload.to_json()
        try:
            plan = workflow.plan_of(finished.result["plan"], "the plan")
            workflow.check_team(plan, told.get("team", ()))
        except ConfigurationError as error:
            return str(error)
        most = int(told.get("most_tasks", PlanPolicy().most_tasks))
        if len(plan.task) > most:
            return f"{len(plan.task)} tasks are too many, {most} at most: make fewer and larger ones"
        return None
