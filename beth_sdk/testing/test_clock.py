"""The clock that a test moves."""

from __future__ import annotations

import asyncio

from beth_sdk.testing import ManualClock


async def test_a_sleep_ends_when_its_time_was_advanced() -> None:
    clock = ManualClock()
    sleeping = asyncio.ensure_future(clock.sleep(10))
    await clock.until_sleeping()
    clock.advance(9)
    await asyncio.sleep(0)
    assert not sleeping.done()
    clock.advance(1)
    await asyncio.wait_for(sleeping, 30)


async def test_a_sleep_counts_from_its_call_however_late_it_is_awaited() -> None:
    clock = ManualClock()
    sleep = clock.sleep(10)
    clock.advance(10)
    await asyncio.wait_for(sleep, 30)


async def test_a_sleep_of_no_time_ends_at_once() -> None:
    await asyncio.wait_for(ManualClock().sleep(-1), 30)


async def test_a_sleeper_of_another_thread_is_woken() -> None:
    clock = ManualClock()
    sleeping = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(_sleep(clock, 5))))
    await clock.until_sleeping()
    clock.advance(5)
    await asyncio.wait_for(sleeping, 30)


async def _sleep(clock: ManualClock, seconds: float) -> None:
    await clock.sleep(seconds)


async def test_a_cancelled_sleep_does_not_count_as_sleeping() -> None:
    clock = ManualClock()
    cancelled = asyncio.ensure_future(clock.sleep(5))
    await clock.until_sleeping()
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    waiting = asyncio.ensure_future(clock.until_sleeping())
    await asyncio.sleep(0)
    assert not waiting.done()
    sleeping = asyncio.ensure_future(clock.sleep(5))
    await asyncio.wait_for(waiting, 30)
    clock.advance(5)
    await sleeping


def test_time_passes_on_both_clocks_and_the_date_can_be_set_apart() -> None:
    clock = ManualClock(wall=1000.0)
    started = clock.monotonic()
    clock.advance(5)
    assert (clock.wall(), clock.monotonic()) == (1005.0, started + 5)
    clock.set_wall(0.0)
    assert (clock.wall(), clock.monotonic()) == (0.0, started + 5)


def test_a_reboot_is_another_boot_with_a_lower_monotonic_time() -> None:
    clock = ManualClock(wall=1000.0)
    boot, monotonic = clock.boot_id, clock.monotonic()
    clock.reboot(60)
    assert clock.boot_id != boot
    assert clock.monotonic() < monotonic
    assert clock.wall() == 1060.0
