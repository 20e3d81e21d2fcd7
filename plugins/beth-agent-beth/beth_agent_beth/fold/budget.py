"""What a request may use up, and how much of it each task is given. Pure, and part of the fold.

At every moment what results told, and the slices of tasks whose newest continuation has no result, are together no more
than the total, in each dimension. A slice is cumulative: it says what the task may use up over all its attempts and
continuations, as a result's usage says what it did use up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from beth_sdk import messages, schema
from beth_sdk.messages import Result

Dimension = Literal["cost_usd", "tokens", "seconds"]
"""US dollars; tokens of input and output together; seconds of running time, added up over tasks side by side."""

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

_UNITS: Mapping[Dimension, int] = {"cost_usd": 10**9, "tokens": 1, "seconds": 10**3}
"""Sums are kept in whole units, so many to one of the dimension, and rounded against the task: they do not drift."""

_CODES: Mapping[str, Dimension] = {"cost_limit": "cost_usd", "token_limit": "tokens", "time_limit": "seconds"}


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount in each dimension; None: unlimited, or not said."""

    cost_usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """A task ended because its slice did not reach. `wanted`: what its next step may take, beside what it used."""

    dimension: Dimension
    wanted: float = 0.0

    @classmethod
    def of(cls, result: Result) -> Shortage | None:
        """What a result says was short; None for one that ended for another reason, a manifest's limit included."""
        error = result.error
        if result.status != "failed" or error is None or error.details is None:
            return None
        dimension = _CODES.get(error.code)
        if dimension is None or error.details.get("limit") != "budget":
            return None
        wanted = error.details.get("wanted")
        told = isinstance(wanted, int | float) and not isinstance(wanted, bool) and 0 <= wanted < math.inf
        return cls(dimension, float(wanted) if told else 0.0)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Account:
    """One dimension, in its units."""

    total: int | None = None
    used: int = 0
    """By all tasks, as their results told."""
    given: int = 0
    """Beyond that, by slices that no result has answered."""
    used_by: dict[str, int] = field(default_factory=dict)
    given_to: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    """What a task had used when its newest continuation was published."""
    reached: dict[str, int] = field(default_factory=dict)
    """The newest slice of a task."""

    @property
    def left(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.used - self.given)

    # Zeros are not kept: most tasks of a request with thousands of them use up little.

    def publish(self, key: str, upto: int | None) -> None:
        used = self.used_by.get(key, 0)
        _keep(self.before, key, used)
        self._give(key, 0 if upto is None else max(0, upto - used))
        _keep(self.reached, key, upto or 0)

    def settle(self, key: str, told: int | None, *, all_of_it: bool) -> None:
        used = self.used_by.get(key, 0)
        now = used + self.given_to.get(key, 0) if all_of_it else max(used, told or 0)
        self._give(key, 0)
        self.used += now - used
        _keep(self.used_by, key, now)

    def _give(self, key: str, more: int) -> None:
        self.given += more - self.given_to.get(key, 0)
        _keep(self.given_to, key, more)

    def least(self, key: str, wanted: int) -> int:
        """What a task needs beyond its use to get further than with its last slice."""
        return max(1, wanted, self.reached.get(key, 0) - self.used_by.get(key, 0) + 1)


