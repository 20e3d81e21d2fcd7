"""CommandAgent: takes a task, runs the manifest's command for it in one journaled step, and returns what it said."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beth_sdk import schema
from beth_sdk.agent import Agent, Context
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.command import launch
from beth_sdk.command.output import STDOUT_LIMIT, read_result
from beth_sdk.command.process import Program, run
from beth_sdk.command.stderr import Stderr
from beth_sdk.errors import Rejected, Retryable
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Result, Task, WantedTask

COUNTED = ("input_tokens", "output_tokens", "cost_usd", "llm_calls", "tool_calls")
"""What adds up over the runs of a task. Its seconds are the worker's to count."""

GRACE = 5.0
"""Seconds a command has between SIGTERM and SIGKILL to put things in order."""

TAKEN_AS_DONE = {
    "summary": "The worker died while the command ran, and a person took it as done; what it said is not known."
}


class CommandAgent(Agent):
    """Plays a role by running a program: the task as JSON on stdin, progress as JSON lines on stderr, the result as
    JSON on stdout. The protocol is in docs/how-to/command-agent.md; `output` says what the exit codes mean.

    A run is a step named `command`, so a task whose command has an outcome does not run it again. A question, or tasks
    for others, end the run; with the answer the command is run anew.
    """

    def __init__(
        self, manifest: Manifest, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.manifest = manifest
        self._clock = clock or SystemClock()
        self._environ = os.environ if environ is None else environ

    async def setup(self) -> None:
        """Raises `ManifestError` where the program does not exist or cannot be executed."""
        self._argv = launch.arguments(self.manifest, self._environ)

    async def execute(self, task: Task, ctx: Context) -> Result:
        """Run the command until it comes to a result that ends the task."""
        answers: list[dict[str, Any]] = []
        while True:
            said, replayed = await self._said(task, ctx, answers)
            if said is None:
                return Result.complete({**TAKEN_AS_DONE})
            result = schema.parse(Result, said)
            if result.question is not None and result.status == "needs_input":
                text = await ctx.ask(result.question.text, result.question.options)
                answers.append({"question": result.question.text, "text": text})
            elif result.tasks is not None and result.status == "needs_tasks":
                answers.append(await _delegated(result.tasks, ctx))
            elif result.error is not None and result.status == "rejected":
                raise Rejected(result.error.message, code=result.error.code, details=dict(result.error.details or {}))
            elif replayed and _wants_more(task, result):
                continue  # it has a larger budget now
            else:
                return result

    async def _said(
        self, task: Task, ctx: Context, answers: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any] | None, bool]:
        """What a run came to, as its step has it, and whether that was an earlier delivery's. None: the worker died in
        it, and a person took it as done."""
        replayed = True

        async def command() -> dict[str, Any]:
            nonlocal replayed
            replayed = False
            return await self._run(task, ctx, answers)

        identity = {"task": {"id": task.id, "type": task.type, "payload": task.payload.to_json()}, "answers": answers}
        said: dict[str, Any] | None = await ctx.step(
            "command", command, repeat=self.manifest.repeat, input=identity, usage=_usage_of
        )
        return said, replayed

    async def _run(self, task: Task, ctx: Context, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        try:
            directory = launch.work_directory(self.settings.home, task)
            program = Program(
                argv=self._argv,
                directory=directory,
                environment=launch.environment(self.manifest, task, directory, self._environ),
                stdin=launch.stdin(task, directory, answers, ctx.notes),
                stdout_limit=STDOUT_LIMIT,
                timeout=self.manifest.limits.timeout_seconds,
                grace=GRACE,
            )
            async with Stderr(ctx, self._clock) as stderr:
                ending = await run(program, stderr=stderr.feed, clock=self._clock)
        except OSError as error:
            hint = ": a script needs a first line such as #!/bin/sh" if error.errno == errno.ENOEXEC else ""
            raise Retryable(f"the command could not be started: {error}{hint}") from error
        return read_result(ending, task.id, stderr.tail(), self._output_schema(task))

    def _output_schema(self, task: Task) -> Path | None:
        declared = self.manifest.task_types.get(task.type)
        if declared is None or declared.output is None:
            return None
        return (self.manifest.directory or Path()) / declared.output


def _usage_of(said: Mapping[str, Any] | None) -> dict[str, float]:
    """What a run says it used up. It knows nothing of the runs before a question or a death."""
    told = (said or {}).get("usage") or {}
    return {name: told[name] for name in COUNTED if isinstance(told.get(name), int | float)}


def _wants_more(task: Task, result: Result) -> bool:
    """Whether a run ended because the task's budget did not reach, and more may be had."""
    more = task.budget is not None and bool(task.budget.more)
    details = (result.error.details if result.error is not None else None) or {}
    return more and result.status == "failed" and details.get("limit") == "budget"


async def _delegated(tasks: Sequence[WantedTask], ctx: Context) -> dict[str, Any]:
    results = await ctx.delegate(tasks)
    return {"tasks": [task.name for task in tasks], "results": [result.to_json() for result in results]}
