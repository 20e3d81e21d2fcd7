"""`SecurityReviewer`: its findings are held against the files they name, its verdict against their severities."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from beth_agent_security_reviewer.credentials import scan
from beth_agent_security_reviewer.tools import dependencies, find_secrets
from beth_kit import Finished, KitContext, LLMAgent, Tool
from beth_kit.claims import said, work
from beth_kit.claims.paths import parse_place

DOCUMENTS = "docs/requests/"
"""Where reports are."""

_GRAVE = ("critical", "high")
_ALWAYS = ("secrets", "dependencies")


class SecurityReviewer(LLMAgent):
    """Reviews, and commits nothing but its report."""

    tools: ClassVar[Sequence[Tool]] = (find_secrets, dependencies)

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What the result leaves out or gets wrong; None where it may stand."""
        result: Mapping[str, Any] = finished.result
        verdict = result.get("verdict")
        findings = result["findings"] if verdict is None else verdict.get("findings", [])
        found = [*_inconsistent(verdict["decision"], findings)] if verdict is not None else []
        found += [*_unchecked(result["checked"], findings)]
        found += [one async for one in _misplaced(findings, ctx)]
        found += [one async for one in _of_document(result["document"], ctx)]
        return "\n\n".join(found) or None


def _inconsistent(decision: str, findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The policy: critical and high findings are put right before anything goes on; low ones hold up nothing."""
    grave = [f"{one['title']} ({one['severity']})" for one in findings if one["severity"] in _GRAVE]
    if decision == "approved" and grave:
        yield (
            f"the verdict is `approved`, and these findings are critical or high:\n{said.listed(grave)}\nRequest "
            "changes, or give the severity that the harm and its likelihood really make."
        )
    if decision == "changes_requested" and not any(one["severity"] in {*_GRAVE, "medium"} for one in findings):
        yield (
            "the verdict is `changes_requested`, and no finding is medium or above: approve, and leave the findings as "
            "advice"
        )


def _unchecked(checked: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    missing = [area for area in _ALWAYS if not any(one["area"] == area for one in checked)]
    if missing:
        areas = " and ".join(missing)
        yield f"`checked` does not speak of {areas}: there is a tool for each; use it, and say what came of it"
    claimed = any(one["outcome"] == "finding" for one in checked)
    if claimed and not findings:
        yield "`checked` has the outcome `finding`, and there are no findings: report it, or correct the outcome"
    if findings and not claimed:
        yield "there are findings, and no area in `checked` has the outcome `finding`: say to which they belong"


async def _misplaced(findings: Sequence[Mapping[str, Any]], ctx: KitContext) -> AsyncIterator[str]:
    """Findings whose place nobody can go to."""
    wrong = []
    for one in findings:
        place = parse_place(one["place"])
        if place is None:
            wrong.append(f"{one['title']}: {one['place']!r} is no `path:line`")
        elif reason := await work.missing_place(ctx, place):
            wrong.append(f"{one['title']}: {one['place']}: {reason}")
    if wrong:
        yield (
            f"these findings are at places that are not there:\n{said.listed(wrong)}\nName the file, from the root, "
            "and the line where the fault is, or where what is missing belongs."
        )


async def _of_document(path: str, ctx: KitContext) -> AsyncIterator[str]:
    done = await work.work_of(ctx)
    if not (path.startswith(DOCUMENTS) and path.endswith(".md")):
        yield f"the document {path!r} is not where reports are: {DOCUMENTS}<request>/security.md"
    others = [one for one in done.paths if one != path]
    if others:
        base = await ctx.workspace.base()
        yield (
            f"you changed files besides your document:\n{said.listed(others)}\nUndo that (`git checkout {base[:12]} -- "
            "FILE`, or `rm` for a new one) and commit. What is wrong in them is a finding; others put it right."
        )
    text = done.after.get(path) or await work.text_at(ctx, path)
    if text is None:
        yield f"the document {path!r} is not committed"
        return
    quoted = [f"{path}:{one.line}: {one.kind}" for one in scan(path, text) if one.sure]
    if quoted:
        yield (
            f"your document quotes what looks like a secret:\n{said.listed(quoted)}\nName its place and kind, never "
            "its value, and commit that."
        )
