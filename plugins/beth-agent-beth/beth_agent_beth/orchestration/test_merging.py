"""What Beth does with what tasks commit: real git, a bus and a journal in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from beth_agent_beth.conftest import (
    Office,
    Studio,
    Through,
    begun,
    delegating,
    inputs,
    once,
    result_of,
    told_of_branch,
)
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.merging import TRY_AGAIN
from beth_agent_beth.orchestration.outcome import summary_of
from beth_kit.workspace.errors import GitFailed

STREAM = facts.stream_of("r")


# -- what tasks are told ----------------------------------------------------------------------


async def test_the_repository_is_there_before_the_first_task_is_published(office: Office, studio: Studio) -> None:
    await begun(office, studio)
    assert await office.kinds() == [facts.RECEIVED, facts.PLANNED, facts.WORKSPACE, facts.PUBLISHING]
    given = told_of_branch(await office.one_queued("a"))
    repository = await studio.repository()
    assert given.uri == (studio.home / "repositories/r.git").as_uri()
    assert (given.kind, given.ref, given.commit) == ("git", "refs/heads/beth/r", await repository.head())


async def test_a_later_task_starts_from_what_those_before_it_committed(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio, "a", "b: a")
    first = await studio.work(await office.one_queued("a"), a_txt="a\n")
    await beth.attend("r", inputs(first))
    task = await office.one_queued("b")
    assert told_of_branch(task).commit == first.artifacts[0].commit == await (await studio.repository()).head()
    assert len(task.inputs) == 1, "what is merged is not handed on besides"


async def test_a_subtask_and_the_task_that_goes_on_after_it_are_told_where_the_branch_is_then(
    office: Office, studio: Studio
) -> None:
    beth = await begun(office, studio)
    parent = await office.one_queued("a")
    await beth.attend("r", inputs(delegating(parent, "one")))
    child = await studio.work(await office.one_queued("helper"), a_txt="a\n")
    await beth.attend("r", inputs(child))
    again = await office.one_queued("a")
    assert (again.continuation, told_of_branch(again).commit) == (1, child.artifacts[0].commit)


async def test_artifacts_that_are_elsewhere_are_handed_on(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio, "a", "b: a")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(result_of(task, artifacts=[{"kind": "url", "uri": "https://example.org/x"}])))
    assert [one.kind for one in (await office.one_queued("b")).inputs] == ["url", "git"]


async def test_a_request_starts_from_its_repository_at_the_commit_it_was_handed_in_with(
    office: Office, studio: Studio
) -> None:
    other = await office.submit(request_id="other")
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend(other)
    done = await studio.work(await office.one_queued("a"), a_txt="a\n")
    await beth.attend(other, inputs(done))
    commit = done.artifacts[0].commit
    repo = {"source": str(studio.home / "repositories/other.git"), "branch": "beth/other", "commit": commit}
    await office.submit(repo=repo)
    await beth.attend("r")
    assert told_of_branch(await office.one_queued("a")).commit == commit
    assert await (await studio.repository()).files() == ("a.txt",)


async def test_a_repository_that_cannot_be_read_ends_the_request_with_the_reason(
    office: Office, studio: Studio
) -> None:
    await office.submit(repo={"source": "/nowhere", "branch": None, "commit": None})
    state = await office.beth(workspaces=studio.workspaces).attend("r")
    assert state is not None
    assert (state.status, state.tasks["r.1"].status) == ("failed", "waiting")
    assert state.reason.startswith("no workspace could be made from /nowhere: /nowhere: ")


async def test_without_a_git_a_request_runs_without_a_workspace_and_the_log_says_so_once(
    office: Office, studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    beth = office.beth(workspaces=studio.workspaces)
    for name in ("r", "other"):
        await office.submit(request_id=name)
        await beth.attend(name)
        task = await office.one_queued("a")
        assert task.inputs == []
        await beth.attend(name, inputs(result_of(task)))
        assert (await office.state(name)).status == "complete"
    assert caplog.messages.count("requests run without a workspace") == 1


async def test_without_a_git_a_request_with_a_repository_fails(
    office: Office, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    await office.submit(repo={"source": "/nowhere", "branch": None, "commit": None})
    await office.beth(workspaces=studio.workspaces).attend("r")
    assert "there is no git on this machine" in (await office.state()).reason


async def test_a_beth_without_workspaces_makes_none_and_fails_a_request_that_needs_one(office: Office) -> None:
    await office.submit(repo={"source": "/nowhere", "branch": None, "commit": None})
    await office.beth().attend("r")
    assert (await office.state()).reason == "it starts from a git repository, and this Beth has no workspaces"


# -- merging ----------------------------------------------------------------------------------


async def test_the_work_of_parallel_tasks_is_merged_in_the_order_in_which_it_was_accepted(
    office: Office, studio: Studio
) -> None:
    beth = await begun(office, studio, "a", "b", "c: a b")
    first, second = await office.queued("a", "b")
    results = [await studio.work(second, b_txt="b\n"), await studio.work(first, a_txt="a\n")]
    await beth.attend("r", inputs(*results))
    repository = await studio.repository()
    assert await repository.files() == ("a.txt", "b.txt")
    parents = (await repository.git.line("log", "-1", "--format=%P", await repository.head())).split()
    assert parents == [one.artifacts[0].commit for one in results]
    assert told_of_branch(await office.one_queued("c")).commit == await repository.head()
    assert (await office.state()).branch.commits == {"a": 1, "b": 1, "beth": 1}


async def test_the_same_work_merged_in_the_same_order_gives_the_same_commits_at_any_time(tmp_path: Path) -> None:
    heads = []
    for number in range(2):
        office = await Office.empty(wall=1e9 * (1 + number))
        studio = Studio(tmp_path / str(number))
        await office.submit("a", "b", received_at=1000.0)
        beth = office.beth(workspaces=studio.workspaces)
        await beth.attend("r")
        first, second = await office.queued("a", "b")
        await beth.attend("r", inputs(await studio.work(first, a_txt="x\n")))
        await beth.attend("r", inputs(await studio.work(second, b_txt="x\n")))
        heads.append(await (await studio.repository()).head())
        await studio.workspaces.close()
    assert heads[0] == heads[1]
    began = await (await studio.repository()).git.line("log", "-1", "--format=%ct", "refs/beth/base")
    assert began == "1000"


async def test_a_result_without_a_commit_merges_nothing(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio)
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    state = await office.state()
    assert (state.status, state.branch.grown) == ("complete", False)
    assert facts.MERGED not in await office.kinds()
    assert summary_of(state)["branch"] is None


async def test_what_a_failed_task_committed_is_not_merged(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio)
    task = await office.one_queued("a")
    done = await studio.work(task, a_txt="a\n")
    failed = result_of(task, "failed", artifacts=[one.to_json() for one in done.artifacts])
    await beth.attend("r", inputs(failed))
    assert not (await office.state()).branch.grown


async def test_the_summary_names_repository_branch_and_commits_by_role(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio)
    await beth.attend("r", inputs(await studio.work(await office.one_queued("a"), a_txt="a\n")))
    summary = summary_of(await office.state())
    assert (summary["repository"], summary["branch"]) == (str(studio.home / "repositories/r.git"), "beth/r")
    assert (summary["commit"], summary["commits"]) == (await (await studio.repository()).head(), {"a": 1})


async def test_a_commit_that_is_not_there_fails_its_task_with_the_reason(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio, "a", "b: a")
    task = await office.one_queued("a")
    await beth.attend("r", inputs(studio.brings(task, "0" * 39 + "1")))
    state = await office.state()
    assert (state.status, state.tasks["r.1"].status, state.tasks["r.2"].status) == ("failed", "failed", "waiting")
    assert state.reason.startswith("a failed: its commit 000000")


async def test_a_repository_that_is_gone_fails_its_task_with_the_reason(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio)
    done = await studio.work(await office.one_queued("a"), a_txt="a\n")
    (studio.home / "repositories/r.git").rename(studio.home / "gone")
    await beth.attend("r", inputs(done))
    assert "is not on this machine" in (await office.state()).reason


async def test_a_merge_that_does_not_succeed_at_first_is_tried_again(office: Office, studio: Studio) -> None:
    await office.submit()
    through = Through(studio.workspaces)
    through.before["merge"] = once(GitFailed(["merge-tree"], None, ""))
    beth = office.beth(workspaces=through.as_workspaces)
    await beth.attend("r")
    done = await studio.work(await office.one_queued("a"), a_txt="a\n")
    attending = asyncio.ensure_future(beth.attend("r", inputs(done)))
    await office.clock.until_sleeping(2)  # she does, and so does the renewing of her hold
    office.clock.advance(TRY_AGAIN)
    await attending
    assert through.calls.count("merge") == 2
    assert (await office.state()).status == "complete"
