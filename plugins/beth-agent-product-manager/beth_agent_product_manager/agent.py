"""The product manager: an agent with a model that may not end with requirements or a report that do not add up."""

from __future__ import annotations

from beth_agent_product_manager import prd, report
from beth_kit import Finished, KitContext, LLMAgent
from beth_kit.claims.documents import document_problems, objection, upstream
from beth_kit.claims.said import criteria_of


class ProductManager(LLMAgent):
    """Holds what the model ends with against the task, against itself, and against what is committed."""

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What does not add up, in words for the model."""
        result, task = finished.result, ctx.task
        if task.type == "report":
            ids = [one["id"] for one in result["findings"]]
            problems = report.problems(result, criteria_of(task), report.audits_in(upstream(task)))
        else:
            ids = [one["id"] for one in prd.criteria_in(result)]
            problems = prd.problems(result, criteria_of(task))
        wanted = f"docs/requests/{task.request_id or 'none'}/{task.type}.md"
        return objection([*problems, *await document_problems(ctx, result["document"], wanted, ids)])
