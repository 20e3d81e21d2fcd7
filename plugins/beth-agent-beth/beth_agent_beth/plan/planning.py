"""From what was asked for to a plan that is carried out: made by a model or named, looked at by a person if that is
wanted, checked. And what Beth asks besides. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from beth_agent_beth.fold.questions import AGAIN, APPROVE, OPTIONS, STOP, Asked, Kind
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.plan import workflow
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import FINAL_STATUSES

FINDINGS = 5
"""What a gate found that a question names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Next:
    """What is to be done about the plan: carry out `plan`, ask `question`, or end the request for a `reason`."""

    plan: workflow.Plan | None = None
    question: Asked | None = None
    reason: str | None = None


def next_step(state: RequestState) -> Next | None:
    """None where the planner is to be published, is at it, or somebody is to answer; the request has no plan yet."""
    planner = state.planner
    if planner is not None and planner.status not in FINAL_STATUSES:
        return None
    if planner is not None and planner.status != "complete":
        error = planner.result.error if planner.result is not None else None
        return Next(reason=f"no plan was made: {error.message if error else planner.status}")
    asked = [one for one in state.asked.values() if one.kind == "plan"]
    if asked and asked[-1].answer is None:
        return None
    try:
        plan = checked(state, state.proposal)
    except ConfigurationError as error:
        return Next(reason=f"no plan could be made: {error}")
    if state.request.get("approve_plan") and not asked:
        return Next(question=question(state, "plan", state.id, _of_plan(plan)))
    return Next(plan=plan)


def checked(state: RequestState, proposal: object) -> workflow.Plan:
    """A proposed plan that can be carried out. Raises `ConfigurationError`."""
    name = str(state.request.get("workflow", "feature"))
    plan = workflow.load(name) if proposal is None else workflow.plan_of(proposal, "plan")
    if state.planner is not None and len(plan.task) > state.policy.plan.most_tasks:
        most = state.policy.plan.most_tasks
        raise ConfigurationError(f"plan {plan.name}: {len(plan.task)} tasks, and a model's plan may have {most}")
    workflow.check_team(plan, state.request.get("team", ()))
    return plan


def next_question(state: RequestState) -> Asked | None:
    """What a person is to decide about a gate, and was not asked yet."""
    for name in state.undecided if state.cancel_reason is None else ():
        gate = state.gates[name]
        newest = state.tasks[gate.newest]
        verdict = newest.result.verdict if newest.result is not None else None
        titles = [finding.title for finding in verdict.findings] if verdict is not None else []
        shown = titles[:FINDINGS] + ([f"and {len(titles) - FINDINGS} more"] if len(titles) > FINDINGS else [])
        told = "".join(f"\n- {title}" for title in shown)
        again = state.fixing_role(gate) is not None
        after = f"after {gate.fixes} fix{'es' if gate.fixes != 1 else ''}" if again else "and nobody can fix it"
        once_more = f"{AGAIN}: have it fixed and looked at once more (a hint may follow: '{AGAIN}: …'); "
        text = (
            f"{state.tasks[name].name} by {newest.agent} still wants changes {after}:{told}\n"
            f"{once_more if again else ''}accept: go on as it is; {STOP}: leave it, and the request fails"
        )
        asked = question(state, "gate", name, text)
        return asked if again else replace(asked, options=tuple(one for one in asked.options if one != AGAIN))
    return None


def about_the_budget(state: RequestState) -> Asked | None:
    """The question whether there is more money, tokens or time, where nobody can go on without."""
    # Those that somebody paused wait for that first.
    short = next((state.unfunded[one.id] for one in state.can_go_on(state.unfunded)), None)
    if short is None or state.outstanding or any(one.kind == "budget" for one in state.open_questions):
        return None
    total, spent = getattr(state.budget.total, short.dimension), getattr(state.budget.spent, short.dimension)
    left = sum(1 for one in state.tasks.values() if one.status in ("waiting", "unfunded"))
    said = {
        "cost_usd": f"{spent:.4f} of {total:.4f} US dollars",
        "tokens": f"{spent:,.0f} of {total:,.0f} tokens",
        "seconds": f"{spent:,.0f} of {total:,.0f} seconds of work",
    }[short.dimension]
    names = ", ".join(state.tasks[one].name for one in list(state.unfunded)[:FINDINGS])
    wanted = f", whose next step may take {short.wanted:g}" if short.wanted else ""
    text = (
        f"The budget does not reach: {said} are used. It is not enough for {names}{wanted}; {left} task"
        f"{'s are' if left != 1 else ' is'} left. Answer with the new total, with how much more (+1), or {STOP}"
    )
    return question(state, "budget", state.id, text, short.dimension)


def question(state: RequestState, kind: Kind, about: str, text: str, dimension: str | None = None) -> Asked:
    """A question with an id that no other of the request has."""
    number = 1 + sum(one.kind == kind and one.about == about for one in state.asked.values())
    return Asked(f"{kind}:{about}:{number}", about, kind, text, OPTIONS[kind], dimension)


def _of_plan(plan: workflow.Plan) -> str:
    many = len(plan.task)
    return (
        f"Carry out the plan {plan.name} with {many} task{'s' if many != 1 else ''} ({', '.join(plan.roles)})? "
        f"{APPROVE}, or {STOP}"
    )


def proposed(state: RequestState) -> workflow.Plan | None:
    """The plan of a request, proposed or carried out, for people to look at; None before there is one that can be
    read."""
    if state.workflow is not None:
        document: dict[str, Any] = {"name": state.workflow, "task": list(state.planned)}
        return workflow.plan_of(document, "plan")
    try:
        return checked(state, state.proposal) if state.proposal is not None else None
    except ConfigurationError:
        return None
