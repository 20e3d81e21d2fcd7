"""`--max-cost`, `--max-tokens` and `--max-time`: what a request may use up, as people write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from beth_agent_beth.fold.policy import BudgetPolicy
from beth_sdk.variables import parse_duration

NONE = "none"
"""Says that there is to be no limit, where there would be one."""

MOST_TOKENS = 2**53 - 1
"""What every JSON reader keeps exactly."""


def dollars(ctx: click.Context, param: click.Parameter, text: str | None) -> float | str | None:
    """US dollars, also `$2.50` and `2.50 USD`; or `none`."""
    if text is None or text.strip().lower() == NONE:
        return text and NONE
    found = re.search(r"^\$? ?([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(?: ?USD)?$(?!\n)", text.strip(), re.IGNORECASE)
    if found is None:
        told = f"{text!r} is no amount of US dollars; write it as 0.50 or 12, or none for no limit"
        raise click.BadParameter(told, ctx, param)
    return float(found[1])


def tokens(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """A count of tokens."""
    if text is None:
        return None
    if re.search(r"^[0-9]{1,16}$(?!\n)", text.strip()) is None or int(text) > MOST_TOKENS:
        raise click.BadParameter(f"{text!r} is no number of tokens; write it as 200000", ctx, param)
    return int(text)


def duration(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """Seconds, from a duration as the variables have it."""
    if text is None:
        return None
    try:
        seconds = parse_duration(text.strip())
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        told = f"{text!r} is no duration over zero; write it as 90s, 30m, 2h or 1h30m"
        raise click.BadParameter(told, ctx, param)
    return seconds


OPTIONS = (
    click.option(
        "--max-cost",
        metavar="USD",
        callback=dollars,
        help="US dollars it may cost; Beth asks for more before that is exceeded. Unless given, what her policy says "
        "(5.00); none for no limit.",
    ),
    click.option(
        "--max-tokens", metavar="N", callback=tokens, help="Tokens of models, input and output, that it may use up."
    ),
    click.option(
        "--max-time",
        metavar="DURATION",
        callback=duration,
        help="Running time of all its tasks together, as 30m or 2h.",
    ),
)


def limits(max_cost: float | str | None, max_tokens: int | None, max_time: float | None) -> dict[str, Any]:
    """The options as a request's budget has them; None for no limit, fields that were not given left out."""
    told: dict[str, Any] = {"cost_usd": max_cost, "tokens": max_tokens, "seconds": max_time}
    return {name: None if value == NONE else value for name, value in told.items() if value is not None}


def with_default(given: Mapping[str, Any] | None, policy: BudgetPolicy) -> dict[str, Any]:
    """A request's budget, with the policy's money where nothing is said of money."""
    budget = {"cost_usd": policy.cost_usd, **(given or {})}
    return {name: value for name, value in budget.items() if value is not None}
