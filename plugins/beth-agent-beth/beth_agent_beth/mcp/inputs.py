"""What each tool takes. What stands in `description` is read by the model that calls."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from beth_sdk.cli.tell import MAX_TEXT

MOST_SECONDS = 50.0
"""How long a call may wait: many clients give a call up after 60 seconds."""

SECONDS = 25.0


class Arguments(BaseModel):
    """Of a tool. One that is not known is refused: a mistyped limit would otherwise be none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: Any) -> Any:
    """A list that came as text, as some models send it: as JSON, or just its only entry."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    return found if isinstance(found, list) else [value]


RequestId: TypeAlias = Annotated[str, Field(min_length=1, max_length=128, description="The request's id: beth-….")]
Words: TypeAlias = Annotated[str, Field(min_length=1, max_length=60_000, pattern=r"\S")]


class SubmitRequest(Arguments):
    description: Annotated[
        Words, Field(description="What shall be done, in the user's words, with everything the team must know.")
    ]
    criteria: Annotated[
        list[Words],
        BeforeValidator(_listed),
        Field(description="Acceptance criteria, each one testable: the finished work is verified against them."),
    ] = []
    workflow: Annotated[
        str,
        Field(
            min_length=1,
            description="feature, bug, audit or design-system; auto: Beth makes the plan; or the path of a .toml file.",
        ),
    ] = "feature"
    repo: Annotated[
        str | None,
        Field(
            description="The git repository to start from: a folder or a URL; it is only read. Leave it out for the "
            'one that is open here; "none" starts from nothing.'
        ),
    ] = None
    branch: Annotated[
        str | None, Field(description="The branch of it to start from, instead of what is checked out.")
    ] = None
    approve_plan: Annotated[
        bool, Field(description="Ask the user to approve the plan before any money is spent on carrying it out.")
    ] = False
    max_cost_usd: Annotated[
        float | None,
        Field(
            gt=0, allow_inf_nan=False, description="The most it may cost in US dollars; when it is used up, Beth asks."
        ),
    ] = None


class WatchRequest(Arguments):
    request_id: RequestId
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS, description="How long to wait for news, at most.")] = SECONDS
    after_version: Annotated[
        int | None,
        Field(ge=0, description="The version that you saw last: news are what came after it."),
    ] = None


class RequestStatus(Arguments):
    request_id: RequestId


class ListRequests(Arguments):
    only_open: Annotated[bool, Field(description="Leave out those that have ended.")] = False
    limit: Annotated[int, Field(ge=1, le=100, description="How many, the newest first.")] = 20


class AnswerQuestion(Arguments):
    id: Annotated[
        str, Field(min_length=1, max_length=128, description="The question's id, as in questions of the status.")
    ]
    text: Annotated[Words, Field(description="The user's answer; where the question has options, one of them.")]


class CancelRequest(Arguments):
    id: Annotated[
        str, Field(min_length=1, max_length=128, description="A request's id, or the id of one task of it (beth-….3).")
    ]
    reason: Annotated[str, Field(max_length=2_000, description="Why; it stands in the result.")] = ""


class TellTask(Arguments):
    task_id: Annotated[str, Field(min_length=1, max_length=128, description="The task's id: beth-….3.")]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"\S", description="What it is to know.")]


class ShowWork(Arguments):
    request_id: RequestId