@dataclass(slots=True)
class Budget:
    """A request's. Tasks are told apart by their ids; whatever else the request pays for may have a key of its own."""

    _accounts: dict[Dimension, _Account] = field(default_factory=lambda: {one: _Account() for one in DIMENSIONS})

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Budget:
        """The budget of a request as it was received: `cost_usd`, `tokens`, `seconds`, any of which may be missing or
        null: no limit. Raises `InvalidMessage`."""
        made = cls()
        if document:
            known = {name: value for name, value in document.items() if value is not None}
            told = schema.parse(messages.Budget, known)
            made.raised(Amounts(told.cost_usd, told.tokens, told.seconds))
        return made

    # -- what happened ------------------------------------------------------------------------

    def published(self, task_id: str, given: messages.Budget | None) -> None:
        """A task's newest continuation was published with this slice."""
        for name, account in self._accounts.items():
            upto = getattr(given, name) if given is not None else None
            account.publish(task_id, None if upto is None else _up(name, upto))

    def taken(self, task_id: str, result: Result) -> None:
        """The result of a task's newest continuation, the first that counts: its usage takes the slice's place.

        Whoever did something and does not say what it took counts as having used up the slice. A result that says less
        than an earlier one of the task gives nothing back."""
        usage = result.usage
        if usage is not None:
            tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
            self.settled(task_id, Amounts(usage.cost_usd, tokens, usage.seconds))
            return
        unknown = result.status != "rejected"  # who rejects a task has done nothing for it
        for account in self._accounts.values():
            account.settle(task_id, None, all_of_it=unknown)

    def settled(self, key: str, used: Amounts) -> None:
        """What has this key used so much up, all in all, and holds no slice any more."""
        for name, account in self._accounts.items():
            told = getattr(used, name)
            account.settle(key, None if told is None else _up(name, told), all_of_it=False)

    def raised(self, totals: Amounts) -> None:
        """New totals; dimensions that are not said stay as they are."""
        for name, account in self._accounts.items():
            total = getattr(totals, name)
            if total is not None:
                account.total = _down(name, total)

    # -- what is so now -----------------------------------------------------------------------

    @property
    def limited(self) -> bool:
        """Whether there is a limit in any dimension."""
        return any(account.total is not None for account in self._accounts.values())

    @property
    def total(self) -> Amounts:
        return self._amounts(lambda account: account.total)

    @property
    def spent(self) -> Amounts:
        """What results told."""
        return self._amounts(lambda account: account.used)

    @property
    def committed(self) -> Amounts:
        """What results told, and the slices that none has answered."""
        return self._amounts(lambda account: account.used + account.given)

    @property
    def left(self) -> Amounts:
        """What can be given to tasks now; None: unlimited."""
        return self._amounts(lambda account: account.left)

    @property
    def given(self) -> bool:
        """Whether a task holds a slice of which something may come back."""
        return any(account.total is not None and account.given > 0 for account in self._accounts.values())

    def used_by(self, task_id: str, *, newest: bool = False) -> Amounts:
        """What a task has used up, all in all or with `newest` in its newest continuation."""
        return self._amounts(
            lambda account: account.used_by.get(task_id, 0) - (account.before.get(task_id, 0) if newest else 0)
        )

    def shortage_of(self, task_id: str, result: Result) -> Shortage | None:
        """What was short where this result, which was taken in already, ended a task that can go on with more. None for
        any other end, and for a task that had what it wants and used nothing of it: it would come back for ever."""
        short = Shortage.of(result)
        if short is None:
            return None
        account = self._accounts[short.dimension]
        before, used = account.before.get(task_id, 0), account.used_by.get(task_id, 0)
        enough = account.reached.get(task_id, 0) - before >= max(1, _up(short.dimension, short.wanted))
        return None if enough and used == before else short

    def reaches(self, task_id: str, shortage: Shortage) -> bool:
        """Whether there is enough for a task to get further than where its last slice ended."""
        return self.slices(0).reaches(task_id, shortage)

    # -- what is given ------------------------------------------------------------------------

    def slice_of(
        self, task_id: str, weight: float, weights_left: float, wanted: Shortage | None = None
    ) -> messages.Budget | None:
        """What one task is given now, as `Slices.of`. For several before the fold knows of the first: `slices`."""
        return self.slices(weights_left).of(task_id, weight, wanted)

    def slices(self, weights_left: float) -> Slices:
        """Gives slices to several tasks. `weights_left`: of everything that is still to be published or to go on, those
        that are about to be given something included."""
        return Slices(self._accounts, weights_left)

    def _amounts(self, of: Callable[[_Account], int | None]) -> Amounts:
        found: dict[str, Any] = {}
        for name, account in self._accounts.items():
            units = of(account)
            if units is not None:
                found[name] = _plain(name, units)
        return Amounts(**found)


class Slices:
    """Slices for tasks that are published together: what one is given, the next cannot get."""

    def __init__(self, accounts: Mapping[Dimension, _Account], weights_left: float) -> None:
        self._accounts = {name: one for name, one in accounts.items() if one.total is not None}
        self._left = {name: one.left or 0 for name, one in self._accounts.items()}
        self._weights = weights_left

    @property
    def some(self) -> bool:
        """Whether anything is left to be given, in every dimension that is limited."""
        return all(self._left.values())

    def of(self, task_id: str, weight: float, wanted: Shortage | None = None) -> messages.Budget | None:
        """A task's use so far, and its share of what is left; None where nothing is limited.

        With `wanted`, a task that comes back because its slice did not reach: at least that much, and more than its
        last slice, if there is so much."""
        if not self._accounts:
            return None
        weights = max(self._weights, weight)
        part = weight / weights if weight > 0 else 0.0
        self._weights = max(0.0, self._weights - weight)
        document: dict[str, Any] = {"more": True}
        for name, account in self._accounts.items():
            left = self._left[name]
            share = left if part == 1 else math.floor(left * part)
            if wanted is not None and wanted.dimension == name:
                share = max(share, account.least(task_id, _up(name, wanted.wanted)))
            share = min(left, share)
            self._left[name] = left - share
            document[name] = _plain(name, account.used_by.get(task_id, 0) + share)
        return schema.parse(messages.Budget, document)

    def reaches(self, task_id: str, shortage: Shortage) -> bool:
        """Whether enough is left now for a task to get further than where its last slice ended."""
        account = self._accounts.get(shortage.dimension)
        if account is None:
            return True
        return self._left[shortage.dimension] >= account.least(task_id, _up(shortage.dimension, shortage.wanted))


def lowered(given: messages.Budget | None, cost_usd: float) -> messages.Budget:
    """The slice with no more than so many US dollars in it, all in all."""
    if given is None:
        return schema.parse(messages.Budget, {"cost_usd": cost_usd, "more": True})
    return given.with_(cost_usd=cost_usd if given.cost_usd is None else min(given.cost_usd, cost_usd))


def covering(totals: Amounts, shortage: Shortage, amount: float) -> Amounts:
    """The totals with a new one in the dimension that was short."""
    match shortage.dimension:
        case "cost_usd":
            return replace(totals, cost_usd=amount)
        case "tokens":
            return replace(totals, tokens=int(amount))
        case "seconds":
            return replace(totals, seconds=amount)


def _keep(among: dict[str, int], key: str, units: int) -> None:
    if units:
        among[key] = units
    else:
        among.pop(key, None)


def _up(name: Dimension, amount: float) -> int:
    """In units, rounded up; what is a float's own noise does not count."""
    return math.ceil(round(amount * _UNITS[name], 3))


def _down(name: Dimension, amount: float) -> int:
    return math.floor(round(amount * _UNITS[name], 3))


def _plain(name: Dimension, units: int) -> float | int:
    return units if name == "tokens" else units / _UNITS[name]
