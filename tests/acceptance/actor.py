"""The agents of the acceptance tests: what a task's description says is what they do."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import NothingToCommit
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.agent import Agent, Context
from beth_sdk.errors import Retryable
from beth_sdk.messages import Artifact, Result, Task, Verdict, WantedTask

LEDGER = Path(os.environ.get("ACTOR_FOLDER", ".")) / "ledger"
GATES = LEDGER.parent


def note(word: str) -> str:
    """Write into the ledger that something really ran, as one line of one write."""
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(f"{word} {os.getpid()}\n")
    return word


async def pass_gate(name: str) -> str:
    """Say that the gate is reached, then wait until the test opens it."""
    note(f"reached:{name}")
    gate = GATES / f"gate-{name}"
    while not gate.exists():  # a gate must be seen by a process that was started after it was opened
        await asyncio.sleep(0.01)
    return name


class Actor(Agent):
    async def execute(self, task: Task, ctx: Context) -> Result:
        if any("conflict" in (one.model_extra or {}) for one in task.inputs):
            return await self.resolve(task, ctx)
        told = task.payload.model_extra or {}
        if "findings" in told:
            return await self.fix(task, ctx, str(told.get("hint", "")))
        doing = task.payload.description.split()
        if doing[0] == "in-clone":
            await self.clone(task)
            doing = doing[1:]
        act = getattr(self, doing[0])
        result: Result = await act(task, ctx, *doing[1:])
        return result

    async def ask(self, task: Task, ctx: Context) -> Result:
        await ctx.step("before", note, "before", repeat="safe")
        colour = await ctx.ask("Which colour?", ["red", "blue"])
        shape = await ctx.ask("Which shape?")
        await ctx.step("after", note, f"after-{colour}-{shape}", repeat="safe")
        return Result.complete({"colour": colour, "shape": shape})

    async def choose(self, task: Task, ctx: Context) -> Result:
        return Result.complete({"chosen": await ctx.ask("Which colour?", ["red", "blue"])})

    async def gates(self, task: Task, ctx: Context, *names: str) -> Result:
        for name in names:
            await ctx.step(name, pass_gate, name, repeat="safe")
        return Result.complete({"passed": list(names), "notes": list(ctx.notes)})

    async def delegate(self, task: Task, ctx: Context) -> Result:
        await ctx.step("before", note, "before", repeat="safe")
        wanted = [wanted_task("one", "gates a"), wanted_task("two", "gates b")]
        results = await ctx.delegate(wanted)
        return Result.complete({"children": [one.status for one in results], "ids": [one.task_id for one in results]})

    async def loop(self, task: Task, ctx: Context) -> Result:
        """Ask another to do exactly what this one does."""
        results = await ctx.delegate([wanted_task("again", task.payload.description, agent="friend")])
        error = results[0].error
        return Result.complete({"status": results[0].status, "error": error.to_json() if error else None})

    async def want(self, task: Task, ctx: Context, role: str) -> Result:
        """Have a role do something."""
        (result,) = await ctx.delegate([wanted_task("wanted", "gates", agent=role)])
        return Result.complete({"status": result.status, "error": result.error.to_json() if result.error else None})

    async def deeper(self, task: Task, ctx: Context, level: str) -> Result:
        results = await ctx.delegate([wanted_task("deeper", f"deeper {int(level) + 1}")])
        return results[0] if results[0].status != "complete" else Result.complete(results[0].result)

    async def fail(self, task: Task, ctx: Context, times: str) -> Result:
        note("attempt")
        if LEDGER.read_text().count("attempt") <= int(times):
            raise Retryable(f"not yet, of {times}")
        return Result.complete({"attempts": LEDGER.read_text().count("attempt")})

    async def die(self, task: Task, ctx: Context) -> Result:
        """Take the whole worker down, the way running out of memory does."""
        note("attempt")
        if not (GATES / "gate-mended").exists():
            os.kill(os.getpid(), 9)
        return Result.complete({"mended": True})

    async def commit(self, task: Task, ctx: Context, name: str, text: str, gate: str = "") -> Result:
        """Write a file in the task's clone and commit it, once a gate is open where one is named."""
        clone = await self.clone(task)
        if gate:
            await ctx.step(gate, pass_gate, gate, repeat="safe")
        (clone.directory / name).write_text(f"{text}\n")
        return await self.committed(task, clone)

    async def resolve(self, task: Task, ctx: Context) -> Result:
        """Make of both sides one: their lines, sorted."""
        clone = await self.clone(task)
        found = (branch_of(task).model_extra or {})["conflict"]
        conflict = Conflict(tuple(found["files"]), found["ours"], found["theirs"], found.get("base"), found["tree"])
        await clone.begin_merge(conflict)
        for name in conflict.files:
            lines = (clone.directory / name).read_text().splitlines()
            both = sorted(line for line in lines if not line.startswith(("<<<<<<<", "=======", ">>>>>>>")))
            (clone.directory / name).write_text("".join(f"{line}\n" for line in both))
        if (GATES / "slowly").exists():
            await ctx.step("resolving", pass_gate, "resolving", repeat="safe")
        note(f"resolved:{task.id}")
        return await self.committed(task, clone)

    async def clone(self, task: Task) -> TaskClone:
        assert task.request_id is not None
        repository = await RequestRepository.open(self.settings.home, task.request_id)
        return await TaskClone.open(repository, task.id, branch_of(task).commit)

    async def committed(self, task: Task, clone: TaskClone) -> Result:
        try:
            made = await clone.commit(f"Work of {task.id}", role=task.agent)
        except NothingToCommit as nothing:  # a worker that was killed had done it
            made = nothing.commit
        work = Artifact(kind="git", uri=branch_of(task).uri, ref=clone.ref, commit=made)
        return Result.complete({"commit": made}, artifacts=[work])

    async def judge(self, task: Task, ctx: Context, *decisions: str) -> Result:
        """As a gate: the first decision in the first round, and so on; the last one ever after."""
        round_ = int((task.payload.model_extra or {}).get("round", 1))
        decision = decisions[min(round_, len(decisions)) - 1]
        note(f"judged:{decision}")
        finding = {"title": "It is blue", "severity": "high", "place": "colour.txt:1", "detail": "cat colour.txt"}
        findings = [] if decision == "approved" else [finding]
        verdict = Verdict.model_validate({"decision": decision, "findings": findings})
        return Result.complete({"summary": decision}, verdict=verdict)

    async def fix(self, task: Task, ctx: Context, hint: str) -> Result:
        """What a gate found."""
        note("fixed")
        if hint:
            note(f"hint:{hint.replace(' ', '_')}")
        return Result.complete({"summary": "fixed"})

    async def pay(self, task: Task, ctx: Context, steps: str) -> Result:
        """So many steps that cost a dollar each."""
        for _ in range(int(steps)):
            await ctx.step("pay", note, "paid", repeat="safe", reserve=1.0, usage=lambda _: {"cost_usd": 1.0})
        return Result.complete({"paid": int(steps)})

    async def large(self, task: Task, ctx: Context) -> Result:
        return Result.complete({"text": "x" * 300_000})


def branch_of(task: Task) -> Artifact:
    """What the task was told of its request's branch."""
    return next(one for one in task.inputs if (one.ref or "").startswith("refs/heads/beth/"))


def wanted_task(name: str, description: str, agent: str = "actor") -> WantedTask:
    fields: dict[str, Any] = {"name": name, "agent": agent, "type": "act", "payload": {"description": description}}
    return WantedTask.model_validate(fields)


if __name__ == "__main__":  # the command of the role `program`: a child in its own group, then sleep
    child = os.fork()
    if child == 0:
        signal_file = GATES / "child"
        signal_file.write_text(str(os.getpid()))
        while True:
            os.read(os.pipe()[0], 1)
    sys.stdin.read()
    note(f"program:{os.getpid()}")
    os.waitpid(child, 0)
