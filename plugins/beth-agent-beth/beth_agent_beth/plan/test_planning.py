"""From what was asked for to a plan that is carried out."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, delegating, inputs, plan_of, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.outcome import summary_of, waits_for_a_person
from beth_agent_beth.plan import planning
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Task

TEAM = [
    {"role": "builder", "description": "Builds", "task_types": ["make", "mend"]},
    {"role": "checker", "aliases": ["check"], "task_types": ["verify"]},
]


def planned(*tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the planner ends with."""
    return {"summary": "A plan", "plan": {"name": "mine", "task": list(tasks), **fields}}


def one(name: str = "build", agent: str = "builder", kind: str = "make", **fields: Any) -> dict[str, Any]:
    return {"name": name, "agent": agent, "type": kind, "description": f"Do {name}", "reason": "because", **fields}


async def begun(office: Office, **fields: Any) -> tuple[Orchestrator, Task]:
    """A request that names no workflow; returns the task that is to make its plan."""
    await office.submit(plan=None, team=TEAM, **fields)
    beth = office.beth()
    await beth.attend("r")
    return beth, await office.one_queued("beth")


async def test_a_request_without_a_workflow_begins_with_the_planner(office: Office) -> None:
    _, task = await begun(office)
    assert (task.id, task.type, task.payload.description) == ("r.0", "plan", "Build it")
    told = task.payload.to_json()
    assert (told["team"], told["most_tasks"]) == (TEAM, 100)
    assert await office.kinds() == [facts.RECEIVED, facts.PUBLISHING]


async def test_what_it_plans_is_carried_out(office: Office) -> None:
    beth, task = await begun(office)
    await beth.attend(
        "r", inputs(result_of(task, result=planned(one(), one("test", "checker", "verify", needs=["build"]))))
    )
    build = await office.one_queued("builder")
    assert (build.id, build.payload.description) == ("r.1", "Do build")
    await beth.attend("r", inputs(result_of(build)))
    await beth.attend("r", inputs(result_of(await office.one_queued("checker"))))
    state = await office.state()
    assert (state.status, state.workflow) == ("complete", "mine")


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (planned(), "at least 1"),
        (planned(one(needs=["test"]), one("test", needs=["build"])), "wait for each other"),
        (planned(one(agent="wizard")), "no installed agent plays 'wizard'"),
        (planned(one(kind="paint")), "builder takes no tasks of type 'paint'"),
        (planned(*[one(f"t{n}") for n in range(500)]), "500 tasks, and a model's plan may have 100"),
        ({"summary": "no plan"}, "no plan could be made"),
        ({"summary": "x", "plan": [1]}, "no plan could be made"),
    ],
)
async def test_a_plan_that_cannot_be_carried_out_ends_the_request_with_the_reason(
    office: Office, plan: dict[str, Any], why: str
) -> None:
    beth, task = await begun(office)
    await beth.attend("r", inputs(result_of(task, result=plan)))
    state = await office.state()
    assert state.status == "failed"
    assert why in state.reason
    assert await office.queued("builder", "checker") == []


async def test_a_planner_that_fails_ends_the_request(office: Office) -> None:
    beth, task = await begun(office)
    await beth.attend("r", inputs(result_of(task, "failed")))
    state = await office.state()
    assert (state.status, state.reason) == ("failed", "no plan was made: it broke")


async def test_a_planner_may_ask_a_person(office: Office) -> None:
    beth, task = await begun(office)
    question = {"id": "ask:0", "text": "Which?"}
    await beth.attend("r", inputs(result_of(task, "needs_input", question=question)))
    assert waits_for_a_person(await office.state())
    assert await requests.answer(office.bus, office.journal, "r.0", "the red one")
    await beth.attend("r")
    again = await office.one_queued("beth")
    assert (again.continuation, again.answer and again.answer.text) == (1, "the red one")


async def test_cancelling_while_it_is_planned_ends_the_request(office: Office) -> None:
    beth, _ = await begun(office)
    await requests.cancel(office.bus, office.journal, "r", "no more")
    await beth.attend("r")
    assert (await office.state()).status == "cancelled"


