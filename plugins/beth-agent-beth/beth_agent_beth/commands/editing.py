"""A plan in somebody's editor, checked before it is taken."""

from __future__ import annotations

import click

from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.plan import planning, workflow
from beth_agent_beth.plan.plan_toml import written
from beth_sdk.errors import BethError, ConfigurationError


def plan_now(state: RequestState) -> workflow.Plan:
    """The plan that the request goes by, or that is proposed. Raises `BethError` where there is none yet."""
    if state.proposal is None and state.planner is not None:
        raise BethError(f"{state.id} has no plan yet: {_why(state)}")
    return planning.checked(state, state.proposal)


def remarks(state: RequestState) -> list[str]:
    """What stands above it in a file."""
    said = [f"The plan of {state.id}, {'proposed' if proposed(state) else 'as it is carried out'}."]
    if proposed(state):
        said.append(f"Change what you like, then: beth answer {state.id} approve --plan THIS_FILE")
    return said


def proposed(state: RequestState) -> bool:
    """Whether somebody is to approve it."""
    return any(one.kind == "plan" for one in state.open_questions)


def edited(state: RequestState) -> workflow.Plan | None:
    """The plan as somebody left it in $VISUAL or $EDITOR; None where nothing was saved. What is wrong with it is said,
    and it can be mended. Raises `BethError`."""
    text = written(plan_now(state), remarks(state))
    while True:
        changed = click.edit(text, extension=".toml")
        if changed is None:
            click.echo("nothing was saved; the plan is as it was")
            return None
        try:
            return planning.checked(state, workflow.parse(changed, "as edited").model_dump(exclude_defaults=True))
        except ConfigurationError as error:
            click.echo(f"beth: {error}", err=True)
            if not click.confirm("Edit it again?", default=True):
                return None
            text = changed


def _why(state: RequestState) -> str:
    planner = state.planner
    if state.ended or planner is None:
        return state.reason or state.status
    return f"Beth's model is to make it ({planner.status})"
