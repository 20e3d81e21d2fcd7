"""What `beth doctor` runs: checks, the SDK's and those of plugins by entry point; `--recover`: what finds leftovers.

An entry point of the group `beth.checks` names an async function that takes the settings and returns a list of `Check`;
one of the group `beth.recoveries` names one that returns a list of `Unowned`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

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


@dataclass(frozen=True, slots=True)
class Unowned:
    """Something that is kept and that no request or task owns. `name` says what it is, `place` where, `why` how one can
    tell that nobody owns it; `remove` is the command that deletes it, for whoever has looked. `data` for programs."""

    name: str
    place: str
    why: str
    remove: str
    data: Mapping[str, Any] = field(default_factory=dict)


CheckFunction: TypeAlias = Callable[[Settings], Awaitable[list[Check]]]
RecoveryFunction: TypeAlias = Callable[[Settings], Awaitable[list[Unowned]]]

T = TypeVar("T")


async def run_checks(
    functions: Sequence[tuple[str, CheckFunction]], settings: Settings, *, longest: float = LONGEST
) -> list[Check]:
    """What all functions find, in their order. One that raises, or takes longer than `longest` seconds, has failed
    under its name."""
    found: list[Check] = []
    for name, function in functions:
        result = await _run(name, function, settings, longest)
        found += [result] if isinstance(result, Check) else result
    return found


async def run_recoveries(
    functions: Sequence[tuple[str, RecoveryFunction]], settings: Settings, *, longest: float = LONGEST
) -> tuple[list[Unowned], list[Check]]:
    """What all functions find, in their order, and a failed check for each that raised or took too long."""
    found: list[Unowned] = []
    failed: list[Check] = []
    for name, function in functions:
        result = await _run(name, function, settings, longest)
        if isinstance(result, Check):
            failed.append(result)
        else:
            found += result
    return found, failed


async def _run(
    name: str, function: Callable[[Settings], Awaitable[list[T]]], settings: Settings, longest: float
) -> list[T] | Check:
    try:
        return list(await asyncio.wait_for(function(settings), longest))
    except TimeoutError:
        return Check(name, "fail", f"took longer than {longest:g} s", "see whether its server answers")
    except BethError as error:
        return Check(name, "fail", str(error), "do as the message says")
    except Exception as error:  # noqa: BLE001 - somebody else's code, which must not keep the other checks from running
        return Check(name, "fail", reason_of(error), "report it to whoever wrote this check")
