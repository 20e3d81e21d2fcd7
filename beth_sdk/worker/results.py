"""The results a worker writes itself, where the agent returned none. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from beth_sdk import schema
from beth_sdk.agent import Suspended
from beth_sdk.errors import (
    AgentError,
    BethError,
    ContractError,
    Fatal,
    LimitedBy,
    LoopRefused,
    MessageTooLarge,
    Rejected,
    limit_details,
)
from beth_sdk.history import PAUSE_QUESTION
from beth_sdk.messages import CONTRACT_VERSION, ErrorInfo, Result, Topic
from beth_sdk.retry import is_retryable

MAX_MESSAGE = 4000
"""Characters of an error's message that travel; the rest is in the worker's log."""


LEAST_TIME = 60.0
"""Seconds that a task wants to go on for whose time is over: enough for most steps, so that it does not come back after
each."""

MAX_DETAILS_BYTES = 64 * 1024
"""What an error's details may have; larger ones are left out, so that the error itself can travel."""


def describe(error: BaseException) -> ErrorInfo:
    """An exception as a result's error, whatever its text and details are."""
    document: dict[str, Any] = {
        "code": error.code if isinstance(error, BethError) else type(error).__name__,
        "message": words_of(error),
        "retryable": is_retryable(error),
    }
    details = dict(error.details) if isinstance(error, AgentError) else {}
    if isinstance(error, LoopRefused):
        details["chain"] = list(error.chain)
    if details:
        document["details"] = _plain(details)
    return schema.parse(ErrorInfo, document)


def words_of(error: BaseException) -> str:
    """What an exception says, as it may travel: never empty, of bounded length, and without halves of surrogate
    pairs, which Python puts in place of bytes that it cannot decode."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception of somebody else's may fail even here
        text = ""
    text = (text or type(error).__name__).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def failed(error: BaseException) -> Result:
    """A task that failed for good."""
    return _result("failed", error=describe(error).to_json())


def given_up(reason: str, *, died: bool) -> Result:
    """A task that is not tried again, though its last attempt left no error. `died`: because the worker died in it."""
    message = f"{reason}; the worker died while it ran this task, and left no error" if died else reason
    code = "worker_died" if died else "taken_too_often"
    return _result("failed", error={"code": code, "message": message, "retryable": False})


def unsendable(error: Exception) -> Result:
    """A task whose result cannot travel: it is too large, or no JSON."""
    if not isinstance(error, MessageTooLarge):
        error = Fatal(f"the result is not JSON as a message may have it: {words_of(error)}")
    return failed(error)


def rejected(error: Rejected) -> Result:
    """A task that this agent does not do."""
    return _result("rejected", error={**describe(error).to_json(), "retryable": False})


def cancelled(reason: str) -> Result:
    """A task that somebody cancelled."""
    return _result("cancelled", error={"code": "cancelled", "message": reason or "cancelled", "retryable": False})


def paused() -> Result:
    """A paused task: it asks to be resumed, and holds no slot while it waits."""
    return _result("needs_input", question={"id": PAUSE_QUESTION, "text": "The task is paused.", "options": ["resume"]})


def suspended(signal: Suspended) -> Result:
    """A task that waits for a person, or for other tasks."""
    if signal.question is not None:
        return _result("needs_input", question=signal.question.to_json())
    name = str(signal.data.get("question", "delegate"))
    return _result(
        "needs_tasks",
        tasks=[one.to_json() for one in signal.tasks],
        question={"id": name, "text": f"waits for {len(signal.tasks)} tasks"},
    )


def wall_exceeded(seconds: float, spent: float | None = None, by: LimitedBy = "manifest") -> Fatal:
    """Why a task is stopped that ran for longer than its manifest, or its budget, allows. `spent`: how long it ran."""
    where = "limits.wall" if by == "manifest" else "budget.seconds"
    spent = seconds if spent is None else spent
    details = {**limit_details(by, "seconds", round(spent, 3), LEAST_TIME), "of": seconds}
    error = Fatal(f"the task ran for longer than its limit of {seconds:g} s ({where})", details=details)
    error.code = "time_limit"  # as where an agent notices by itself
    return error


def not_a_result(returned: object) -> Fatal:
    """Why a task fails whose agent returned something else than a `Result`."""
    return Fatal(f"execute returned {type(returned).__name__}, not a Result: return Result.complete(…)")


def for_unreadable(body: bytes, error: ContractError, now: str) -> tuple[str | None, Result] | None:
    """A `rejected` result for bytes that are no valid task, with its topic, where they at least say who asks."""
    try:
        document = json.loads(body)
        found = {"task_id": document["id"], "continuation": document.get("continuation", 0)}
        if document.get("request_id") is not None:
            found["request_id"] = document["request_id"]
        result = {
            **found,
            "status": "rejected",
            "error": describe(error).to_json(),
            "timestamp": now,
            "schema_version": CONTRACT_VERSION,
        }
        return _topic(document.get("reply_to")), schema.parse(Result, result)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BethError):
        return None


def _topic(found: object) -> str | None:
    """A topic out of a document that nobody checked: what a bus does not take as one must not come near it."""
    try:
        return TypeAdapter(Topic).validate_python(found)
    except ValidationError:
        return None


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    """An error's details as JSON, what is none as text; an explanation in place of what cannot travel at all."""
    try:
        body = schema.dumps(json.loads(json.dumps(details, default=str, skipkeys=True)), limit=MAX_DETAILS_BYTES)
        plain: dict[str, Any] = schema.loads(body, what="details")
    except (ContractError, ValueError, TypeError, RecursionError) as problem:
        return {"left_out": words_of(problem)}
    return plain


def _result(status: str, **fields: Any) -> Result:
    return schema.parse(Result, {"task_id": "unset", "status": status, **fields})
