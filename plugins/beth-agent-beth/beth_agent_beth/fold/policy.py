"""What Beth goes by: rounds of gates, who fixes, how large a plan may be, how money is cut. A file, not code.

A request keeps the policy it was received under, so that what its facts mean never depends on a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Role

VARIABLE = "BETH_POLICY"
"""Names a file whose keys win over those that come with Beth."""

Size = Literal["S", "M", "L", "XL"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fixer(_Part):
    """Who does what a gate asked for: a role, and the type of its task."""

    agent: Role
    type: Role


class GatePolicy(_Part):
    """`rounds`: fixes before a person is asked."""

    rounds: Annotated[int, Field(ge=0, le=100)] = 3
    fix: Fixer = Fixer(agent="developer", type="fix")


class ConflictPolicy(_Part):
    """`tasks`: how many in turn try to resolve one conflict."""

    tasks: Annotated[int, Field(ge=0, le=100)] = 3


class PlanPolicy(_Part):
    """`most_tasks`: of a plan that a model makes."""

    most_tasks: Annotated[int, Field(ge=1, le=10_000)] = 100


class BudgetPolicy(_Part):
    """`cost_usd`: of a request that names no other, None for no limit. `sizes`: the weight of each size of a task."""

    cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = 5.0
    sizes: dict[Size, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {"S": 1.0, "M": 2.0, "L": 4.0, "XL": 8.0}

    def weight(self, size: str) -> float:
        """What a task of this size weighs when money is cut."""
        return self.sizes.get(size, 1.0)  # type: ignore[call-overload, no-any-return]  # a size of a later version


class Policy(_Part):
    """All of it; the defaults are those of `policy.toml`."""

    gate: GatePolicy = GatePolicy()
    conflict: ConflictPolicy = ConflictPolicy()
    plan: PlanPolicy = PlanPolicy()
    budget: BudgetPolicy = BudgetPolicy()


def load(environ: Mapping[str, str]) -> Policy:
    """The policy that comes with Beth, and what the file in `BETH_POLICY` says instead. Raises `ConfigurationError`."""
    shipped = tomllib.loads((resources.files("beth_agent_beth.fold") / "policy.toml").read_text("utf-8"))
    name = environ.get(VARIABLE)
    if not name:
        return of(shipped, "policy.toml")
    try:
        own = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{VARIABLE}={name}: {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{VARIABLE}={name}: {error}") from None
    return of(_over(shipped, own), f"{VARIABLE}={name}")


def of(document: Mapping[str, Any], source: str = "policy") -> Policy:
    """A policy from plain values. Raises `ConfigurationError` for the first mistake."""
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{source}: {where}: {first['msg']}") from None


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged key by key; everything else as `above` has it."""
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(known, Mapping) and name != "fix"
        merged[name] = _over(known, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
