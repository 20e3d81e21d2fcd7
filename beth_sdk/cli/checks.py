"""What `beth doctor` runs: checks, the SDK's and those of plugins by entry point.

An entry point of the group `beth.checks` names an async function that takes the settings and returns a list of `Check`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from beth_sdk.entry_points import reason_of
from beth_sdk.errors import BethError
from beth_sdk.settings import Settings

Status: TypeAlias = Literal["ok", "warn", "fail"]

LONGEST = 30.0
"""Seconds one function may take."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out. `warn`: works, but not as well or not as safely as it should; `fail`: does not work. `fix`
    says what to do, and is there wherever `status` is not ok."""

    name: str
    status: Status
    message: str
    fix: str | None = None


CheckFunction: TypeAlias = Callable[[Settings], Awaitable[list[Check]]]


async def run_checks(
    functions: Sequence[tuple[str, CheckFunction]], settings: Settings, *, longest: float = LONGEST
) -> list[Check]:
    """What all functions find, in their order. One that raises, or takes longer than `longest` seconds, has failed
    under its name."""
    return [check for name, function in functions for check in await _run(name, function, settings, longest)]


async def _run(name: str, function: CheckFunction, settings: Settings, longest: float) -> list[Check]:
    try:
        return list(await asyncio.wait_for(function(settings), longest))
    except TimeoutError:
        return [Check(name, "fail", f"took longer than {longest:g} s", "see whether its server answers")]
    except BethError as error:
        return [Check(name, "fail", str(error), "do as the message says")]
    except Exception as error:  # noqa: BLE001 - somebody else's code, which must not keep the other checks from running
        return [Check(name, "fail", reason_of(error), "report it to whoever wrote this check")]
