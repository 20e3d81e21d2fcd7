"""The environment variables that this package reads, as the entry point of `beth.variables` declares them."""

from __future__ import annotations

from beth_agent_beth.fold import policy
from beth_agent_beth.orchestration import day
from beth_sdk.variables import DeclaredVariable

VARIABLES: tuple[DeclaredVariable, ...] = (
    day.DECLARED,
    DeclaredVariable(
        policy.VARIABLE,
        "the policy that comes with Beth",
        "A file with what Beth goes by instead: rounds of gates, who fixes, how large a model's plan may be, how a "
        "budget is cut.",
        "the path of a TOML file",
    ),
)
