"""The fixture `figures`, whose tables the end of a test run shows."""

from __future__ import annotations

import pytest

from tests.chaos.figures import Figures

KEY = pytest.StashKey[Figures]()


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """What the end of the test run is to show."""
    return pytestconfig.stash.setdefault(KEY, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if KEY in config.stash:
        config.stash[KEY].write(terminalreporter)
