"""The messages of contract v1 as frozen models; `schemas/v1/*.schema.json` is the source of truth and says the same.

Unknown fields are accepted, kept and passed on. Times are RFC 3339 strings with a zone, kept as they were written.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from beth_sdk.patterns import (
    END,
    ID_PATTERN,
    ROLE_PATTERN,
    SHA256_PATTERN,
    TIMESTAMP_PATTERN,
    TOPIC_PATTERN,
    VERSION_PATTERN,
)

CONTRACT_VERSION = "1.0"
"""`schema_version` of what this side writes. Within major version 1 fields are only added."""

MAX_MESSAGE_BYTES = 256 * 1024
"""The size limit of an encoded message (contract: a larger one is refused at publish)."""

MAX_DEPTH = 64
"""How deep a document may nest before it is refused."""

DEFAULT_MAX_HOPS = 16
"""How many ancestors a task may have when it does not say so itself."""


def portable(pattern: str) -> str:
    """A pattern as it stands in a schema, and as pydantic's own engine takes it: for engines whose `$` is the end."""
    return pattern.removesuffix(END)


ACCEPTED = {
    portable(pattern): words
    for pattern, words in (
        (ID_PATTERN, "letters and digits in parts joined by '.', '-' or '_', such as task-abc123"),
        (ROLE_PATTERN, "lower-case letters and digits in parts joined by '-', such as security-reviewer"),
        (TOPIC_PATTERN, "letters and digits in parts joined by one '.', '-' or '_', such as results.beth"),
        (VERSION_PATTERN, "a version of the contract, major.minor, such as 1.0"),
        (SHA256_PATTERN, "64 lower-case hexadecimal digits"),
        (TIMESTAMP_PATTERN, "an RFC 3339 time with a zone, such as 2026-01-30T10:00:00Z"),
    )
}
"""What each pattern accepts, in the words of an error."""


def parse_timestamp(text: str) -> datetime:
    """An RFC 3339 time with a zone, as a datetime (to the microsecond). Raises ValueError."""
    if re.search(TIMESTAMP_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not {ACCEPTED[portable(TIMESTAMP_PATTERN)]}")
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))


def timestamp(wall: float) -> str:
    """Seconds since the Unix epoch as the contract writes them: RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _on_the_calendar(text: str) -> str:
    try:
        date.fromisoformat(text[:10])  # the pattern has seen to everything else
    except ValueError:
        raise ValueError(ACCEPTED[portable(TIMESTAMP_PATTERN)]) from None
    return text


def _whole(value: Any) -> Any:
    # JSON has one kind of number: 1.0 is an integer there, and some writers give every number a fraction.
    return int(value) if type(value) is float and value.is_integer() else value


def _pattern(pattern: str, longest: int | None) -> StringConstraints:
    return StringConstraints(pattern=portable(pattern), max_length=longest, strict=True)


Id = Annotated[str, _pattern(ID_PATTERN, 128)]
Role = Annotated[str, _pattern(ROLE_PATTERN, 64)]
Topic = Annotated[str, _pattern(TOPIC_PATTERN, 128)]
ContractVersion = Annotated[str, _pattern(VERSION_PATTERN, 16)]
Timestamp = Annotated[str, _pattern(TIMESTAMP_PATTERN, None), AfterValidator(_on_the_calendar)]
Natural = Annotated[int, Field(ge=0, le=2**53 - 1), BeforeValidator(_whole)]
Priority = Annotated[int, Field(ge=0, le=4), BeforeValidator(_whole)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Model(BaseModel):
    """Frozen, strict, keeps what it does not know. `None` is never written: an absent field stays absent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """The message as plain JSON values, fields that were never set left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def with_(self, **changes: Any) -> Self:
        """A checked copy with some fields replaced."""
        return type(self).model_validate({**self.to_json(), **_plain(changes)})


def _plain(changes: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, _Model):
            return value.to_json()
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return value

    return {name: plain(value) for name, value in changes.items()}


class Artifact(_Model):
    """A reference to something too large, or too much of its own kind, to travel in a message."""

    kind: Literal["git", "file", "url", "inline"]
    uri: str | None = None
    ref: str | None = None
    commit: str | None = None
    media_type: str | None = None
    size: Natural | None = None
    sha256: Annotated[str, _pattern(SHA256_PATTERN, None)] | None = None


class Context(_Model):
    """Where a task belongs, in the seed's words."""

    epic_id: str | None = None
    parent_task: str | None = None


class Payload(_Model):
    """What is to be done. A task type may add fields of its own, checked by its input schema."""

    description: Annotated[str, StringConstraints(min_length=1)]
    acceptance_criteria: list[str] = Field(default_factory=list)
    context: Context | None = None
    beads_id: str | None = None
    deps: list[str] | None = None


class Budget(_Model):
    """What a task may use up. `cost_usd` in US dollars, `seconds` of running time. `more`: whether more may be had when
    it is reached, so that the task ends with what was short and is then continued."""

    cost_usd: Amount | None = None
    tokens: Natural | None = None
    seconds: Amount | None = None
    more: bool | None = None


class Answer(_Model):
    """What a continuation brings: the text for a question, or the results of the tasks that were delegated.

    `question` names the question it answers (`Question.id`).
    """

    question: str | None = None
    text: str | None = None
    results: list[dict[str, JsonValue]] | None = None


