"""`Developer`: what its result says is held against what it committed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from beth_kit import Finished, KitContext, LLMAgent
from beth_kit.claims import said, weakened, work


class Developer(LLMAgent):
    """Builds and repairs. It may check less than before only where it says so."""

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What the result leaves out or gets wrong; None where it may stand."""
        result: Mapping[str, Any] = finished.result
        found = [one async for one in _objections(result, ctx)]
        return "\n\n".join(found) or None


async def _objections(result: Mapping[str, Any], ctx: KitContext) -> AsyncIterator[str]:
    weaker = await weakened.objection(await work.work_of(ctx), result.get("removed_tests", []))
    if weaker:
        yield weaker
    for one in (*_unanswered(result, ctx), *_unsaid(result, ctx), *_failing(result)):
        yield one
    unknown = [one["commit"] for one in result.get("answers", ()) if "commit" in one]
    unknown = [name for name in unknown if not await work.is_commit(ctx, name)]
    if unknown:
        yield f"no commit of this repository is called {', '.join(unknown)}: name those that `commit` gave you"


def _unanswered(result: Mapping[str, Any], ctx: KitContext) -> Iterator[str]:
    """Findings of a `fix` without an answer."""
    titles = [str(one.get("title", "")) for one in said.findings_of(ctx.task)]
    missing = said.unsaid(titles, [one["finding"] for one in result.get("answers", ())])
    if missing:
        yield (
            f"`answers` leaves out these findings:\n{said.listed(missing)}\nAnswer each by its title, word for word: "
            "put it right, or say with `done` false why you did not."
        )
    if not titles and result.get("answers") == []:
        yield "`answers` is empty: say of what the task describes whether it is put right, and how"


def _unsaid(result: Mapping[str, Any], ctx: KitContext) -> Iterator[str]:
    """Criteria of an `implement` that are not spoken of."""
    if "criteria" not in result:
        return
    missing = said.unsaid(said.criteria_of(ctx.task), [one["criterion"] for one in result["criteria"]])
    if missing:
        yield (
            f"`criteria` leaves out these of the task's criteria:\n{said.listed(missing)}\nName each word for word, "
            "and say whether it holds now."
        )


def _failing(result: Mapping[str, Any]) -> Iterator[str]:
    """Runs that failed, and nothing said of it."""
    failed = said.failed_runs(result["runs"])
    if failed and not result.get("left"):
        commands = said.listed(f"{run['command']} (exit code {run['exit_code']})" for run in failed)
        yield (
            f"these ended in failure:\n{commands}\nMake them pass. If that cannot be done in this task, say in `left` "
            "what fails and why."
        )
