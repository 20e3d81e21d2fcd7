"""In which order a replayed request's tasks are published and merged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from beth_agent_beth.conftest import Office, Studio, inputs, result_of, told_of_branch
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.replaying import order_of
from beth_sdk.messages import Task

PLAN = ("a", "b", "c: a")


async def begun(office: Office, studio: Studio, order: Sequence[str] = ()) -> tuple[Orchestrator, Task, Task]:
    await office.submit(*PLAN, order=order, received_at=1000.0)
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend("r")
    first, second = await office.queued("a", "b")
    return beth, first, second


async def ended(office: Office, studio: Studio, beth: Orchestrator) -> str:
    """Do the last task; returns the commit that the branch is at."""
    await beth.attend("r", inputs(await studio.work(await office.one_queued("c"), c_txt="c\n")))
    state = await office.state()
    assert state.status == "complete"
    return state.branch.head


@pytest.fixture
async def recorded(office: Office, studio: Studio) -> tuple[list[str], str]:
    """The order in which a request went where `a` was done first and `c` began before `b` was done, and its commit."""
    beth, first, second = await begun(office, studio)
    await beth.attend("r", inputs(await studio.work(first, a_txt="a\n")))
    await beth.attend("r", inputs(await studio.work(second, b_txt="b\n")))
    head = await ended(office, studio, beth)
    return order_of(await office.state()), head


@pytest.fixture
async def again(tmp_path: Path) -> tuple[Office, Studio]:
    """Another machine."""
    office = await Office.empty()
    return office, Studio(tmp_path / "again")


async def test_the_order_says_what_was_published_and_what_was_merged(recorded: tuple[list[str], str]) -> None:
    assert recorded[0] == [
        "publish r.1:0",
        "publish r.2:0",
        "merge r.1",
        "publish r.3:0",
        "merge r.2",
        "merge r.3",
    ]


async def test_where_nothing_was_merged_no_order_is_kept(office: Office) -> None:
    await office.submit()
    beth = office.beth()
    await beth.attend("r")
    await beth.attend("r", inputs(result_of(await office.one_queued("a"))))
    assert order_of(await office.state()) == []


async def test_tasks_that_end_the_other_way_round_are_merged_and_published_as_they_were_recorded(
    recorded: tuple[list[str], str], again: tuple[Office, Studio]
) -> None:
    office, studio = again
    beth, first, second = await begun(office, studio, recorded[0])
    await beth.attend("r", inputs(await studio.work(second, b_txt="b\n")))
    assert not (await office.state()).branch.grown, "it is not its turn"
    await beth.attend("r", inputs(await studio.work(first, a_txt="a\n")))
    assert order_of(await office.state()) == recorded[0][:5]
    assert await ended(office, studio, beth) == recorded[1]
    await studio.workspaces.close()


async def test_tasks_that_end_at_once_are_merged_as_they_were_recorded(
    recorded: tuple[list[str], str], again: tuple[Office, Studio]
) -> None:
    office, studio = again
    beth, first, second = await begun(office, studio, recorded[0])
    done = [await studio.work(second, b_txt="b\n"), await studio.work(first, a_txt="a\n")]
    await beth.attend("r", inputs(*done))
    assert await ended(office, studio, beth) == recorded[1]
    await studio.workspaces.close()


async def test_a_replay_that_goes_another_way_waits_for_nobody_who_will_not_come(
    recorded: tuple[list[str], str], again: tuple[Office, Studio]
) -> None:
    office, studio = again
    beth, first, second = await begun(office, studio, recorded[0])
    await beth.attend("r", inputs(await studio.work(second, b_txt="b\n")))
    await beth.attend("r", inputs(result_of(first)))
    state = await office.state()
    assert state.branch.commits == {"b": 1}
    assert told_of_branch(await office.one_queued("c")).commit == state.branch.head
    await studio.workspaces.close()
