"""In which order a request's tasks are published and merged: kept with a recording, gone by in its replay. Pure.

Tasks that run side by side end in any order. Where their work meets in one branch, the order decides what its commits
are, and what later tasks are told: a replay that went another way would ask models what nobody recorded.
"""

from __future__ import annotations

from beth_agent_beth.fold.gates import makes_further
from beth_agent_beth.fold.landing import end_step, merge_step, publish_step
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.publications import Publication, publications
from beth_sdk.messages import Result

ALL = 1_000_000


def order_of(state: RequestState) -> list[str]:
    """What is kept of a request; nothing where nothing was merged, because then the order decides nothing."""
    return list(state.steps) if state.branch.grown else []


def planning_steps(state: RequestState) -> frozenset[str]:
    """The steps of the task that made the plan, which a replay does without where a person had edited that."""
    planner = state.planner
    own = f"publish {planner.id}" if planner is not None else ""
    return frozenset(step for step in state.steps if own and step.startswith((f"{own}:", f"{own}.")))


class Turn:
    """Whose turn it is in a replay. Outside of one, and once it went another way than the recording, anybody's."""

    def __init__(self, state: RequestState, now: float) -> None:
        self.merge: str | None = None
        """The task whose work is to be merged now."""
        self.publish: Publication | None = None
        """What is to be published now."""
        self.wait = False
        """Whether it is the turn of somebody who is still at work."""
        step = _next(state)
        if step is None:
            return
        self.merge = next((one for one in state.to_merge if merge_step(one) == step), None)
        if self.merge is None:
            ready = publications(state, now, ALL)
            self.publish = next((one for one in ready if publish_step(one.task) == step), None)
            self.wait = self.publish is None and bool(state.outstanding)


def too_early(state: RequestState, result: Result) -> bool:
    """Whether in a replay it is not yet the turn of a result that may make further tasks necessary: two gates that
    refuse side by side would have their fixes numbered the other way round."""
    one, step, own = state.tasks.get(result.task_id), _next(state), end_step(result)
    if one is None or step in (None, own) or not makes_further(one, result) or not state.accepts(result):
        return False
    return own in (state.request.get("order") or ())[len(state.steps) :]


def _next(state: RequestState) -> str | None:
    order, done = state.request.get("order") or (), len(state.steps)
    if done >= len(order) or (done and order[done - 1] != state.steps[-1]):
        return None
    return str(order[done])
