"""A request's branch as the facts have it, and how work that is not merged yet holds others up."""

from __future__ import annotations

import pytest

from beth_agent_beth.conftest import Facts, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.branch import Branch
from beth_agent_beth.orchestration.outcome import outcome_of, waits_for_a_person
from beth_agent_beth.orchestration.publications import publications
from beth_agent_beth.terminal.view import closing
from beth_sdk.messages import Result, Task

URI = "file:///home/repositories/r.git"
CONFLICT = {"ours": "1" * 40, "theirs": "2" * 40, "tree": "3" * 40, "files": ["x.txt"], "subjects": [["A"], ["B"]]}


def story(*tasks: str) -> Facts:
    """A request whose repository was made."""
    told = Facts(*tasks)
    told.add(facts.WORKSPACE, uri=URI, repository="/home/repositories/r.git", branch="beth/r", base="0" * 40)
    return told


def work(task: Task, commit: str, **fields: str) -> Result:
    artifact = {"kind": "git", "uri": URI, "commit": commit, **fields}
    return result_of(task, artifacts=[artifact])


def keys(told: Facts) -> list[str]:
    return [one.task.key for one in publications(told.state, 0.0, 100)]


def test_before_it_is_made_tasks_are_told_nothing_of_it() -> None:
    assert Branch().input() is None
    unavailable = Branch()
    unavailable.opened({"unavailable": "there is no git"})
    assert (unavailable.decided, unavailable.input()) == (True, None)


def test_a_task_is_told_where_the_branch_is() -> None:
    told = story()
    told.add(facts.MERGED, task="r.1", commit="a" * 40, head="b" * 40)
    expected = {"kind": "git", "uri": URI, "ref": "refs/heads/beth/r", "commit": "b" * 40}
    assert told.state.branch.input() == expected


@pytest.mark.parametrize(
    "artifact",
    [
        {"kind": "git", "uri": "file:///elsewhere.git", "commit": "a" * 40},
        {"kind": "git", "uri": URI},
        {"kind": "file", "uri": URI},
    ],
)
def test_what_is_not_a_commit_in_its_repository_is_no_work(artifact: dict[str, str]) -> None:
    told = story()
    told.take(result_of(told.publish("r.1"), artifacts=[artifact]))
    assert told.state.to_merge == {}


def test_of_several_commits_the_last_one_counts() -> None:
    told = story()
    artifacts = [{"kind": "git", "uri": URI, "commit": commit * 40} for commit in "ab"]
    told.take(result_of(told.publish("r.1"), artifacts=artifacts))
    assert told.state.to_merge == {"r.1": "b" * 40}


def test_work_that_is_not_merged_yet_holds_up_those_that_need_it_and_the_end() -> None:
    told = story("a", "b: a")
    told.take(work(told.publish("r.1"), "a" * 40))
    assert keys(told) == []
    assert outcome_of(told.state) is None
    assert not waits_for_a_person(told.state)
    told.add(facts.MERGED, task="r.1", commit="a" * 40, head="a" * 40)
    assert keys(told) == ["r.2:0"]


def test_a_request_that_is_cancelled_ends_once_what_was_accepted_is_merged() -> None:
    told = story()
    task = told.publish("r.1")
    told.add(facts.CANCEL, reason="enough")
    told.take(work(task, "a" * 40))
    assert outcome_of(told.state) is None
    told.add(facts.MERGED, task="r.1", commit="a" * 40, head="a" * 40)
    assert outcome_of(told.state) == {"status": "cancelled", "reason": "enough"}


def test_a_conflict_adds_a_task_that_can_be_published() -> None:
    told = story("a", "b")
    told.publish("r.2")
    told.take(work(told.publish("r.1"), "a" * 40))
    told.add(facts.CONFLICT, task="r.1", commit="a" * 40, conflict=CONFLICT)
    assert keys(told) == ["r.3:0"]


def test_the_task_of_a_conflict_is_below_no_hop_limit_and_repeats_nobody() -> None:
    told = story()
    told.take(work(told.publish("r.1"), "a" * 40))
    told.add(facts.CONFLICT, task="r.1", commit="a" * 40, conflict=CONFLICT)
    (made,) = publications(told.state, 0.0, 100)
    assert (made.refusal, made.task.ancestors, made.parent) == (None, [], None)


def test_a_conflict_in_more_files_than_a_message_holds_fails_the_task_with_the_reason() -> None:
    told = story()
    told.take(work(told.publish("r.1"), "a" * 40))
    many = {**CONFLICT, "files": [f"folder/{number:060}" for number in range(5000)]}
    told.add(facts.CONFLICT, task="r.1", commit="a" * 40, conflict=many)
    (made,) = publications(told.state, 0.0, 100)
    assert made.refusal is not None
    for fact in made.facts():
        told.add(fact.kind, **fact.data)
    ending = outcome_of(told.state)
    assert ending is not None
    assert "a-resolve rejected" in ending["reason"]


def test_the_end_says_where_the_work_is_and_does_not_list_its_address_as_a_result() -> None:
    told = story()
    told.take(work(told.publish("r.1"), "a" * 40))
    told.add(facts.MERGED, task="r.1", commit="a" * 40, head="a" * 40, commits={"a": 2, "beth": 1})
    told.add(facts.ENDED, status="complete")
    lines = closing(told.state, 1.0)
    where = "branch beth/r in /home/repositories/r.git (commits: 2 by a, 1 by beth)"
    assert lines[-2] == f"{where}; beth show|diff|checkout|merge r"
    assert not any(URI in line for line in lines)
