"""The pure decision about a failed attempt: try again after a delay, or give up. No clock, no bus, no journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from beth_sdk.errors import AgentError, ContractError, Fatal, JournalMismatch, OutcomeTooLarge, Retryable, StepRaised

MAX_EPOCH = 1000
"""A task that was taken more often than this is dead, whatever progress it made."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: uniform between half and all of `base * factor**(attempt-1)`, capped.

    Seconds. Half the delay is fixed so that a crashing dependency is never hammered at once.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 300.0

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds before the next attempt after `attempt` failed ones; `random` gives a number in [0, 1)."""
        full = min(self.cap, self.base * self.factor ** min(attempt - 1, 64))
        return full / 2 + full / 2 * random()


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Hand the task back, to be handed out again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The task is dead, for this reason."""

    reason: str


def decide(
    error: BaseException | None,
    *,
    attempt: int,
    max_attempts: int,
    epoch: int,
    backoff: Backoff,
    random: Callable[[], float],
) -> TryAgain | GiveUp:
    """What becomes of a task of which `attempt` attempts have failed, the last with `error`.

    An attempt that journaled a new outcome is not among the `attempt`s: the caller leaves it out, and it is 0 when
    every attempt made progress. `error` is None where the worker died without a word; `epoch` is the last attempt's.
    """
    if error is not None and not is_retryable(error):
        return GiveUp(f"{type(error).__name__} cannot be retried")
    if epoch >= MAX_EPOCH:
        return GiveUp(f"taken {epoch} times; the limit is {MAX_EPOCH}")
    if attempt >= max_attempts:
        return GiveUp(f"{attempt} of {max_attempts} attempts failed")
    delay = backoff.delay(max(attempt, 1), random)
    return TryAgain(max(delay, _least_delay(error)))


def _least_delay(error: BaseException | None) -> float:
    """What a `Retryable` asks for, also one that was raised in a step."""
    while isinstance(error, StepRaised):
        error = error.__cause__
    return (error.after or 0.0) if isinstance(error, Retryable) else 0.0


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt may succeed. Errors nobody classified may; what the contract refuses may not."""
    if isinstance(error, StepRaised):
        return error.retryable
    if isinstance(error, Retryable):
        return True
    return not isinstance(error, Fatal | ContractError | JournalMismatch | OutcomeTooLarge | AgentError)
