"""Folders that the users of tasks may enter, and figures that the end of a test run shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.figures import Figures
from tests.kit.homes import a_folder

KEY = pytest.StashKey[Figures]()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for one test."""
    with a_folder() as made:
        yield made


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """What the end of the test run is to show."""
    return pytestconfig.stash.setdefault(KEY, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if KEY in config.stash:
        config.stash[KEY].write(terminalreporter)
