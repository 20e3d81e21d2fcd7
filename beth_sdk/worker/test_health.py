"""The health file: kept fresh by whoever hears of the bus, and what its age means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beth_sdk.testing import ManualClock
from beth_sdk.worker.conftest import Logged
from beth_sdk.worker.health import FRESH_FOR, WRITE_EVERY, Health, check


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "health.json"


def test_a_service_that_hears_of_its_bus_is_well(path: Path, clock: ManualClock) -> None:
    Health(path, "developer", "developer-1", clock).alive(running=2)
    document = json.loads(path.read_text())
    assert (document["role"], document["instance"], document["running"]) == ("developer", "developer-1", 2)
    assert check(path, clock) is None
    clock.advance(FRESH_FOR)
    assert check(path, clock) is None


def test_one_that_does_not_is_not(path: Path, clock: ManualClock) -> None:
    Health(path, "developer", "developer-1", clock).alive(running=0)
    clock.advance(FRESH_FOR + 1)
    assert check(path, clock) == "the bus last answered 31 s ago"


def test_the_file_is_written_every_few_seconds_at_most(path: Path, clock: ManualClock) -> None:
    health = Health(path, "developer", "developer-1", clock)
    written = []
    for running, passes in ((1, WRITE_EVERY - 1), (2, 1), (3, 1)):
        health.alive(running=running)
        written.append(json.loads(path.read_text())["running"])
        clock.advance(passes)
    assert written == [1, 1, 3]


def test_without_a_file_nothing_is_written(tmp_path: Path, clock: ManualClock) -> None:
    Health(None, "developer", "developer-1", clock).alive(running=0)
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_has_not_started_says_so(path: Path, clock: ManualClock) -> None:
    assert check(path, clock) == f"{path} does not exist: the service has not started"


def test_a_file_from_before_a_reboot_does_not_count(path: Path, clock: ManualClock) -> None:
    Health(path, "developer", "developer-1", clock).alive(running=0)
    clock.reboot()
    assert check(path, clock) == f"{path} is from before the machine started"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"monotonic": "x", "boot": "b"}'])
def test_a_file_that_nobody_understands_is_named(path: Path, clock: ManualClock, content: str) -> None:
    path.write_text(content)
    assert (check(path, clock) or "").startswith(f"{path} cannot be read")


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path, clock: ManualClock, logged: Logged) -> None:
    path = tmp_path / "missing" / "health.json"
    Health(path, "developer", "developer-1", clock).alive(running=0)
    assert logged("the health file cannot be written")[0]["path"] == str(path)
