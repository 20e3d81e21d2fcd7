"""The tools that a client's model gets: what each takes, returns and is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from pydantic import BaseModel

from beth_agent_beth.mcp import inputs, looking, outputs, people, submitting, watching, work
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import MOST_SECONDS

READS = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def _writes(*, destructive: bool, idempotent: bool, open_world: bool = False) -> types.ToolAnnotations:
    return types.ToolAnnotations(
        read_only_hint=False, destructive_hint=destructive, idempotent_hint=idempotent, open_world_hint=open_world
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `run` gets the arguments as an object of `takes`, and returns one of `returns`."""

    name: str
    title: str
    description: str
    takes: type[inputs.Arguments]
    returns: type[outputs.Report]
    hints: types.ToolAnnotations
    run: Callable[[Access, Any, Caller], Awaitable[outputs.Report]]

    def listed(self) -> types.Tool:
        """As the protocol lists it."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=_schema(self.takes),
            output_schema=_schema(self.returns),
            annotations=self.hints,
        )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = _without_titles(model.model_json_schema())
    schema.pop("description", None)  # it is written for whoever reads the code
    return schema


def _without_titles(part: Any) -> Any:
    """Without the names that pydantic makes of the fields' names: they are read, and paid for, with every request."""
    if isinstance(part, list):
        return [_without_titles(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _without_titles(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))
    }


TOOLS = (
    Tool(
        "submit_request",
        "Submit a request",
        "Hands a piece of software work to Beth's team of agents (product manager, researcher, designer, developer, "
        "tester, security reviewer), who plan, build, test and review it in a git branch of their own. It takes "
        "minutes to hours and costs money for model calls; the user's files are not changed. Returns the request's id "
        "at once; watch_request follows it. Submit only what the user asked for, and once: a second call is a second "
        "request.",
        inputs.SubmitRequest,
        outputs.Submitted,
        _writes(destructive=False, idempotent=False, open_world=True),
        submitting.submit,
    ),
    Tool(
        "watch_request",
        "Watch a request",
        "Waits for news of a request: a question for the user, the end of a task, the end of the request. Returns "
        f"where it stands then, or after `seconds` (at most {MOST_SECONDS:.0f}) without news. Call it again, with the "
        "version it returned as after_version, until the request has ended or asks something.",
        inputs.WatchRequest,
        outputs.Watched,
        READS,
        watching.watch,
    ),
    Tool(
        "request_status",
        "Status of a request",
        "Tells where a request stands now, without waiting: its tasks and what they brought, its questions, its cost, "
        "its branch.",
        inputs.RequestStatus,
        outputs.Status,
        READS,
        looking.status,
    ),
    Tool(
        "list_requests",
        "List requests",
        "Lists the requests that Beth knows, the newest first, those from a terminal or another window too.",
        inputs.ListRequests,
        outputs.Requests,
        READS,
        looking.every,
    ),
    Tool(
        "answer_question",
        "Answer a question",
        "Passes the user's answer to a question of a request on, and the work goes on with it. Of several answers the "
        "first counts; `counted` says whether this one did. The answer must be the user's own: ask, never guess. An "
        "answer about money or a plan decides what is spent.",
        inputs.AnswerQuestion,
        outputs.Answered,
        _writes(destructive=False, idempotent=True),
        people.answer,
    ),
    Tool(
        "cancel_request",
        "Cancel a request",
        "Cancels a request, or one task of it, for good: what runs is stopped. What was committed so far stays in the "
        "request's branch. Only when the user wants it.",
        inputs.CancelRequest,
        outputs.Cancelled,
        _writes(destructive=True, idempotent=False),
        people.cancel,
    ),
    Tool(
        "tell_task",
        "Tell a running task something",
        "Leaves a note for a task that has not ended; its agent sees it from its next step on. For a correction or a "
        "hint from the user while the work goes on; to answer a question, use answer_question.",
        inputs.TellTask,
        outputs.Told,
        _writes(destructive=False, idempotent=False),
        people.tell,
    ),
    Tool(
        "show_work",
        "Show the work",
        "Shows what was committed for a request: the branch, the commits with their roles, the changed files with "
        "their numbers of lines, and the commands with which the user looks at it or takes it over.",
        inputs.ShowWork,
        outputs.Work,
        READS,
        work.show,
    ),
)
