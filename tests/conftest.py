"""Services that tests need: the marker `service(NAME)`, the fixture `services`, and a list of them at the end."""

from __future__ import annotations

import pytest

from tests.services import Services, from_environment

KEY = pytest.StashKey[Services]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "service(name): needs this service; skipped where it is absent")
    config.stash[KEY] = from_environment()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("service"):
        item.config.stash[KEY].require(*marker.args)


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Services:
    """The services of this run: `services.require("node")`."""
    return pytestconfig.stash[KEY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[KEY].lines():
        terminalreporter.section("services")
        for line in lines:
            terminalreporter.line(line)
