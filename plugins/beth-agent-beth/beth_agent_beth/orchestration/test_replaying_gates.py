"""A replayed request whose gates refuse side by side: their fixes are numbered as they were when it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from beth_agent_beth.conftest import Office, Studio, inputs, result_of
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.replaying import order_of
from beth_agent_beth.orchestration.test_gates import APPROVES, AUDIT, BUILD, CHECK, REFUSES, ROLES
from beth_sdk.messages import Task

PLAN = (BUILD, CHECK, {**AUDIT, "recheck": []})


async def at_the_gates(office: Office, studio: Studio, order: Sequence[str] = ()) -> tuple[Orchestrator, Task, Task]:
    """A request whose work both gates look at."""
    await office.submit(*PLAN, order=order, received_at=1000.0)
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend("r")
    (build,) = await office.queued(*ROLES)
    await beth.attend("r", inputs(await studio.work(build, a_txt="a\n")))
    check, audit = await office.queued(*ROLES)
    return beth, check, audit


async def ended(office: Office, studio: Studio, beth: Orchestrator) -> tuple[str, dict[str, str]]:
    """Fix and look again; returns the commit that the branch is at, and the tasks' names by their ids."""
    fixes = {one.payload.to_json()["gate"]: one for one in await office.queued(*ROLES)}
    await beth.attend("r", inputs(await studio.work(fixes["audit"], b_txt="b\n")))
    await beth.attend("r", inputs(await studio.work(fixes["check"], c_txt="c\n")))
    for task in await office.queued(*ROLES):
        await beth.attend("r", inputs(result_of(task, **APPROVES)))
    state = await office.state()
    assert state.status == "complete"
    return state.branch.head, {one.id: one.name for one in state.tasks.values()}


async def test_gates_that_refuse_the_other_way_round_have_their_fixes_as_they_were_recorded(
    office: Office, studio: Studio, tmp_path: Path
) -> None:
    beth, check, audit = await at_the_gates(office, studio)
    await beth.attend("r", inputs(result_of(audit, **REFUSES)))
    await beth.attend("r", inputs(result_of(check, **REFUSES)))
    recorded, order = await ended(office, studio, beth), order_of(await office.state())
    assert [one for one in order if one.startswith("end")][:2] == ["end r.3:0", "end r.2:0"]

    office, again = await Office.empty(), Studio(tmp_path / "again")
    beth, check, audit = await at_the_gates(office, again, order)
    await beth.attend("r", inputs(result_of(check, **REFUSES)))
    assert await office.queued(*ROLES) == [], "it is not its turn"
    await beth.attend("r", inputs(result_of(audit, **REFUSES)))
    assert await ended(office, again, beth) == recorded
    await again.workspaces.close()


async def test_a_replay_in_which_a_gate_ends_otherwise_waits_for_nobody_who_will_not_come(
    office: Office, studio: Studio, tmp_path: Path
) -> None:
    beth, check, audit = await at_the_gates(office, studio)
    await beth.attend("r", inputs(result_of(audit, **REFUSES), result_of(check, **REFUSES)))
    await ended(office, studio, beth)
    order = order_of(await office.state())

    office, again = await Office.empty(), Studio(tmp_path / "again")
    beth, check, audit = await at_the_gates(office, again, order)
    await beth.attend("r", inputs(result_of(check, **REFUSES)))
    await beth.attend("r", inputs(result_of(audit, "failed")))
    assert [one.agent for one in await office.queued(*ROLES)] == ["developer"]
    await again.workspaces.close()
