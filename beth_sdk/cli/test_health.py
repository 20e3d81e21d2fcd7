"""`beth health`."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_sdk.cli.conftest import Beth
from beth_sdk.clock import SystemClock
from beth_sdk.testing.clock import ManualClock
from beth_sdk.worker.health import FRESH_FOR, Health


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "health"


def test_a_service_that_wrote_a_moment_ago_is_well(beth: Beth, file: Path) -> None:
    Health(file, "echo", "echo-1", SystemClock()).alive(running=0)
    ran = beth("health", "--file", str(file))
    assert (ran.exit_code, ran.stdout) == (0, "well\n")


def test_a_service_that_never_wrote_is_not_well(beth: Beth, file: Path) -> None:
    ran = beth("health", "--file", str(file))
    assert ran.exit_code == 1
    assert "the service has not started" in ran.stdout


class LongAgo(SystemClock):
    """The machine's clock, a while ago."""

    def monotonic(self) -> float:
        return super().monotonic() - FRESH_FOR - 10


def test_a_service_that_wrote_long_ago_is_not_well(beth: Beth, file: Path) -> None:
    Health(file, "echo", "echo-1", LongAgo()).alive(running=0)
    ran = beth("health", "--file", str(file))
    assert ran.exit_code == 1
    assert "the bus last answered 40 s ago" in ran.stdout


def test_a_file_from_before_the_machine_started_says_nothing(beth: Beth, file: Path) -> None:
    Health(file, "echo", "echo-1", ManualClock()).alive(running=0)
    assert beth("health", "--file", str(file)).exit_code == 1


def test_the_file_is_that_of_the_environment(beth: Beth, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Health(file, "echo", "echo-1", SystemClock()).alive(running=0)
    monkeypatch.setenv("BETH_HEALTH_FILE", str(file))
    assert beth("health").exit_code == 0


def test_the_name_of_the_file_may_be_in_a_file(
    beth: Beth, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Health(file, "echo", "echo-1", SystemClock()).alive(running=0)
    (tmp_path / "name").write_text(f"{file}\n")
    monkeypatch.setenv("BETH_HEALTH_FILE_FILE", str(tmp_path / "name"))
    assert beth("health").exit_code == 0


def test_without_a_file_it_fails_and_says_what_to_set(beth: Beth) -> None:
    ran = beth("health")
    assert ran.exit_code == 1
    assert "BETH_HEALTH_FILE" in ran.stdout
