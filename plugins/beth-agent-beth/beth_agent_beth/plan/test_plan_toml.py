"""A plan as a file."""

from __future__ import annotations

import pytest

from beth_agent_beth.conftest import plan_of
from beth_agent_beth.plan import workflow
from beth_agent_beth.plan.plan_toml import written


@pytest.mark.parametrize("name", workflow.names())
def test_what_is_written_is_read_as_the_same_plan(name: str) -> None:
    plan = workflow.load(name)
    assert workflow.parse(written(plan, ["a remark"]), "x") == plan


@pytest.mark.parametrize(
    "text",
    [
        'quotes " and \\ and \t',
        "two\nlines",
        'three """ quotes\nin lines',
        "a \\n that is none\nand a line",
        "ümlaut \x7f \x01",
        "\n",
    ],
)
def test_any_text_survives(text: str) -> None:
    task = {"name": "a", "agent": "a", "type": "act", "reason": text, "description": text}
    plan = plan_of(task).model_copy(update={"description": text})
    assert workflow.parse(written(plan), "x") == plan


def test_remarks_stand_above_it_as_comments() -> None:
    assert written(plan_of("a"), ["The plan."]).startswith("# The plan.\n\nname = ")


def test_a_gate_is_written_with_who_fixes_and_who_looks_again() -> None:
    gate = {"name": "g", "agent": "g", "type": "act", "gate": True, "fix": {"agent": "a", "type": "mend"}}
    text = written(plan_of("a", {**gate, "needs": ["a"], "size": "L", "reason": "to be sure"}))
    assert 'fix = {agent = "a", type = "mend"}' in text
    assert 'size = "L"\n' in text
