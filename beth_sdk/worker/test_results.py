"""The results that a worker writes itself, and errors as they travel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beth_sdk import schema
from beth_sdk.agent import Suspended
from beth_sdk.errors import (
    Fatal,
    InvalidMessage,
    LoopRefused,
    MessageTooLarge,
    Rejected,
    Retryable,
    VersionRefused,
)
from beth_sdk.history import PAUSE_QUESTION
from beth_sdk.messages import ErrorInfo, Question, Result, WantedTask
from beth_sdk.worker import results


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def described(error: BaseException) -> dict[str, Any]:
    info = results.describe(error)
    schema.dumps(info.to_json())  # it can travel
    return info.to_json()


# -- errors -------------------------------------------------------------------------------


def test_an_error_of_beths_has_its_code_and_others_their_class() -> None:
    assert described(Retryable("busy")) == {"code": "retryable", "message": "busy", "retryable": True}
    assert described(ZeroDivisionError("x")) == {"code": "ZeroDivisionError", "message": "x", "retryable": True}
    assert described(Fatal("no"))["retryable"] is False


def test_an_error_without_words_is_called_by_its_class() -> None:
    assert described(ValueError())["message"] == "ValueError"
    assert described(Unspeakable())["message"] == "Unspeakable"


def test_an_errors_words_are_cut_and_made_fit_to_travel() -> None:
    long = described(ValueError("x" * 10_000))["message"]
    assert (len(long), long[-1]) == (results.MAX_MESSAGE, "…")
    assert described(ValueError("file \udcff"))["message"] == "file \\udcff"


def test_details_travel_along_what_is_no_json_as_text() -> None:
    error = Fatal("no", details={"n": 1, "path": Fatal})
    assert described(error)["details"] == {"n": 1, "path": "<class 'beth_sdk.errors.Fatal'>"}
    assert described(LoopRefused(["a", "b"], "x"))["details"] == {"chain": ["a", "b"]}


@pytest.mark.parametrize(
    "value",
    [float("nan"), "\udcff", "x" * 100_000, ValueError("\udcff"), [[[]]] * 2],
    ids=lambda value: type(value).__name__,
)
def test_details_that_cannot_travel_do_not_keep_the_error_from_travelling(value: object) -> None:
    assert described(Fatal("no", details={"value": value}))["message"] == "no"


def test_details_that_contain_themselves_are_left_out() -> None:
    circular: dict[str, object] = {}
    circular["self"] = circular
    assert "left_out" in described(Fatal("no", details=circular))["details"]


# -- results ------------------------------------------------------------------------------


def test_each_end_has_its_status_and_code() -> None:
    ends = {
        "fatal": results.failed(Fatal("x")),
        "worker_died": results.given_up("3 of 3 attempts failed", died=True),
        "taken_too_often": results.given_up("taken 1000 times", died=False),
        "expired": results.rejected(Rejected("x", code="expired")),
        "cancelled": results.cancelled("enough"),
    }
    assert {code: (end.status, end.error.code) for code, end in ends.items() if end.error} == {
        "fatal": ("failed", "fatal"),
        "worker_died": ("failed", "worker_died"),
        "taken_too_often": ("failed", "taken_too_often"),
        "expired": ("rejected", "expired"),
        "cancelled": ("cancelled", "cancelled"),
    }


def test_a_cancel_without_a_reason_still_says_something() -> None:
    error = results.cancelled("").error
    assert error is not None
    assert error.message == "cancelled"


def test_a_paused_task_asks_to_be_resumed() -> None:
    question = results.paused().question
    assert question is not None
    assert (question.id, question.options) == (PAUSE_QUESTION, ["resume"])


def test_a_task_that_waits_says_for_what() -> None:
    asks = results.suspended(Suspended(question=Question(id="ask:0", text="Which?")))
    assert (asks.status, asks.question) == ("needs_input", Question(id="ask:0", text="Which?"))
    fields = {"name": "one", "agent": "tester", "type": "test", "payload": {"description": "x"}}
    wanted = WantedTask.model_validate(fields)
    delegates = results.suspended(Suspended(tasks=[wanted], data={"question": "delegate:0"}))
    assert (delegates.status, delegates.tasks) == ("needs_tasks", [wanted])
    assert delegates.question is not None
    assert delegates.question.id == "delegate:0"


def test_a_result_that_cannot_be_sent_says_why() -> None:
    too_large = results.unsendable(MessageTooLarge(300_000, 262_144)).error
    no_json = results.unsendable(ValueError("NaN")).error
    assert too_large is not None
    assert no_json is not None
    assert (too_large.code, no_json.code, no_json.retryable) == ("too_large", "fatal", False)
    assert "NaN" in no_json.message


def test_what_an_agent_returned_instead_of_a_result_is_named() -> None:
    assert "returned NoneType" in str(results.not_a_result(None))
    assert "4 s" in str(results.wall_exceeded(4.0))
    assert results.describe(results.wall_exceeded(4.0)).code == "time_limit"


# -- answers to what is no task -----------------------------------------------------------

ERROR = InvalidMessage("$.type", 1, "a string")


def salvaged(document: object, error: Any = ERROR) -> tuple[str | None, Result] | None:
    return results.for_unreadable(json.dumps(document).encode(), error, "2026-01-30T10:00:00Z")


def test_who_can_be_told_from_bytes_that_are_no_task_is_told() -> None:
    found = salvaged({"id": "t", "continuation": 2, "request_id": "r", "reply_to": "results.beth", "type": 1})
    assert found is not None
    topic, result = found
    assert topic == "results.beth"
    assert (result.task_id, result.continuation, result.request_id, result.status) == ("t", 2, "r", "rejected")
    assert isinstance(result.error, ErrorInfo)
    assert result.error.code == "invalid_message"


def test_a_task_under_a_newer_contract_is_answered_under_this_one() -> None:
    found = salvaged({"id": "t", "schema_version": "2.0"}, VersionRefused("2.0", "1.0"))
    assert found is not None
    assert found[1].schema_version == "1.0"


@pytest.mark.parametrize("reply_to", [None, 7, "", "../up", "a b", "results.*", "results.beth\n", "x" * 200, ["a"]])
def test_an_answer_never_goes_to_what_is_no_topic(reply_to: object) -> None:
    found = salvaged({"id": "t", "reply_to": reply_to})
    assert found is not None
    assert found[0] is None


@pytest.mark.parametrize("document", [[], 7, {}, {"id": 7}, {"id": "../../etc"}, {"id": "t", "continuation": -1}])
def test_who_cannot_be_told_is_not(document: object) -> None:
    assert salvaged(document) is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 100_000, b'{"id": ' + b"9" * 5000 + b"}"])
def test_bytes_that_say_nothing_do_no_harm(body: bytes) -> None:
    assert results.for_unreadable(body, ERROR, "2026-01-30T10:00:00Z") is None
