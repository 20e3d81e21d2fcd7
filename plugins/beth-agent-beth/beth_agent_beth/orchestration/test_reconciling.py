"""What the journals of a request's tasks know and the request does not."""

from __future__ import annotations

from beth_agent_beth.conftest import (
    Office,
    delegating,
    inputs,
    result_of,
)
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_sdk import history
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Task


async def test_results_that_never_arrived_are_taken_from_the_journals_of_their_tasks(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    await office.end(result_of(await office.one_queued("a")))
    await office.beth().attend("r", reconcile=True)
    assert [task.id for task in await office.queued("a", "b")] == ["r.2"]


async def test_a_task_without_an_end_is_published_again_only_to_be_the_same_task(office: Office) -> None:
    await office.submit()
    await office.beth().attend("r")
    await office.beth().attend("r", reconcile=True)
    assert len(await office.queued("a")) == 1


async def redrive(office: Office, task: Task) -> Task:
    """What `beth dead redrive` journals."""
    again = task.with_(continuation=task.continuation + 1)
    data = {"continuation": again.continuation, "task": again.to_json()}
    await office.journal.append(history.stream_of(task.id), [Fact(history.REDRIVEN, data)], key="redriven")
    return again


async def failed(office: Office, beth: Orchestrator) -> Task:
    """A request of two tasks of which the first failed."""
    await office.submit("a", "b: a")
    await beth.attend("r")
    task = await office.one_queued("a")
    state = await beth.attend("r", inputs(await office.end(result_of(task, "failed"))))
    assert state is not None
    assert state.status == "failed"
    return task


async def test_a_redriven_task_reopens_its_request(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    state = await beth.attend("r", reconcile=True)
    assert state is not None
    assert state.status == "running"
    await beth.attend("r", inputs(result_of(again)))
    assert [task.id for task in await office.queued("b")] == ["r.2"]


async def test_the_result_of_a_redriven_task_counts_also_when_nobody_told_beth_of_the_redrive(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    await beth.attend("r", inputs(result_of(again)))
    assert [task.id for task in await office.queued("b")] == ["r.2"]
    assert (await office.state()).status == "running"


async def test_a_task_that_failed_and_was_redriven_while_beth_was_away_is_taken_in_at_once(office: Office) -> None:
    await office.submit("a", "b: a")
    await office.beth().attend("r")
    task = await office.one_queued("a")
    await office.end(result_of(task, "failed"))
    again = await redrive(office, task)
    state = await office.beth().attend("r", reconcile=True)
    assert state is not None
    assert state.status == "running"
    assert state.tasks["r.1"].continuation == again.continuation
    assert facts.ENDED not in await office.kinds()


async def test_the_end_of_a_redriven_task_is_taken_from_its_journal(office: Office) -> None:
    beth = office.beth()
    again = await redrive(office, await failed(office, beth))
    await office.end(result_of(again))
    await beth.attend("r", reconcile=True)
    assert [task.id for task in await office.queued("b")] == ["r.2"]


async def test_redriving_a_subtask_of_a_task_that_is_over_harms_nobody(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(delegating(await office.one_queued("a"), "one")))
    child = await office.one_queued("helper")
    await beth.attend("r", inputs(result_of(child, "failed")))
    await beth.attend("r", inputs(result_of(await office.one_queued("a"), "failed")))
    again = await redrive(office, child)
    state = await beth.attend("r", inputs(result_of(again)))
    assert state is not None
    assert (state.status, state.tasks["r.1.1"].status) == ("failed", "complete")
