"""Checks, and how they are run."""

from __future__ import annotations

import asyncio

from beth_sdk.cli.checks import Check, run_checks
from beth_sdk.cli.options import settings_from
from beth_sdk.errors import BusUnavailable
from beth_sdk.settings import Settings

SETTINGS = settings_from(None, environ={"HOME": "/nowhere"})


async def well(_: Settings) -> list[Check]:
    return [Check("well", "ok", "fine")]


async def test_what_all_checks_find_comes_in_their_order() -> None:
    async def two(settings: Settings) -> list[Check]:
        return [Check("a", "ok", str(settings.home)), Check("b", "warn", "hm", "do")]

    assert await run_checks([("two", two), ("well", well)], SETTINGS) == [
        Check("a", "ok", "/nowhere/.local/share/beth"),
        Check("b", "warn", "hm", "do"),
        Check("well", "ok", "fine"),
    ]


async def test_a_check_that_raises_has_failed_and_the_others_run() -> None:
    async def broken(_: Settings) -> list[Check]:
        raise KeyError("x")

    async def down(_: Settings) -> list[Check]:
        raise BusUnavailable("no answer")

    found = await run_checks([("broken", broken), ("down", down), ("well", well)], SETTINGS)
    assert [(check.name, check.status, check.message) for check in found] == [
        ("broken", "fail", "KeyError: 'x'"),
        ("down", "fail", "no answer"),
        ("well", "ok", "fine"),
    ]
    assert all(check.fix for check in found if check.status != "ok")


async def test_a_check_that_never_ends_has_failed() -> None:
    async def hanging(_: Settings) -> list[Check]:
        await asyncio.Event().wait()
        return []

    (check,) = await run_checks([("hanging", hanging)], SETTINGS, longest=0.001)
    assert (check.name, check.status) == ("hanging", "fail")
    assert check.message == "took longer than 0.001 s"
