"""One try: the agent does the task, its steps are told as they happen, and nobody else hears of it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth.dev.past import Past, steps_done
from beth_agent_beth.dev.replies import Replies, model_steps, tool_answers
from beth_kit import LLMAgent
from beth_kit.loop.equipment import Equipment
from beth_sdk import logs
from beth_sdk.agent import Agent, Signal, Suspended
from beth_sdk.cli.log import unfolded
from beth_sdk.cli.steps import Tellers
from beth_sdk.clock import Clock
from beth_sdk.errors import BethError, ConfigurationError
from beth_sdk.history import ENDED, STARTED, STEP_DONE, TaskHistory
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.messages import EventKind, Result, Task
from beth_sdk.plugins import InstalledAgent
from beth_sdk.settings import Settings
from beth_sdk.worker.admission import check_output
from beth_sdk.worker.context import TaskContext

MOST_CONTINUATIONS = 100
"""Answers and subtasks' results that a try takes from what is recorded."""

Told = Callable[[Entry], None]


@dataclass(slots=True)
class Try:
    """What came of it. `left`: where the recorded replies did not fit any more, `differing`: what tools answered
    otherwise."""

    result: Result
    entries: list[Entry]
    left: str | None = None
    differing: Sequence[str] = field(default_factory=list)


class _Link:
    """A journal for this try alone."""

    def __init__(self, clock: Clock, tellers: Tellers, told: Told) -> None:
        self.entries: list[Entry] = []
        self.history = TaskHistory()
        self.replies: Replies | None = None
        self._clock = clock
        self._tellers = tellers
        self._told = told

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        del key
        for fact in new:
            entry = Entry(Version(len(self.entries) + 1), fact, 1, self._clock.wall())
            self.entries.append(entry)
            self.history.take_in(entry)
            whole = await unfolded(entry, self._tellers)
            if self.replies is not None and fact.kind == STEP_DONE:
                for name, text, error in tool_answers(iter([whole.fact.data])):
                    self.replies.answered(name, text, error=error)
            self._told(whole)

    def emit(self, kind: EventKind, message: str | None, data: dict[str, Any] | None) -> None: ...

    def hook(self, name: str, record: object) -> None: ...

    def stopping(self) -> Signal | None:
        return None


async def tried(
    installed: InstalledAgent,
    past: Past,
    task: Task,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    recorded: bool,
    tellers: Tellers,
    told: Told,
    clock: Clock,
) -> Try:
    """Do the task. `recorded`: with the replies that its model gave. Raises `ConfigurationError`, `PluginError`."""
    agent, manifest = installed.load(), installed.manifest
    if not isinstance(agent, Agent) or manifest is None:
        raise ConfigurationError(f"{installed.role} is a service, which does no tasks")
    agent.manifest, agent.settings = manifest, settings
    link = _Link(clock, tellers, told)
    if recorded and isinstance(agent, LLMAgent):
        link.replies = Replies(model_steps(past.done()), tool_answers(past.done()))
        equipment = await asyncio.to_thread(Equipment.of, manifest, settings, environ)
        agent.equip(dataclasses.replace(equipment, model=link.replies))
    else:
        await agent.setup()
    version = f"{installed.distribution} {installed.version}"
    await link.append([Fact(STARTED, {"continuation": 0, "instance": "here", "version": version})], key="")
    try:
        result = await _until_final(agent, past, task, link, clock=clock, version=version)
    finally:
        await agent.close()
    ended = result.with_(task_id=task.id, continuation=0)
    await link.append([Fact(ENDED, {"continuation": 0, "result": ended.to_json()})], key="")
    replies = link.replies
    return Try(ended, link.entries, replies.left if replies else None, replies.differing if replies else [])


async def _until_final(agent: Agent, past: Past, task: Task, link: _Link, *, clock: Clock, version: str) -> Result:
    """The task with all its continuations, as far as what was answered then answers what is asked now."""
    manifest = agent.manifest
    for continuation in range(MOST_CONTINUATIONS):
        ctx = TaskContext(
            task,
            manifest,
            link.history,
            link,
            clock=clock,
            log=logs.get("beth.dev"),
            version=version,
            trace_id="0" * 32,
            epoch=1,
        )
        try:
            result = await agent.execute(task, ctx)
            if result.status == "complete":
                check_output(task, manifest, result.result)
        except Suspended as suspended:
            answer = _answer(suspended, past)
            if answer is None:
                what = suspended.question.text if suspended.question else "it wants other tasks done"
                return Result.failed("asks", f"nobody answered this then: {what}")
            task = task.with_(continuation=continuation + 1, answer=answer)
        except BethError as error:
            return Result.failed(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - an author's own code: what it raises is what the try shows
            return Result.failed("raised", f"{type(error).__name__}: {error}")
        else:
            return result
    return Result.failed("asks", "it asks again and again")


def _answer(suspended: Suspended, past: Past) -> dict[str, Any] | None:
    """What was answered then in the same place."""
    question = str(suspended.question.id if suspended.question is not None else suspended.data.get("question"))
    name, _, number = question.partition(":")
    for one in steps_done(past.entries):
        if one["name"] == name and str(one["n"]) == number:
            key = "text" if suspended.question is not None else "results"
            return {"question": question, key: one["outcome"]}
    return None
