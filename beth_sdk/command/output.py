"""What a command's run comes to: from its exit code and its stdout to a result of the contract. Pure.

| exit code | means |
|---|---|
| 0 | stdout has the result, as one JSON value |
| 64, 65 | the task is not one for this agent: it ends `rejected` |
| 75 | something is missing for the moment: another attempt |
| any other, or a signal | the attempt failed |

64, 65 and 75 are EX_USAGE, EX_DATAERR and EX_TEMPFAIL of sysexits.h. The exit code wins: with another one than 0, what
is on stdout counts for nothing.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from beth_sdk import schema
from beth_sdk.command.process import Ending
from beth_sdk.errors import CommandFailed, ContractError, InvalidMessage, MessageTooLarge, Retryable
from beth_sdk.messages import MAX_MESSAGE_BYTES, Result

EX_USAGE, EX_DATAERR, EX_TEMPFAIL = 64, 65, 75

STDOUT_LIMIT = MAX_MESSAGE_BYTES
"""Bytes a command may write to stdout: a larger result could not travel anyway."""

ENVELOPE = 4 * 1024
"""Bytes of a message kept free for what the worker adds to a result: ids, epoch, times, usage."""

SAID_BY_COMMAND = ("complete", "failed", "needs_input", "needs_tasks", "rejected")

SAID_BY_WORKER = (
    *("request_id", "agent", "instance", "epoch", "attempt"),
    *("continuation", "timestamp", "schema_version"),
)
"""Fields of a result that a command cannot know; what it says there is left out."""


def read_result(ending: Ending, task_id: str, stderr: str, output_schema: Path | None = None) -> dict[str, Any]:
    """The result a run came to, as plain JSON; the end of `stderr` goes into messages.

    `output_schema`: a JSON Schema that the `result` of a complete task has to meet. Raises `CommandFailed`, or
    `Retryable` where the command itself says that another attempt may succeed.
    """
    if ending.why == "overflow":
        raise CommandFailed(
            f"the command wrote more than {STDOUT_LIMIT:,} bytes to stdout and was killed: "
            "write large content to files and name them as artifacts"
        )
    if ending.why == "timeout":
        raise CommandFailed(_with_tail("the command was stopped: its time was up (limits.timeout)", stderr))
    match ending.code:
        case 0:
            return _checked(_stdout(ending.stdout), task_id, output_schema)
        case 64 | 65:
            message = stderr or f"the command rejected the task with exit code {ending.code}"
            return {
                "task_id": task_id,
                "status": "rejected",
                "error": {"code": "rejected", "message": message, "retryable": False},
            }
        case 75:
            raise Retryable(_with_tail("the command asks for another attempt (exit code 75)", stderr))
        case code:
            raise CommandFailed(_with_tail(f"the command {_how_it_ended(code)}", stderr), exit_code=code)


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "was killed together with its guard process, nobody knows how it ended"
    if code > 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"


def _with_tail(message: str, stderr: str) -> str:
    return f"{message}; the end of its stderr:\n{stderr}" if stderr else f"{message}; it wrote nothing to stderr"


def _stdout(stdout: bytes) -> Any:
    if not stdout.strip():
        raise CommandFailed("the command wrote nothing to stdout; its result belongs there, as one JSON value")
    try:
        return schema.loads(stdout, what="stdout", limit=None)
    except InvalidMessage as error:
        begins = stdout[:800].decode("utf-8", "replace")[:200]
        raise CommandFailed(
            f"stdout is not one JSON value (accepted: {error.accepted}); progress and everything else belongs on "
            f"stderr. stdout begins: {begins!r}"
        ) from None


def _checked(value: Any, task_id: str, output_schema: Path | None) -> dict[str, Any]:
    result = _result(value, task_id)
    if result.status == "complete" and output_schema is not None:
        _hold_against(output_schema, result.result)
    match result.status:
        case "needs_input" if result.question is None:
            raise CommandFailed("the command's result is needs_input without a question: add question.text")
        case "needs_tasks" if not result.tasks:
            raise CommandFailed("the command's result is needs_tasks without tasks: add at least one")
        case "failed" if result.error is not None and result.error.retryable:
            raise Retryable(f"{result.error.code}: {result.error.message}")
        case "failed" | "rejected" if result.error is None:
            message = f"the command's result is {result.status}, without an error that says why"
            return {**result.to_json(), "error": {"code": result.status, "message": message, "retryable": False}}
    return result.to_json()


def _result(value: Any, task_id: str) -> Result:
    """Raises `CommandFailed` for what is not a result of the contract, or cannot travel as one."""
    if isinstance(value, dict) and "status" in value:
        document = {name: inner for name, inner in value.items() if name not in SAID_BY_WORKER}
        if document["status"] not in SAID_BY_COMMAND:
            raise CommandFailed(
                f"stdout: status {document['status']!r} is not accepted; accepted: {', '.join(SAID_BY_COMMAND)}. An "
                'object with a status of its own is returned as {"status": "complete", "result": {…}}'
            )
        if document.setdefault("task_id", task_id) != task_id:
            raise CommandFailed(
                f"stdout: task_id {document['task_id']!r} is not this task's, {task_id!r}; leave it out"
            )
    elif isinstance(value, dict | list | str):
        document = {"task_id": task_id, "status": "complete", "result": value}
    else:
        raise CommandFailed(f"stdout: {json.dumps(value)} is no result; accepted: a JSON object, array or string")
    try:
        result = schema.parse(Result, document)
        # There and back, because a value that is fine by itself may be too deep or too large inside a message.
        schema.loads(schema.dumps(result.to_json(), limit=MAX_MESSAGE_BYTES - ENVELOPE), what="result")
    except MessageTooLarge as error:
        raise CommandFailed(
            f"the result has {error.size:,} bytes, the limit is {error.limit:,}: name large content as artifacts"
        ) from None
    except ContractError as error:
        raise CommandFailed(f"stdout: {error}") from None
    return result


def _hold_against(output_schema: Path, value: Any) -> None:
    for problem in schema.violations(json.loads(output_schema.read_text(encoding="utf-8")), value, what="result"):
        raise CommandFailed(f"{output_schema.name}: {problem}")
