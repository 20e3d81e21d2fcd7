"""What is said follows from what happened: with another transcript the same tester comes to another verdict."""

from __future__ import annotations

import pytest

from tests.demo.played import Played

pytestmark = pytest.mark.slow


def test_without_the_fix_the_tester_refuses_in_every_round_and_beth_asks(never_fixed: Played) -> None:
    assert never_fixed.code == 4, never_fixed.printed
    gates = [one for one in never_fixed.tasks if one["type"] == "verify"]
    assert [one["verdict"]["decision"] for one in gates] == ["changes_requested"] * 4
    for one in gates:
        assert [finding["title"] for finding in one["verdict"]["findings"]] == [
            "A session cannot be continued after 15 minutes"
        ]
    fixes = [one for one in never_fixed.tasks if one["type"] == "fix"]
    assert [one["result"]["answers"][0]["done"] for one in fixes] == [False] * 3


def test_the_question_names_what_to_choose_from(never_fixed: Played) -> None:
    (question,) = never_fixed.request["questions"]
    assert question["kind"] == "gate"
    assert "after 3 fixes" in question["text"]
    assert "A session cannot be continued after 15 minutes" in question["text"]
    assert f"beth answer {question['task_id']}" in never_fixed.printed


def test_without_the_defect_nothing_is_fixed(flawless: Played) -> None:
    assert flawless.code == 0, flawless.printed
    assert [one["type"] for one in flawless.tasks if one["agent"] == "developer"] == ["implement"]
    verdict = flawless.task("verification")["verdict"]
    assert verdict == {"decision": "approved", "findings": []}
    assert flawless.task("verification")["result"]["tests_added"] == ["tests/test_acceptance.py"]
