"""What each tool returns."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Next: TypeAlias = Annotated[str, Field(description="What to do now.")]


class Report(BaseModel):
    """A result of a tool. What is not known, or does not apply, is left out."""

    model_config = ConfigDict(frozen=True)


class StartsFrom(Report):
    repo: Annotated[str | None, Field(description="The repository; none where the request starts from nothing.")] = None
    branch: str | None = None
    commit: Annotated[str | None, Field(description="What was committed there last; nothing later is seen.")] = None
    why: Annotated[str, Field(description="How it was chosen: tell the user.")]


class Submitted(Report):
    request_id: str
    starts_from: StartsFrom
    max_cost_usd: Annotated[
        float | None, Field(description="What it may cost at most; Beth asks when it is used up.")
    ] = None
    models: Annotated[dict[str, str], Field(description="The model that each role will use, where that is known.")] = {}
    next: Next


class Task(Report):
    task_id: str
    name: str
    role: str
    type: str
    status: Annotated[
        str,
        Field(
            description="waiting (for other tasks), published (queued or running), asking, delegating, unfunded "
            "(the budget is used up), complete, failed, rejected, cancelled"
        ),
    ]
    summary: Annotated[str | None, Field(description="What it brought, or why it failed.")] = None
    verdict: Annotated[str | None, Field(description="A gate's: approved, or changes_requested.")] = None
    findings: Annotated[list[str], Field(description="What a gate wants changed.")] = []
    cost_usd: float | None = None


class Question(Report):
    id: Annotated[str, Field(description="For answer_question.")]
    kind: Annotated[str, Field(description="What it is about: task, plan, gate, budget.")]
    asked_by: Annotated[str, Field(description="The role that asks.")]
    text: str
    options: Annotated[list[str], Field(description="The accepted answers, where not any text is one.")] = []


class Planned(Report):
    name: str
    role: str
    type: str
    needs: Annotated[list[str], Field(description="Tasks that come before.")] = []
    gate: Annotated[bool, Field(description="Whether it decides about the work before it.")] = False
    size: str
    reason: str | None = None


class Branch(Report):
    name: str
    repository: Annotated[str, Field(description="Where it is: a repository of Beth's own.")]
    commit: str | None = None
    commits_by_role: dict[str, int] = {}


class Status(Report):
    request_id: str
    status: Annotated[
        str, Field(description="received, running, waiting (for an answer), paused, complete, failed, cancelled")
    ]
    reason: Annotated[str | None, Field(description="Why it ended so.")] = None
    description: str
    workflow: str | None = None
    version: Annotated[int, Field(description="For watch_request's after_version.")]
    tasks: list[Task] = []
    questions: Annotated[list[Question], Field(description="What only the user can answer.")] = []
    plan: Annotated[list[Planned], Field(description="What the user is asked to approve.")] = []
    cost_usd: Annotated[float, Field(description="What its tasks have cost, in US dollars.")] = 0.0
    cost_by_role: dict[str, float] = {}
    max_cost_usd: float | None = None
    branch: Annotated[Branch | None, Field(description="Where the work is, once something was committed.")] = None
    next: Next


class Watched(Status):
    changed: Annotated[bool, Field(description="Whether there are news; without any, the time was up.")]
    happened: Annotated[list[str], Field(description="What was done meanwhile, the newest last.")] = []


class Row(Report):
    request_id: str
    status: str
    description: str
    received_at: Annotated[str, Field(description="UTC, ISO 8601.")]
    ended_at: str | None = None


class Requests(Report):
    requests: Annotated[list[Row], Field(description="The newest first.")]
    more: Annotated[int, Field(description="How many older ones were left out.")] = 0


class Answered(Report):
    id: str
    counted: Annotated[bool, Field(description="Whether this answer counts: of several the first does.")]
    next: Next


class Cancelled(Report):
    id: str
    next: Next


class Told(Report):
    task_id: str
    next: Next


class File(Report):
    path: str
    added: Annotated[int | None, Field(description="Lines; none for what is not text.")] = None
    deleted: int | None = None


class Commit(Report):
    commit: str
    role: str
    task_id: str | None = None
    subject: str
    files: int


class Work(Report):
    request_id: str
    repository: Annotated[str, Field(description="Where the work is: a repository of Beth's own.")]
    branch: str
    commit: str
    base: Annotated[str, Field(description="The commit that it began with.")]
    starts_from: Annotated[str | None, Field(description="The repository that it started from.")] = None
    commits: Annotated[list[Commit], Field(description="The oldest first.")] = []
    more_commits: int = 0
    files: Annotated[list[File], Field(description="What differs from the beginning.")] = []
    more_files: int = 0
    added: Annotated[int, Field(description="Lines, in all files.")] = 0
    deleted: int = 0
    take: Annotated[dict[str, str], Field(description="Commands for the user's terminal that look at it or take it.")]
    next: Next
