"""`ask` a person and `delegate` to other agents: both end the delivery, and reply in a later one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from beth_kit.context import KitContext
from beth_kit.tools.base import MAX_OUTPUT, ToolReply, shortened, tool
from beth_sdk.errors import LoopRefused
from beth_sdk.messages import Result, WantedTask


@tool(writes=False, suspends=True)
async def ask(
    ctx: KitContext,
    question: Annotated[str, "what to decide, with what one must know for it: the person sees nothing else"],
    options: Annotated[list[str] | None, "the answers to choose from, where there are only these"] = None,
) -> ToolReply:
    """Ask the person who made the request. The task stops until the answer comes, which can take days: ask only what
    nobody but a person can decide."""
    if not question.strip():
        return ToolReply("ask: the question is empty", error=True)
    return ToolReply(shortened(await ctx.ask(question, options or None)))


class Delegated(BaseModel):
    """A task for another agent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="what its result is called in the reply; another name for each task")
    agent: str = Field(description="the role that is to do it, such as tester")
    type: str = Field(description="which kind of task of that role")
    description: str = Field(min_length=1, description="what is to be done; the agent sees nothing else of this task")
    acceptance_criteria: list[str] = Field(default_factory=list, description="what must hold when it is done")
    payload: dict[str, JsonValue] = Field(default_factory=dict, description="further fields that this type takes")


@tool(writes=False, suspends=True)
async def delegate(
    ctx: KitContext,
    tasks: Annotated[list[Delegated], "done at the same time", Field(min_length=1, max_length=20)],
) -> ToolReply:
    """Have other agents do tasks, and get their results. The task stops until all of them have ended. They start from
    what is committed: commit before."""
    names = [one.name for one in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return ToolReply(f"delegate: several tasks are named {', '.join(twice)}: give each its own name", error=True)
    wanted: list[WantedTask] = []
    for one in tasks:
        try:
            wanted.append(_wanted(one))
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
            return ToolReply(f"delegate: task {one.name}: {found}", error=True)
    try:
        results = await ctx.delegate(wanted)
    except LoopRefused as error:
        return ToolReply(f"delegate: {error}", error=True)
    return ToolReply(_told(names, results))


def _wanted(one: Delegated) -> WantedTask:
    payload = {**one.payload, "description": one.description, "acceptance_criteria": one.acceptance_criteria}
    told = {"name": one.name, "agent": one.agent, "type": one.type, "payload": payload}
    return WantedTask.model_validate(told)


def _told(names: Sequence[str], results: Sequence[Result]) -> str:
    room = MAX_OUTPUT // len(names)
    return "\n".join(shortened(_line(name, result), room) for name, result in zip(names, results, strict=True))


def _line(name: str, result: Result) -> str:
    found: Mapping[str, Any] = {
        "name": name,
        "status": result.status,
        "result": result.result,
        "error": None if result.error is None else result.error.message,
        "verdict": None if result.verdict is None else result.verdict.to_json(),
        "commits": [one.commit for one in result.artifacts if one.kind == "git" and one.commit],
    }
    told = {key: value for key, value in found.items() if value not in (None, [])}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
