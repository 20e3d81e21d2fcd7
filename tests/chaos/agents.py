"""Throw-away agents with three steps: their task's description says what to do in each, and every run of a step goes
into the ledger."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from beth_sdk import Agent, Context, Result, Task
from beth_sdk.errors import Retryable
from beth_sdk.messages import Payload, WantedTask
from tests.chaos import ledger

STEPS = ("first", "second", "third")


@dataclass(frozen=True)
class Script:
    """What a task's agent does. `seconds`: how long each step takes; `blocks`: numbers of steps that block their loop
    meanwhile; `raises`: the first attempt raises after its first step; `delegates`: before its steps, one quick task to
    this role."""

    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    blocks: tuple[int, ...] = ()
    raises: bool = False
    delegates: str | None = None

    def description(self) -> str:
        """As it stands in a task's payload."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(task: Task) -> Script:
        """The script of a task; one whose description is none has quick steps."""
        text = task.payload.description
        if not text.startswith("{"):
            return Script()
        document = json.loads(text)
        document["seconds"] = tuple(document["seconds"])
        document["blocks"] = tuple(document["blocks"])
        return Script(**document)


class Scripted(Agent):
    """Carries out scripts. Its first two steps are safe to repeat; of the third it looks up whether it was done."""

    async def execute(self, task: Task, ctx: Context) -> Result:
        script = Script.of(task)
        run = _Run(task, ctx)
        run.note("execute")
        if script.delegates is not None:
            payload = Payload(description=Script().description())
            await ctx.delegate([WantedTask(name="errand", agent=script.delegates, type="errand", payload=payload)])
        done = []
        for number, name in enumerate(STEPS):
            how: dict[str, Any] = {"check": run.look_up} if number == 2 else {"repeat": "safe"}
            blocks = number in script.blocks
            done.append(await ctx.step(name, run.step, name, script.seconds[number], blocks, **how))
            if number == 0 and script.raises and not run.raised_before():
                run.note("raises", durable=True)
                raise Retryable("as the script says")
        await ctx.progress("three steps done")
        return Result.complete({"runs": [one["run"] for one in done]})


class _Run:
    """One execution of a task."""

    def __init__(self, task: Task, ctx: Context) -> None:
        self._task = task
        self._ledger = ledger.of_this_process()
        # The contract shows no agent under which hold it runs; only the checker wants to know.
        hold = ctx._link.hold  # type: ignore[attr-defined]
        self._whose = {
            "task": task.id,
            "continuation": task.continuation,
            "instance": hold.holder,
            "epoch": hold.epoch,
        }

    def note(self, what: str, *, durable: bool = False, **fields: Any) -> None:
        self._ledger.write(what, durable=durable, **self._whose, **fields)

    async def step(self, name: str, seconds: float, blocks: bool) -> dict[str, str]:
        run = secrets.token_hex(8)
        self.note("step begins", step=name, run=run)
        if blocks:
            time.sleep(seconds)  # noqa: ASYNC251 - what an agent does that blocks its loop
        elif seconds:
            await asyncio.sleep(seconds)
        self.note("step done", durable=True, step=name, run=run)
        return {"run": run}

    async def look_up(self) -> dict[str, str] | None:
        """What became of the third step of this task, for all that the ledger knows."""
        for line in ledger.read(self._ledger.path, "step done"):
            if line["task"] == self._task.id and line["step"] == STEPS[2]:
                return {"run": line["run"]}
        return None

    def raised_before(self) -> bool:
        return any(line["task"] == self._task.id for line in ledger.read(self._ledger.path, "raises"))