class Task(_Model):
    """One unit of work for one role. `id` and `continuation` are its idempotency key."""

    id: Id
    type: Role
    agent: Role
    payload: Payload
    timestamp: Timestamp
    reply_to: Topic | None = None
    schema_version: ContractVersion | None = None
    request_id: Id | None = None
    priority: Priority = 2
    not_before: Timestamp | None = None
    expires_at: Timestamp | None = None
    max_attempts: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] | None = None
    budget: Budget | None = None
    ancestors: list[Id] = Field(default_factory=list)
    max_hops: Annotated[int, Field(ge=0, le=1000), BeforeValidator(_whole)] = DEFAULT_MAX_HOPS
    requires: str | None = None
    inputs: list[Artifact] = Field(default_factory=list)
    continuation: Natural = 0
    answer: Answer | None = None

    @property
    def key(self) -> str:
        """`id:continuation`, the idempotency key everywhere."""
        return f"{self.id}:{self.continuation}"


class WantedTask(_Model):
    """A task that an agent asks Beth to have done. `name` tells it from its siblings in the answer."""

    name: Id
    agent: Role
    type: Role
    payload: Payload
    priority: Priority | None = None


class ErrorInfo(_Model):
    """Why a task did not end complete. `code` is stable, `message` is for people."""

    code: str
    message: str
    retryable: bool = False
    details: dict[str, JsonValue] | None = None


class Finding(_Model):
    """What a gate found. `severity` as in security reviews; `place` is a file and line, a URL or the like."""

    title: str
    severity: Literal["critical", "high", "medium", "low", "info"] | None = None
    place: str | None = None
    detail: str | None = None


class Verdict(_Model):
    """A gate's answer; `changes_requested` sends work back with its findings."""

    decision: Literal["approved", "changes_requested"]
    findings: list[Finding] = Field(default_factory=list)


class Question(_Model):
    """What an agent asks a person. `id` names it within its task; with `options`, the answer is one of them."""

    text: str
    options: list[str] | None = None
    id: str | None = None


class Usage(_Model):
    """What a task used up, over all its attempts."""

    model: str | None = None
    input_tokens: Natural | None = None
    output_tokens: Natural | None = None
    cost_usd: Amount | None = None
    llm_calls: Natural | None = None
    tool_calls: Natural | None = None
    seconds: Amount | None = None


Status = Literal["complete", "failed", "cancelled", "rejected", "needs_input", "needs_tasks"]

FINAL_STATUSES: frozenset[str] = frozenset({"complete", "failed", "cancelled", "rejected"})
"""The others end a delivery, not the task: an answer or subtasks continue it."""


class Result(_Model):
    """What a task ended in, or why it waits."""

    task_id: Id
    status: Status
    result: JsonValue = None
    request_id: Id | None = None
    agent: Role | None = None
    instance: str | None = None
    epoch: Natural | None = None
    attempt: Natural | None = None
    continuation: Natural = 0
    error: ErrorInfo | None = None
    verdict: Verdict | None = None
    question: Question | None = None
    tasks: list[WantedTask] | None = None
    artifacts: list[Artifact] = Field(default_factory=list)
    usage: Usage | None = None
    timestamp: Timestamp | None = None
    schema_version: ContractVersion | None = None

    @property
    def key(self) -> str:
        """`task_id:continuation`; one result is accepted for each."""
        return f"{self.task_id}:{self.continuation}"

    @property
    def final(self) -> bool:
        """Whether the task has ended; otherwise it waits to be continued."""
        return self.status in FINAL_STATUSES

    # What an agent's `execute` returns. The worker adds the task's id, the hold's epoch and the rest.

    @classmethod
    def complete(
        cls,
        result: JsonValue = None,
        *,
        artifacts: list[Artifact] | None = None,
        verdict: Verdict | None = None,
        usage: Usage | None = None,
    ) -> Result:
        """The task is done; `result` is its output."""
        return cls.model_validate(
            {
                "task_id": "unset",
                "status": "complete",
                "result": result,
                **({"artifacts": [a.to_json() for a in artifacts]} if artifacts else {}),
                **({"verdict": verdict.to_json()} if verdict else {}),
                **({"usage": usage.to_json()} if usage else {}),
            }
        )

    @classmethod
    def failed(cls, code: str, message: str, *, result: JsonValue = None) -> Result:
        """The task failed for good, with this error; nobody tries again. To be tried again, raise `Retryable`."""
        return cls.model_validate(
            {
                "task_id": "unset",
                "status": "failed",
                "error": {"code": code, "message": message, "retryable": False},
                **({"result": result} if result is not None else {}),
            }
        )


EventKind = Literal["accepted", "step", "progress", "model", "tool", "log", "denied", "handed_over"]


class Event(_Model):
    """Progress that anybody may watch. Not a fact: events may be lost, the journal may not."""

    id: Id
    kind: EventKind
    timestamp: Timestamp
    request_id: Id | None = None
    task_id: Id | None = None
    agent: Role | None = None
    instance: str | None = None
    message: str | None = None
    data: dict[str, JsonValue] | None = None
    schema_version: ContractVersion | None = None


class Control(_Model):
    """A nudge towards a fact in the journal, which alone counts: lost, it only delays."""

    kind: Literal["cancel", "pause", "resume", "drain", "tell"]
    task_id: Id | None = None
    request_id: Id | None = None
    reason: str | None = None
    text: str | None = None
    timestamp: Timestamp | None = None
    schema_version: ContractVersion | None = None
