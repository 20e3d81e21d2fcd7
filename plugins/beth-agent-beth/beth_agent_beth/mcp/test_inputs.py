from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from beth_agent_beth.mcp.inputs import AnswerQuestion, SubmitRequest, WatchRequest


@pytest.mark.parametrize(
    ("given", "meant"),
    [(["a", "b"], ["a", "b"]), ('["a", "b"]', ["a", "b"]), ("it works", ["it works"]), ("12", ["12"])],
)
def test_criteria_are_a_list_also_where_a_model_sends_text(given: Any, meant: list[str]) -> None:
    assert SubmitRequest(description="x", criteria=given).criteria == meant


@pytest.mark.parametrize(
    "wrong",
    [
        {"description": " "},
        {"description": "x", "max_cost": 1},
        {"description": "x", "max_cost_usd": 0},
        {"description": "x", "max_cost_usd": "nan"},
        {"description": "x", "criteria": [""]},
    ],
)
def test_a_request_that_says_nothing_or_something_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SubmitRequest(**wrong)


def test_a_wait_has_an_end() -> None:
    with pytest.raises(ValidationError):
        WatchRequest(request_id="beth-x", seconds=51)


def test_an_answer_says_something() -> None:
    with pytest.raises(ValidationError):
        AnswerQuestion(id="beth-x.1", text="\n")
