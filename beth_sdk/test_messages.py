"""The models: what they keep, what they write, what they refuse to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from beth_sdk.messages import (
    FINAL_STATUSES,
    Artifact,
    Budget,
    ErrorInfo,
    Finding,
    Payload,
    Question,
    Result,
    Task,
    Verdict,
    parse_timestamp,
    timestamp,
)

SEED = {
    "id": "task-abc123",
    "type": "implement",
    "agent": "developer",
    "payload": {
        "description": "Build user authentication with JWT",
        "acceptance_criteria": ["JWT access tokens with 15min expiry"],
        "context": {"epic_id": "beth-xyz789", "parent_task": "beth-xyz789.2"},
    },
    "reply_to": "results.beth",
    "timestamp": "2026-01-30T10:00:00Z",
}


def test_the_seeds_task_is_read_and_written_as_it_was() -> None:
    assert Task.model_validate(SEED).to_json() == SEED


def test_what_a_task_does_not_say_has_its_default_and_is_not_written() -> None:
    task = Task.model_validate(SEED)
    assert (task.priority, task.continuation, task.max_hops, task.ancestors) == (2, 0, 16, [])
    assert not {"priority", "continuation", "max_hops", "ancestors"} & set(task.to_json())


def test_unknown_fields_are_kept_at_every_level() -> None:
    document = {**SEED, "x": 1, "payload": {"description": "d", "y": [2], "context": {"z": {"a": 3}}}}
    assert Task.model_validate(document).to_json() == document


def test_unknown_fields_named_like_python_attributes_are_only_fields() -> None:
    odd = dict.fromkeys(("__class__", "__dict__", "model_fields", "to_json", "key", "self", ""), "x")
    task = Task.model_validate({**SEED, **odd})
    assert task.to_json() == {**SEED, **odd}
    assert task.key == "task-abc123:0"


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Task.model_validate(SEED).priority = 0  # type: ignore[misc]


def test_a_copy_with_changes_keeps_everything_else() -> None:
    task = Task.model_validate({**SEED, "x": 1})
    again = task.with_(continuation=1, budget=Budget(cost_usd=1.5), inputs=[Artifact(kind="url", uri="u")])
    assert again.to_json() == {
        **SEED,
        "x": 1,
        "continuation": 1,
        "budget": {"cost_usd": 1.5},
        "inputs": [{"kind": "url", "uri": "u"}],
    }
    assert task.to_json() == {**SEED, "x": 1}


def test_a_copy_with_a_wrong_change_is_refused() -> None:
    with pytest.raises(ValidationError):
        Task.model_validate(SEED).with_(priority=9)


def test_id_and_continuation_are_the_key_of_a_task_and_of_its_result() -> None:
    assert Task.model_validate({**SEED, "continuation": 2}).key == "task-abc123:2"
    assert Result(task_id="task-abc123", status="complete", continuation=2).key == "task-abc123:2"


@pytest.mark.parametrize("status", ["complete", "failed", "cancelled", "rejected", "needs_input", "needs_tasks"])
def test_a_result_that_waits_is_not_final(status: str) -> None:
    result = Result.model_validate({"task_id": "t", "status": status})
    assert result.final == (status in FINAL_STATUSES) == (not status.startswith("needs_"))


def test_a_complete_result_says_what_it_was_given_and_no_more() -> None:
    assert Result.complete({"a": 1}).to_json() == {"task_id": "unset", "status": "complete", "result": {"a": 1}}
    verdict = Verdict(decision="changes_requested", findings=[Finding(title="no test")])
    assert Result.complete(verdict=verdict, artifacts=[Artifact(kind="git", ref="main")]).to_json() == {
        "task_id": "unset",
        "status": "complete",
        "result": None,
        "artifacts": [{"kind": "git", "ref": "main"}],
        "verdict": {"decision": "changes_requested", "findings": [{"title": "no test"}]},
    }


def test_a_failed_result_is_not_tried_again() -> None:
    failed = Result.failed("no_commits", "the repository has no commits", result={"seen": 0})
    assert failed.error == ErrorInfo(code="no_commits", message="the repository has no commits", retryable=False)
    assert (failed.status, failed.result) == ("failed", {"seen": 0})


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    task = Task.model_validate({**SEED, "priority": 1.0, "budget": {"tokens": 1e5}})
    assert (task.priority, task.budget and task.budget.tokens) == (1, 100_000)
    assert isinstance(task.priority, int)


@pytest.mark.parametrize("value", [True, "1", 1.5, None])
def test_nothing_else_is_taken_for_a_whole_number(value: object) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate({**SEED, "priority": value})


def test_null_stands_for_an_absent_field_only_where_the_model_says_so() -> None:
    assert Task.model_validate({**SEED, "reply_to": None}).reply_to is None
    for field in ("priority", "ancestors", "inputs", "continuation", "max_hops"):
        with pytest.raises(ValidationError):
            Task.model_validate({**SEED, field: None})


@pytest.mark.parametrize("name", ["a", "task-abc123", "beth-xyz789.2", "A_b--c.9", "x" * 128])
def test_such_ids_are_accepted(name: str) -> None:
    assert Task.model_validate({**SEED, "id": name}).id == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "a..b", "-a", "a-", ".a", "a\n", "a b", "a\\b", "*", "é"]
)
def test_such_ids_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Task.model_validate({**SEED, "id": name})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-30T10:00:00Z", datetime(2026, 1, 30, 10, tzinfo=UTC)),
        ("2026-01-30t10:00:00.5z", datetime(2026, 1, 30, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-30T10:00:00.123456789Z", datetime(2026, 1, 30, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-01-30T10:00:00+05:30", datetime(2026, 1, 30, 4, 30, tzinfo=UTC)),
        ("2024-02-29T23:59:59-12:00", datetime(2024, 3, 1, 11, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_with_a_zone_is_understood(text: str, expected: datetime) -> None:
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-30T10:00:00",
        "2026-01-30",
        "2026-01-30 10:00:00Z",
        "2026-1-30T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-30T24:00:00Z",
        "2026-01-30T23:59:60Z",
        "2026-01-30T10:00:00.Z",
        "2026-01-30T10:00:00+24:00",
        "2026-01-30T10:00:00+10:60",
        "2026-01-30T10:00:00Z\n",
        "",
    ],
)
def test_any_other_time_is_refused_by_the_function_and_the_models(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)
    with pytest.raises(ValidationError):
        Task.model_validate({**SEED, "timestamp": text})


def test_a_time_is_kept_as_it_was_written() -> None:
    odd = "2026-01-30t11:00:00.000000001+01:00"
    assert Task.model_validate({**SEED, "timestamp": odd}).to_json()["timestamp"] == odd


@given(st.floats(0, 4e9))
def test_a_time_is_written_to_the_millisecond_and_read_back(wall: float) -> None:
    assert abs(parse_timestamp(timestamp(wall)).timestamp() - wall) <= 0.001


@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis wants bounds without a zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_whatever_python_writes_as_a_time_is_understood(when: datetime) -> None:
    assert parse_timestamp(when.isoformat()) == when


def test_a_payload_needs_a_description_that_says_something() -> None:
    with pytest.raises(ValidationError):
        Payload(description="")


def test_a_question_may_offer_options() -> None:
    assert Question(text="How long?", options=["15 minutes", "1 hour"]).to_json() == {
        "text": "How long?",
        "options": ["15 minutes", "1 hour"],
    }
