"""Work that does not fit together: it becomes a task, whose work is merged in its place."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, Studio, begun, delegating, inputs, result_of, told_of_branch
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_kit.workspace.clone import TaskClone
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Task

RESOLVING_TASKS = Policy().conflict.tasks

STREAM = facts.stream_of("r")


async def in_conflict(office: Office, studio: Studio, *more: str) -> tuple[Orchestrator, Task]:
    """Two tasks whose work does not fit together; returns the one that is to resolve that."""
    beth = await begun(office, studio, "a", "b", *more)
    for task in await office.queued("a", "b"):
        await beth.attend("r", inputs(await studio.work(task, x_txt=f"{task.agent}\n")))
    return beth, await office.one_queued("b")


async def test_a_conflict_becomes_a_task_of_the_same_role_and_type(office: Office, studio: Studio) -> None:
    _, task = await in_conflict(office, studio)
    state = await office.state()
    one = state.tasks["r.3"]
    assert (task.id, task.agent, task.type, one.name, one.resolves) == ("r.3", "b", "act", "b-resolve", "r.2")
    assert "x.txt" in task.payload.description
    assert "Work of r.1" in task.payload.description
    assert "Work of r.2" in task.payload.description
    given = told_of_branch(task)
    conflict = (given.model_extra or {})["conflict"]
    assert set(conflict) == {"ours", "theirs", "tree", "files", "base"}
    assert (given.commit, conflict["files"]) == (conflict["ours"], ["x.txt"])
    assert task.ancestors == []


async def test_what_resolves_a_conflict_is_merged_in_its_place(office: Office, studio: Studio) -> None:
    beth, task = await in_conflict(office, studio)
    await beth.attend("r", inputs(await studio.work(task, x_txt="a and b\n")))
    state = await office.state()
    repository = await studio.repository()
    assert state.status == "complete"
    assert await repository.git.line("show", f"{await repository.head()}:x.txt") == "a and b"
    theirs = state.tasks["r.2"].result
    assert theirs is not None
    assert await repository.contains(await repository.head(), theirs.artifacts[0].commit or "")


async def moved_on(studio: Studio, number: int) -> None:
    """Have the branch get another commit, where the next resolution does not fit either."""
    repository = await studio.repository()
    head = await repository.head()
    clone = await TaskClone.open(repository, f"mover-{number}", head)
    (clone.directory / "x.txt").write_text(f"moved {number}\n")
    await repository.move_branch(await clone.commit("Move on", role="a"), head)


async def test_a_resolution_that_conflicts_again_is_resolved_by_another_task_three_at_most(
    office: Office, studio: Studio
) -> None:
    beth, resolving = await in_conflict(office, studio, "c: b")
    for number in range(1, RESOLVING_TASKS + 1):
        again = "" if number == 1 else f"-{number}"
        assert (await office.state()).tasks[resolving.id].name == f"b-resolve{again}"
        resolved = await studio.work(resolving, x_txt=f"resolved {number}\n")
        await moved_on(studio, number)
        await beth.attend("r", inputs(resolved))
        if number < RESOLVING_TASKS:
            resolving = await office.one_queued("b")
    assert await office.queued("b", "c") == []
    state = await office.state()
    assert (state.status, state.tasks["r.2"].status, state.tasks["r.3"].status) == ("failed", "failed", "waiting")
    assert state.reason == "b failed: its work conflicts with the branch, and 3 tasks in turn did not resolve it"


async def test_the_second_resolution_counts_where_the_first_came_too_late(office: Office, studio: Studio) -> None:
    beth, resolving = await in_conflict(office, studio, "c: b")
    late = await studio.work(resolving, x_txt="a and b\n")
    await moved_on(studio, 1)
    await beth.attend("r", inputs(late))
    again = await office.one_queued("b")
    assert again.id == "r.5"
    await beth.attend("r", inputs(await studio.work(again, x_txt="a and b, moved\n")))
    assert [task.id for task in await office.queued("c")] == ["r.3"]


@pytest.mark.parametrize(
    ("status", "why"), [("failed", "is failed"), ("complete", "committed nothing"), ("cancelled", "is cancelled")]
)
async def test_a_conflict_that_nobody_resolved_fails_the_task_and_so_the_request(
    office: Office, studio: Studio, status: str, why: str
) -> None:
    beth, resolving = await in_conflict(office, studio, "c: b")
    await beth.attend("r", inputs(result_of(resolving, status)))
    state = await office.state()
    assert (state.status, state.tasks["r.2"].status, state.tasks["r.3"].status) == ("failed", "failed", "waiting")
    assert f"b-resolve (r.4), which was to resolve it, {why}" in state.reason


async def test_a_parent_learns_that_the_work_of_its_subtask_could_not_be_merged(office: Office, studio: Studio) -> None:
    beth = await begun(office, studio, "a", "b")
    parent, other = await office.queued("a", "b")
    await beth.attend("r", inputs(delegating(parent, "one")))
    child = await studio.work(await office.one_queued("helper"), x_txt="helper\n")
    await beth.attend("r", inputs(await studio.work(other, x_txt="b\n")))
    await beth.attend("r", inputs(child))
    assert await office.queued("a") == [], "the conflict is not resolved yet"
    resolving = await office.one_queued("helper")
    assert resolving.id == "r.3"
    await beth.attend("r", inputs(result_of(resolving, "failed")))
    again = await office.one_queued("a")
    assert again.answer is not None
    (told,) = again.answer.to_json()["results"]
    assert (told["status"], told["error"]["code"]) == ("failed", "conflict")


async def test_a_conflict_that_is_resolved_after_a_redrive_brings_the_request_to_its_end(
    office: Office, studio: Studio
) -> None:
    beth, resolving = await in_conflict(office, studio, "c: b")
    await beth.attend("r", inputs(await office.end(result_of(resolving, "failed"))))
    assert (await office.state()).status == "failed"
    again = resolving.with_(continuation=1)
    await office.journal.append(STREAM, [Fact(facts.REDRIVEN, {"task": again.to_json()})], key="redriven")
    await beth.attend("r")
    await beth.attend("r", inputs(await studio.work(again, x_txt="a and b\n")))
    last = await office.one_queued("c")
    await beth.attend("r", inputs(result_of(last)))
    state = await office.state()
    assert (state.status, state.tasks["r.2"].status) == ("complete", "complete")


async def test_a_request_that_is_cancelled_keeps_what_was_merged_and_resolves_no_conflict(
    office: Office, studio: Studio
) -> None:
    beth = await begun(office, studio, "a", "b")
    first, second = await office.queued("a", "b")
    done = [await studio.work(first, x_txt="a\n"), await studio.work(second, x_txt="b\n")]
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await beth.attend("r", inputs(*done))
    state = await office.state()
    assert state.status == "cancelled"
    assert state.branch.grown
    assert (state.tasks["r.2"].status, state.tasks["r.3"].status) == ("failed", "cancelled")
    assert await office.queued("b") == []


async def test_a_task_counts_as_done_only_once_its_work_is_merged(office: Office, studio: Studio) -> None:
    beth, resolving = await in_conflict(office, studio, "c: b")
    assert await office.queued("c") == []
    await beth.attend("r", inputs(await studio.work(resolving, x_txt="a and b\n")))
    assert [task.id for task in await office.queued("c")] == ["r.3"]
