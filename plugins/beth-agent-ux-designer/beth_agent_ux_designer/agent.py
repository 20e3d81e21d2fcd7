"""The UX designer: an agent with a model whose colours, tokens and verdicts are looked at before its task may end."""

from __future__ import annotations

from typing import ClassVar

from beth_agent_ux_designer import design, design_system, review
from beth_agent_ux_designer.contrast import contrast
from beth_kit import Finished, KitContext, LLMAgent, Tool
from beth_kit.claims.documents import NotThere, committed_lines, committed_text, document_problems, objection
from beth_kit.claims.said import criteria_of


class UxDesigner(LLMAgent):
    """Computes every contrast again, reads the tokens, and holds a verdict against what was found."""

    tools: ClassVar[tuple[Tool, ...]] = (contrast,)

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What does not hold, in words for the model."""
        result = finished.result
        match ctx.task.type:
            case "review":
                problems = [*review.problems(result, criteria_of(ctx.task))]
                for finding in result["verdict"].get("findings", []):
                    try:
                        await committed_lines(ctx, finding["place"])
                    except NotThere as error:
                        problems.append(f"finding {finding['title']!r}: {error}")
                return objection(problems)
            case "design-system":
                try:
                    text = await committed_text(ctx, result["tokens_file"])
                    problems = [*design_system.problems(result, text)]
                except NotThere as error:
                    problems = [f"tokens_file: {error}: write the tokens and commit them"]
                names = [one["name"] for one in result["components"]]
            case _:
                problems = [*design.problems(result)]
                names = [one["id"] for one in result["flows"]]
        wanted = f"docs/requests/{ctx.task.request_id or 'none'}/design.md"
        return objection([*problems, *await document_problems(ctx, result["document"], wanted, names)])
