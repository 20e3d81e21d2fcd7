"""What a task may use up: the manifest's limits and the task's budget, and when they end it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from beth_sdk.agent import Spending
from beth_sdk.errors import LimitedBy, limit_details
from beth_sdk.manifest import Manifest, effective_limits
from beth_sdk.messages import Budget, Task
from beth_sdk.settings import Settings

WARN_AT = 0.9
"""The part of a limit after which the model is told to come to an end."""

WARN_STEPS = 5
"""Steps that are left at the least when it is told: enough to commit, to check and to finish."""

LimitName = Literal["steps", "cost_usd", "seconds", "tokens"]


LEAST_WANTED: Mapping[LimitName, float] = {"steps": 1, "cost_usd": 0.0, "seconds": 60.0, "tokens": 4_000}
"""What a task wants to go on at the least, so that it does not come back after each step."""


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that was reached: a stable `code` for the result's error, words for people, and `details` by which
    whoever published the task sees whether more would help."""

    code: Literal["step_limit", "cost_limit", "time_limit", "token_limit"]
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """`steps`: journaled steps, model calls and tool calls alike. `cost_usd` in US dollars, `seconds` of running time,
    `tokens` of input and output together; None: no limit. `budget`: those of them that are the task's budget's.

    A `slice` is a budget of which more may be had. Nobody is told to hurry because of it: where it is reached, before
    a call of the model, the task ends and goes on with a larger one.
    """

    steps: int
    cost_usd: float | None = None
    seconds: float | None = None
    tokens: int | None = None
    budget: frozenset[LimitName] = frozenset()
    slice: Budget | None = None

    @classmethod
    def of(cls, manifest: Manifest, settings: Settings, task: Task) -> Limits:
        """The manifest's, with the settings over it, and the task's budget where that is less."""
        own = effective_limits(manifest, settings)
        budget = task.budget
        if budget is None or budget.more:
            return cls(own.steps, own.cost_usd, own.wall_seconds, slice=budget)
        both: tuple[tuple[LimitName, float | None, float | None], ...] = (
            ("cost_usd", own.cost_usd, budget.cost_usd),
            ("seconds", own.wall_seconds, budget.seconds),
            ("tokens", None, budget.tokens),
        )
        less = {name for name, ours, theirs in both if theirs is not None and (ours is None or theirs < ours)}
        cost, wall = (min((one for one in pair if one is not None), default=None) for _, *pair in both[:2])
        return cls(own.steps, cost, wall, budget.tokens, frozenset(less))

    def reached(
        self, *, steps: int, seconds: float, spending: Spending, price: float = 0.0, tokens: int = 0
    ) -> Over | None:
        """The first limit that leaves nothing for another step; of a slice, too. What that step may take is told with
        it: `price` in US dollars, `tokens`."""
        over = self.final(steps=steps, seconds=seconds, spending=spending, price=price, tokens=tokens)
        if over is not None or self.slice is None:
            return over
        given = Limits(_NO_END, self.slice.cost_usd, self.slice.seconds, self.slice.tokens, frozenset(_CODES))
        return given.final(steps=steps, seconds=seconds, spending=spending, price=price, tokens=tokens)

    def final(
        self, *, steps: int, seconds: float, spending: Spending, price: float = 0.0, tokens: int = 0
    ) -> Over | None:
        """The first limit that leaves nothing for another step and of which no more may be had."""
        next_step: dict[LimitName, float] = {"cost_usd": price, "tokens": tokens}
        for name, limit, used in self._each(steps, seconds, spending):
            # A budget of no money still pays for a model that costs nothing.
            if used > limit or (used == limit and not (name == "cost_usd" and limit == 0)):
                by: LimitedBy = "budget" if name in self.budget else "manifest"
                wanted = max(LEAST_WANTED[name], next_step.get(name, 0.0))
                details = {**limit_details(by, name, used, wanted), "of": limit}
                return Over(_CODES[name], f"the task's limit is reached: {_used_of(name, used, limit)}", details)
        return None

    def warnings(
        self, *, steps: int, seconds: float, spending: Spending, price: float = 0.0
    ) -> Iterator[tuple[LimitName, str]]:
        """What the model is to be told of limits that are nearly reached, each with the limit's name. Whoever calls
        says each once. `price`: US dollars that a call may cost: while there is money for one that tells it and for
        no other after it, the model is told too."""
        for name, limit, used in self._each(steps, seconds, spending):
            last = name == "cost_usd" and used + 2 * price > limit
            if limit > 0 and (last or used >= _warn_at(name, limit)):
                words = (
                    f"You have used {_used_of(name, used, limit)}; the task ends when the limit is reached, finished "
                    "or not. Come to an end now: begin nothing new, bring what you have into a state that works, "
                    "commit it, and call `finish`, saying what is done and what is missing."
                )
                yield name, words

    def _each(self, steps: int, seconds: float, spending: Spending) -> Iterator[tuple[LimitName, float, float]]:
        tokens = spending.used.get("input_tokens", 0) + spending.used.get("output_tokens", 0)
        yield "steps", self.steps, steps
        if self.cost_usd is not None:
            yield "cost_usd", self.cost_usd, spending.cost_usd
        if self.seconds is not None:
            yield "seconds", self.seconds, seconds
        if self.tokens is not None:
            yield "tokens", self.tokens, tokens


_NO_END = 2**53
"""Steps that no task takes."""

_CODES: dict[LimitName, Literal["step_limit", "cost_limit", "time_limit", "token_limit"]] = {
    "steps": "step_limit",
    "cost_usd": "cost_limit",
    "seconds": "time_limit",
    "tokens": "token_limit",
}


def _warn_at(name: LimitName, limit: float) -> float:
    if name == "steps":
        return max(1, min(math.ceil(WARN_AT * limit), limit - WARN_STEPS))
    return WARN_AT * limit


def _used_of(name: LimitName, used: float, limit: float) -> str:
    match name:
        case "cost_usd":
            return f"{used:.2f} of {limit:.2f} US dollars"
        case "seconds":
            return f"{_spoken(used)} of {_spoken(limit)}"
        case _:
            return f"{used:,.0f} of {limit:,.0f} {name}"


def _spoken(seconds: float) -> str:
    """A duration as people say it, to the second below two minutes, to the minute above."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
