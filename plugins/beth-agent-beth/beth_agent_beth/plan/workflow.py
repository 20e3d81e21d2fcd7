"""Workflows: named plans in files. A plan is a graph of tasks; only those whose needs have ended are published."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Fixer, Size
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Id, Role

MAX_TASKS = 10_000
"""A plan with more tasks than this is refused as a mistake."""


class PlannedTask(BaseModel):
    """One task of a plan. `needs` are names of other tasks; a `gate`'s verdict decides about the work before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Id
    agent: Role
    type: Role
    needs: list[Id] = Field(default_factory=list)
    gate: bool = False
    description: str | None = None
    """What this task is about, where it is not the request's own description."""
    reason: str | None = None
    """Why the plan has it; for people."""
    size: Size = "M"
    """How much of the budget it is given at first."""
    fix: Fixer | None = None
    """Who does what this gate asks for; the policy's unless given."""
    recheck: list[Id] = Field(default_factory=list)
    """Other gates that look again after a fix which this gate asked for."""


class Plan(BaseModel):
    """The tasks of a request and their dependencies. `description`: for people, also why it is this plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Id
    description: str = ""
    task: Annotated[list[PlannedTask], Field(min_length=1, max_length=MAX_TASKS)]

    @property
    def roles(self) -> list[str]:
        """The roles it takes, each once, in the order of their first task; those that it names for fixes last."""
        fixers = (task.fix.agent for task in self.task if task.fix is not None)
        return list(dict.fromkeys([*(task.agent for task in self.task), *fixers]))


def names() -> list[str]:
    """The workflows that come with Beth."""
    folder = resources.files("beth_agent_beth.plan") / "workflows"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load(name: str) -> Plan:
    """A workflow by its name, or from a file by its path. Raises `ConfigurationError`."""
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return parse(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ConfigurationError(f"workflow {name}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"workflow {name}: not UTF-8 text") from None
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, [*known, facts.AUTO], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigurationError(
            f"no workflow is called {name!r}; there are {', '.join(known)}, {facts.AUTO} (Beth's model makes it), or a "
            f".toml file{hint}"
        )
    return parse((resources.files("beth_agent_beth.plan") / "workflows" / f"{name}.toml").read_text("utf-8"), name)


def parse(text: str, source: str) -> Plan:
    """A workflow from its text. Raises `ConfigurationError` that names the task and what is wrong with it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"workflow {source}: {error}") from None
    return plan_of(document, f"workflow {source}")


def plan_of(document: object, source: str) -> Plan:
    """A plan from plain values, checked. Raises `ConfigurationError`."""
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{source}: {where}: {first['msg']}") from None
    check(plan)
    return plan


def check(plan: Plan) -> None:
    """Raises `ConfigurationError` for a plan that cannot be carried out: a name or a need twice, an unknown need, a
    cycle."""
    by_name: dict[str, PlannedTask] = {}
    for task in plan.task:
        if task.name in by_name:
            raise ConfigurationError(f"plan {plan.name}: two tasks are called {task.name!r}")
        by_name[task.name] = task
    for task in plan.task:
        for need in task.needs:
            if need not in by_name:
                raise ConfigurationError(f"plan {plan.name}: {task.name} needs {need!r}, which is no task of it")
        if len(set(task.needs)) < len(task.needs):
            raise ConfigurationError(f"plan {plan.name}: {task.name} needs a task twice")
        _check_gate(plan, task, by_name)
    if cycle := _cycle(by_name):
        raise ConfigurationError(f"plan {plan.name}: its tasks wait for each other: {' → '.join(cycle)}")


def _check_gate(plan: Plan, task: PlannedTask, by_name: dict[str, PlannedTask]) -> None:
    if not task.gate and (task.fix is not None or task.recheck):
        raise ConfigurationError(f"plan {plan.name}: {task.name} is no gate, so it has neither fix nor recheck")
    for other in task.recheck:
        if other not in by_name or not by_name[other].gate or other == task.name:
            raise ConfigurationError(f"plan {plan.name}: {task.name} has {other!r} rechecked, which is no other gate")


def check_roles(plan: Plan, installed: set[str]) -> None:
    """Raises `ConfigurationError` that names every role of the plan that nobody plays."""
    missing: dict[str, str] = {}
    for number, task in enumerate(plan.task):
        for role, place in ((task.agent, "agent"), (task.fix.agent if task.fix else task.agent, "fix.agent")):
            if role not in installed:
                missing.setdefault(role, f"$.task[{number}].{place}")
    if not missing:
        return
    there = ", ".join(sorted(installed)) or "none"
    named = ", ".join(f"{role!r} ({place}{_near(role, installed)})" for role, place in missing.items())
    raise ConfigurationError(f"plan {plan.name}: no installed agent plays {named}; installed: {there}")


def check_team(plan: Plan, team: Iterable[Mapping[str, Any]]) -> None:
    """As `check_roles`, for a team as a request knows it; also refuses a task of a type that its role does not take.
    An empty team is one that nobody knows."""
    members = {name: one for one in team for name in (one["role"], *one.get("aliases", ()))}
    if not members:
        return
    check_roles(plan, set(members))
    for number, task in enumerate(plan.task):
        types = members[task.agent].get("task_types")
        if types and task.type not in types:
            raise ConfigurationError(
                f"plan {plan.name}: {task.agent} takes no tasks of type {task.type!r} ($.task[{number}].type"
                f"{_near(task.type, set(types))}); it takes {', '.join(types)}"
            )


def _near(role: str, installed: set[str]) -> str:
    near = difflib.get_close_matches(role, sorted(installed), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _cycle(tasks: dict[str, PlannedTask]) -> list[str]:
    """The names along one cycle, the first repeated at the end; empty where there is none."""
    waiting = {name: set(task.needs) for name, task in tasks.items()}
    free = [name for name, needs in waiting.items() if not needs]
    needed_by: dict[str, list[str]] = {}
    for name, needs in waiting.items():
        for need in needs:
            needed_by.setdefault(need, []).append(name)
    while free:
        done = free.pop()
        del waiting[done]
        for name in needed_by.get(done, ()):
            waiting[name].discard(done)
            if not waiting[name]:
                free.append(name)
    if not waiting:
        return []
    path = [next(iter(waiting))]
    while len(path) == len(set(path)):
        path.append(min(waiting[path[-1]]))
    return path[path.index(path[-1]) :]
