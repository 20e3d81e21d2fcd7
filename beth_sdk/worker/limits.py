"""How long a task may run, and which limits end a continuation and not the task, because more may be had. Pure."""

from __future__ import annotations

from beth_sdk.errors import BudgetExceeded, LimitedBy
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Result, Task
from beth_sdk.worker import results


def wall_of(task: Task, manifest: Manifest) -> tuple[float | None, LimitedBy]:
    """Seconds after which a task is cut off even in the middle of a step, and whose limit that is. A budget of which
    more may be had cuts nothing off: what was cut off would have to be done again."""
    own, budget = manifest.limits.wall_seconds, task.budget
    if budget is None or budget.more or budget.seconds is None:
        return own, "manifest"
    return (own, "manifest") if own is not None and own <= budget.seconds else (budget.seconds, "budget")


def out_of_time(task: Task, spent: float) -> Result | None:
    """What a task ends in, before it goes on, that ran for all the `spent` seconds of a budget of which more may be
    had."""
    budget = task.budget
    if budget is None or not budget.more or budget.seconds is None or spent < budget.seconds:
        return None
    return results.failed(results.wall_exceeded(budget.seconds, spent, "budget"))


def to_be_continued(task: Task, error: BaseException) -> bool:
    """Whether a task that ended with this error goes on once it has a larger budget: nobody gives it up."""
    more = task.budget is not None and bool(task.budget.more)
    return more and isinstance(error, BudgetExceeded) and error.by == "budget"
