"""`Tester`: its verdict is held against its own runs, which are repeated, and against what it committed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from beth_agent_tester.again import Again
from beth_kit import Finished, KitContext, LLMAgent
from beth_kit.claims import said, weakened, work
from beth_kit.claims.paths import is_test, is_test_setup

DOCUMENTS = "docs/requests/"
"""Where reports are."""


class Tester(LLMAgent):
    """Tests, and changes nothing but tests."""

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """What the result leaves out or gets wrong; None where it may stand."""
        result: Mapping[str, Any] = finished.result
        objections = {"verify": _of_verdict, "reproduce": _of_reproduction, "assess": _of_assessment}
        done = await work.work_of(ctx)
        found = [*_beyond_tests(done, await ctx.workspace.base())]
        weaker = await weakened.objection(done, result.get("removed_tests", []))
        if weaker:
            found.append(weaker)
        of_type = objections.get(ctx.task.type)
        if of_type is not None:
            found += [one async for one in of_type(result, done, ctx)]
        return "\n\n".join(found) or None


def _beyond_tests(done: work.Work, base: str) -> Iterator[str]:
    own = (is_test, is_test_setup, lambda path: path.startswith(DOCUMENTS))
    others = [path for path in done.paths if not any(of(path) for of in own)]
    if others:
        yield (
            f"you changed files that are no tests:\n{said.listed(others)}\nUndo that (`git checkout "
            f"{base[:12]} -- FILE`, or `rm` for a new one) and commit. What is wrong in them is a finding."
        )


# -- verify -----------------------------------------------------------------------------------


async def _of_verdict(result: Mapping[str, Any], done: work.Work, ctx: KitContext) -> AsyncIterator[str]:
    del done
    missing = said.unsaid(said.criteria_of(ctx.task), [one["criterion"] for one in result["criteria"]])
    if missing:
        yield (
            f"`criteria` leaves out these of the task's criteria:\n{said.listed(missing)}\nTest each, and say what "
            "came of it."
        )
    approved = result["verdict"]["decision"] == "approved"
    for one in (*_contradictions(result),) if approved else (*_unshown(result),):
        yield one
    async for one in Again(ctx).differing(said.last_runs(result["runs"])):
        yield one


def _contradictions(result: Mapping[str, Any]) -> Iterator[str]:
    """What speaks against an approval in the result itself."""
    failed = said.failed_runs(result["runs"])
    if failed:
        commands = said.listed(f"{run['command']} (exit code {run['exit_code']})" for run in failed)
        yield (
            f"the verdict is `approved`, and these ended in failure:\n{commands}\nIf what was built is at fault, "
            "request changes with a finding. If your own test or command is, correct it and run it again."
        )
    unmet = [one["criterion"] for one in result["criteria"] if one["status"] == "unmet"]
    if unmet:
        yield f"the verdict is `approved`, and these criteria are unmet:\n{said.listed(unmet)}\nRequest changes."
    grave = [one["title"] for one in _findings(result) if one["severity"] in {"critical", "high"}]
    if grave:
        yield (
            f"the verdict is `approved`, and these findings are critical or high:\n{said.listed(grave)}\nRequest "
            "changes, or give the severity that it really has."
        )


def _unshown(result: Mapping[str, Any]) -> Iterator[str]:
    """Why a request for changes cannot be followed."""
    findings = _findings(result)
    commands = [str(run["command"]).strip() for run in result["runs"]]
    if not any(command in finding["detail"] for finding in findings for command in commands):
        yield (
            "the verdict is `changes_requested`, and no finding can be reproduced: at least one must have in `detail` "
            "a command of `runs`, word for word, with what it printed and what should have come instead"
        )
    unmet = any(one["status"] == "unmet" for one in result["criteria"])
    if not unmet and not said.failed_runs(result["runs"]) and all(one["severity"] == "info" for one in findings):
        yield (
            "the verdict is `changes_requested`, and nothing in the result is wrong: every criterion is met, every "
            "command passes, and the findings are remarks. Approve, with them"
        )


def _findings(result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = result["verdict"].get("findings", [])
    return found


# -- reproduce --------------------------------------------------------------------------------


async def _of_reproduction(result: Mapping[str, Any], done: work.Work, ctx: KitContext) -> AsyncIterator[str]:
    test = result.get("test")
    if test is None:
        if not result.get("steps"):
            wanted = "how to see the bug" if result["reproduced"] else "what was tried"
            yield f"there is no `test`: say in `steps`, one by one, {wanted}"
        return
    if not result["reproduced"]:
        yield "there is a `test`, and `reproduced` is false: a test that fails because of the bug is the bug reproduced"
    patch = next((one for one in done.patches if one.new == test["path"]), None)
    if patch is None or not patch.added:
        yield f"{test['path']} is not among the files you committed"
    elif test["name"] not in done.after.get(test["path"], ""):
        yield f"there is no test {test['name']!r} in {test['path']}"
    run = next(
        (run for run in said.last_runs(result["runs"]) if run["command"].strip() == test["command"].strip()), None
    )
    if run is None or run["exit_code"] == 0:
        yield f"`runs` does not show that {test['command']!r} fails: run it, and list it with its exit code"
    else:
        async for one in Again(ctx).failing(test["command"], test["fails_with"]):
            yield one


# -- assess -----------------------------------------------------------------------------------


async def _of_assessment(result: Mapping[str, Any], done: work.Work, ctx: KitContext) -> AsyncIterator[str]:
    path = result["document"]
    if path not in done.after and await work.text_at(ctx, path) is None:
        yield f"the document {path!r} is not committed"
