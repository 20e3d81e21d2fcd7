"""From exit code and stdout to a result of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.command.output import ENVELOPE, STDOUT_LIMIT, read_result
from beth_sdk.command.process import Ending
from beth_sdk.errors import CommandFailed, Retryable


def result_of(stdout: Any, *, code: int | None = 0, stderr: str = "") -> dict[str, Any]:
    body = stdout if isinstance(stdout, bytes) else json.dumps(stdout).encode()
    return read_result(Ending(code, body), "task-1", stderr)


def failure(stdout: Any, *, code: int | None = 0, stderr: str = "") -> str:
    with pytest.raises(CommandFailed) as raised:
        result_of(stdout, code=code, stderr=stderr)
    return str(raised.value)


# -- stdout of a command that ended with 0 ----------------------------------------------------


@pytest.mark.parametrize("value", [{"text": "hallo"}, {}, ["a"], [], "done", ""])
def test_an_object_without_a_status_an_array_or_a_string_is_the_result_of_a_complete_task(value: Any) -> None:
    assert result_of(value) == {"task_id": "task-1", "status": "complete", "result": value}


def test_an_object_with_a_status_is_a_result_message() -> None:
    message = {
        "status": "complete",
        "result": {"summary": "two files"},
        "artifacts": [{"kind": "file", "uri": "file:///tmp/a", "size": 3}],
        "verdict": {"decision": "approved", "findings": []},
        "usage": {"model": "none", "llm_calls": 0},
    }
    assert result_of(message) == {"task_id": "task-1", **message}


def test_white_space_around_the_result_is_fine() -> None:
    assert result_of(b'\n  {"a": 1}\r\n\n')["result"] == {"a": 1}


def test_a_command_may_name_its_task_but_no_other() -> None:
    assert result_of({"status": "complete", "task_id": "task-1"})["task_id"] == "task-1"
    assert "'task-2' is not this task's, 'task-1'" in failure({"status": "complete", "task_id": "task-2"})


def test_what_only_the_worker_knows_is_left_out() -> None:
    said = {
        "status": "complete",
        "epoch": 99,
        "attempt": 5,
        "instance": "me",
        "continuation": 7,
        "agent": "x",
        "note": 1,
    }
    assert result_of(said) == {"task_id": "task-1", "status": "complete", "note": 1}


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_stdout_is_a_failed_attempt(body: bytes) -> None:
    assert "wrote nothing to stdout" in failure(body)


def test_garbage_on_stdout_is_shown_up_to_200_characters() -> None:
    message = failure(b"Traceback! " + b"y" * 500)
    assert "stdout begins: 'Traceback! " + "y" * 189 + "'" in message


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1} trailing',
        b'{"a": 1}\n{"b": 2}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'"\xff"',
        b"[" * 5000,
    ],
)
def test_anything_but_one_strict_json_value_is_a_failed_attempt(body: bytes) -> None:
    assert "stdout is not one JSON value" in failure(body)


@pytest.mark.parametrize("value", [0, 4.5, True, None])
def test_a_number_a_boolean_or_null_is_no_result(value: Any) -> None:
    assert f"stdout: {json.dumps(value)} is no result" in failure(value)


@pytest.mark.parametrize("status", ["ok", "cancelled", 200, None, ["complete"]])
def test_an_unknown_status_says_what_is_accepted_and_how_to_return_such_an_object(status: Any) -> None:
    message = failure({"status": status})
    assert "complete, failed, needs_input, needs_tasks, rejected" in message
    assert '{"status": "complete", "result": {…}}' in message


def test_a_field_that_breaks_the_contract_is_named_with_its_path() -> None:
    assert "$.verdict.decision" in failure({"status": "complete", "verdict": {"decision": "perhaps"}})


def test_half_of_a_surrogate_pair_is_refused() -> None:
    assert "surrogate" in failure(rb'{"a": "\ud800"}')


def test_a_result_too_deep_for_a_message_is_refused() -> None:
    assert "nesting" in failure(b"[" * 64 + b"]" * 64)
    assert result_of(b"[" * 62 + b"]" * 62)["status"] == "complete"


def test_a_result_that_leaves_no_room_for_the_envelope_is_refused() -> None:
    assert "name large content as artifacts" in failure("x" * (STDOUT_LIMIT - ENVELOPE))
    assert result_of("x" * (STDOUT_LIMIT - ENVELOPE - 100))["status"] == "complete"


# -- questions, tasks, failure ----------------------------------------------------------------


def test_needs_input_has_a_question() -> None:
    said = {"status": "needs_input", "question": {"text": "Which?", "options": ["a", "b"]}}
    assert result_of(said)["question"] == said["question"]
    assert "add question.text" in failure({"status": "needs_input"})


@pytest.mark.parametrize("tasks", [{}, {"tasks": []}])
def test_needs_tasks_has_tasks(tasks: dict[str, Any]) -> None:
    assert "add at least one" in failure({"status": "needs_tasks", **tasks})


@pytest.mark.parametrize("status", ["failed", "rejected"])
def test_failed_and_rejected_without_an_error_get_one(status: str) -> None:
    assert result_of({"status": status})["error"] == {
        "code": status,
        "message": f"the command's result is {status}, without an error that says why",
        "retryable": False,
    }


def test_failed_with_its_own_error_keeps_it() -> None:
    error = {"code": "no_space", "message": "the disk is full", "details": {"free": 0}}
    assert result_of({"status": "failed", "error": error})["error"] == error


def test_failed_with_a_retryable_error_asks_for_another_attempt() -> None:
    error = {"code": "busy", "message": "come back later", "retryable": True}
    with pytest.raises(Retryable, match="busy: come back later"):
        result_of({"status": "failed", "error": error})


# -- exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [64, 65])
def test_64_and_65_reject_the_task_with_the_end_of_stderr_as_the_reason(code: int) -> None:
    assert result_of(b"", code=code, stderr="no such language")["error"]["message"] == "no such language"
    assert str(code) in result_of(b"", code=code)["error"]["message"]
    assert result_of(b"", code=code)["status"] == "rejected"


def test_75_asks_for_another_attempt() -> None:
    with pytest.raises(Retryable, match=r"exit code 75.*\nthe API is down"):
        result_of(b"", code=75, stderr="the API is down")


@pytest.mark.parametrize("code", [1, 2, 63, 66, 74, 76, 127, 255])
def test_any_other_code_is_a_failed_attempt_with_the_code_and_the_end_of_stderr(code: int) -> None:
    message = failure(b"", code=code, stderr="line 1\nline 2")
    assert message == f"the command ended with exit code {code}; the end of its stderr:\nline 1\nline 2"


def test_the_exit_code_wins_over_a_result_on_stdout() -> None:
    assert "exit code 1" in failure({"status": "complete"}, code=1)
    assert result_of({"status": "complete"}, code=64)["status"] == "rejected"


def test_a_signal_is_named() -> None:
    assert failure(b"", code=-11) == "the command was killed by SIGSEGV; it wrote nothing to stderr"
    assert "signal 63" in failure(b"", code=-63)


def test_the_exit_code_travels_as_an_attribute() -> None:
    with pytest.raises(CommandFailed) as raised:
        result_of(b"", code=-9)
    assert raised.value.exit_code == -9


def test_a_guard_that_was_killed_is_said_to_be() -> None:
    assert "nobody knows how it ended" in failure(b"", code=None)


def test_too_long_and_too_much_are_failed_attempts_whatever_the_code() -> None:
    with pytest.raises(CommandFailed, match="its time was up"):
        read_result(Ending(0, b"{}", "timeout"), "task-1", "")
    with pytest.raises(CommandFailed, match="262,144 bytes to stdout and was killed"):
        read_result(Ending(0, b"{}", "overflow"), "task-1", "")


# -- the schema of the task type --------------------------------------------------------------


def test_the_output_schema_holds_for_complete_results_only(tmp_path: Path) -> None:
    schema = tmp_path / "out.json"
    schema.write_text(json.dumps({"type": "object", "required": ["summary"]}))
    with pytest.raises(CommandFailed, match=r"out\.json: .*summary"):
        read_result(Ending(0, b'{"other": 1}'), "task-1", "", schema)
    assert read_result(Ending(0, b'{"summary": 1}'), "task-1", "", schema)["status"] == "complete"
    failed = read_result(Ending(0, b'{"status": "failed"}'), "task-1", "", schema)
    assert failed["status"] == "failed"
