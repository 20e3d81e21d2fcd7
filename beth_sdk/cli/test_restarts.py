"""When a process that ended is started again."""

from __future__ import annotations

from beth_sdk.cli.options import ExitCode
from beth_sdk.cli.restarts import LONGEST_DELAY, STEADY, Restarts


def test_each_delay_is_twice_the_one_before_up_to_the_longest() -> None:
    restarts = Restarts()
    assert [restarts.after(1, 0.5) for _ in range(7)] == [1, 2, 4, 8, 16, 30, LONGEST_DELAY]


def test_a_process_that_lived_long_enough_begins_anew() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.after(-9, 0.5)
    assert restarts.after(-9, STEADY) == 1
    assert restarts.after(-9, STEADY - 0.1) == 2


def test_one_that_was_drained_is_not_started_again() -> None:
    assert Restarts().after(ExitCode.DONE, 5) is None


def test_one_that_is_configured_wrongly_is_not_started_again() -> None:
    assert Restarts().after(ExitCode.USAGE, 5) is None
