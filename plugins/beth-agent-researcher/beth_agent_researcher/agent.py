"""The researcher: an agent with a model whose evidence is looked up before its task may end."""

from __future__ import annotations

import os

from beth_agent_researcher import evidence, research
from beth_kit import Finished, KitContext, LLMAgent
from beth_kit.claims.documents import document_problems, objection


class Researcher(LLMAgent):
    """Looks every file and line up that the model names, and holds its confidence against its evidence."""

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What does not hold, in words for the model."""
        result, task = finished.result, ctx.task
        wanted = f"docs/requests/{task.request_id or 'none'}/research.md"
        ids = [one["id"] for one in result["questions"]]
        online = evidence.reads_pages(self.manifest, os.environ, self.settings.home)
        looked_up = [await evidence.problem(ctx, one, online=online) for one in result["evidence"]]
        document = await document_problems(ctx, result["document"], wanted, ids)
        return objection([*research.problems(result), *filter(None, looked_up), *document])