# -- approving --------------------------------------------------------------------------------


async def to_be_approved(office: Office, **fields: Any) -> Orchestrator:
    await office.submit("a", "b: a", approve_plan=True, **fields)
    beth = office.beth()
    await beth.attend("r")
    return beth


async def test_a_plan_that_is_to_be_approved_is_asked_about_before_anything_is_done(office: Office) -> None:
    await to_be_approved(office)
    state = await office.state()
    (asked,) = summary_of(state)["questions"]
    assert (asked["task_id"], asked["kind"], asked["options"]) == ("r", "plan", ["approve", "stop"])
    assert await office.queued("a", "b") == []
    assert waits_for_a_person(state)
    shown = planning.proposed(state)
    assert shown is not None
    assert [task.name for task in shown.task] == ["a", "b"]


async def test_an_approved_plan_is_carried_out(office: Office) -> None:
    beth = await to_be_approved(office)
    assert await requests.answer(office.bus, office.journal, "r", "approve")
    await beth.attend("r")
    assert (await office.one_queued("a")).id == "r.1"


async def test_a_plan_may_be_edited_while_it_is_approved(office: Office) -> None:
    beth = await to_be_approved(office)
    await requests.answer(office.bus, office.journal, "r", "approve", plan=plan_of("c", name="edited"))
    await beth.attend("r")
    assert (await office.one_queued("c")).id == "r.1"
    assert (await office.state()).workflow == "edited"


async def test_an_edited_plan_that_cannot_be_carried_out_is_refused_and_nothing_is_lost(office: Office) -> None:
    await to_be_approved(office, team=[{"role": "a"}, {"role": "b"}])
    with pytest.raises(ConfigurationError, match="no installed agent plays 'c'"):
        await requests.answer(office.bus, office.journal, "r", "approve", plan=plan_of("c"))
    assert len((await office.state()).open_questions) == 1


async def test_a_plan_that_is_turned_down_ends_the_request_as_cancelled(office: Office) -> None:
    beth = await to_be_approved(office)
    await requests.answer(office.bus, office.journal, "r", "stop")
    await beth.attend("r")
    state = await office.state()
    assert (state.status, state.reason) == ("cancelled", "the plan was not approved")


async def test_a_model_s_plan_can_be_approved_too(office: Office) -> None:
    beth, task = await begun(office, approve_plan=True)
    await beth.attend("r", inputs(result_of(task, result=planned(one()))))
    assert await office.queued("builder") == []
    assert await requests.answer(office.bus, office.journal, "r", "approve")
    await beth.attend("r")
    assert (await office.one_queued("builder")).id == "r.1"


async def test_killed_after_the_answer_another_beth_goes_on(office: Office) -> None:
    await to_be_approved(office)
    await requests.answer(office.bus, office.journal, "r", "approve")
    await office.beth().attend("r", reconcile=True)
    assert (await office.one_queued("a")).id == "r.1"


# -- delegating -------------------------------------------------------------------------------


async def test_what_nobody_plays_is_refused_to_whoever_wants_it(office: Office) -> None:

    await office.submit(one(), team=TEAM)
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("builder")
    await beth.attend("r", inputs(delegating(task, "help", agent="wizard")))
    again = await office.one_queued("builder")
    assert again.answer is not None
    refused: Any = (again.answer.results or [])[0]
    assert (refused["status"], refused["error"]["code"]) == ("rejected", "unknown_role")
    assert "'wizard'; installed: builder, checker" in refused["error"]["message"]


async def test_a_policy_of_its_own_limits_a_model_s_plan(office: Office) -> None:
    beth, task = await begun(office, policy=Policy.model_validate({"plan": {"most_tasks": 1}}))
    assert task.payload.to_json()["most_tasks"] == 1
    await beth.attend("r", inputs(result_of(task, result=planned(one(), one("more")))))
    assert "2 tasks, and a model's plan may have 1" in (await office.state()).reason
