"""What came of a request."""

from __future__ import annotations

from beth_agent_beth.conftest import Facts, result_of
from beth_agent_beth.fold.summing_up import account_of

GATE = {"name": "g", "agent": "g", "type": "act", "gate": True, "needs": ["a"]}
LOW = [{"title": "A small thing", "severity": "low", "place": "x.py:1"}]


def test_what_is_done_and_what_is_not_is_told_with_what_it_cost_by_role() -> None:
    story = Facts("a", "b: a", "c: b")
    story.take(
        result_of(story.publish("r.1"), result={"summary": "It stands"}, usage={"cost_usd": 0.1, "seconds": 2.0})
    )
    story.take(result_of(story.publish("r.2"), "failed", usage={"cost_usd": 0.2}))
    account = account_of(story.state)
    assert account.done == [{"name": "a", "agent": "a", "summary": "It stands"}]
    assert account.not_done == [
        {"name": "b", "agent": "b", "status": "failed", "reason": "it broke"},
        {"name": "c", "agent": "c", "status": "waiting", "reason": "never began"},
    ]
    assert account.roles["a"] == {"tasks": 1, "cost_usd": 0.1, "input_tokens": 0, "output_tokens": 0, "seconds": 2.0}
    assert account.roles["b"]["cost_usd"] == 0.2


def test_of_a_gate_only_the_newest_round_counts_with_what_it_let_pass() -> None:
    story = Facts("a", GATE)
    story.take(result_of(story.publish("r.1")))
    story.take(result_of(story.publish("r.2"), verdict={"decision": "changes_requested", "findings": LOW}))
    assert [one["name"] for one in account_of(story.state).not_done] == ["g", "g-fix"]
    story.take(result_of(story.publish("r.3")))
    story.take(result_of(story.publish("r.4"), verdict={"decision": "approved", "findings": LOW}))
    account = account_of(story.state)
    assert [one["name"] for one in account.done] == ["a", "g-fix", "g-2"]
    assert account.not_done == []
    assert account.findings == [{"name": "g", "title": "A small thing", "severity": "low", "place": "x.py:1"}]
