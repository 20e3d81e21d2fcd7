"""Sieges, each laid once, and figures that the end of a test run shows."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from beth_kit.sandbox.conftest import World
from beth_kit.sandbox.probe import probe
from tests.chaos.figures import Figures
from tests.hostile import siege
from tests.hostile.worker import python_of

KEY = pytest.StashKey[Figures]()


@functools.cache
def _laid(mode: str, sandbox: bool) -> siege.Ended | Exception:
    try:
        return siege.lay(mode, sandbox=sandbox)
    except Exception as error:  # noqa: BLE001 - raised for every test that asks
        return error


def lay(mode: str, *, sandbox: bool) -> siege.Ended:
    """What came of a siege, which is laid once. Raises what it raised."""
    found = _laid(mode, sandbox)
    if isinstance(found, Exception):
        raise found
    return found


def lacks(mode: str) -> str | None:
    """Why no siege can be laid in this mode."""
    if probe().lacks is not None:
        return probe().lacks
    if mode == "root" and not probe().uids:
        return "needs root, to give each task a user of its own"
    found = python_of(World(mode, Path("/")))
    return found if isinstance(found, str) else None


@pytest.fixture(params=["root", "user"])
def mode(request: pytest.FixtureRequest) -> str:
    """`root`: each task gets a user of its own; `user`: the worker is not root, and its tools have its user."""
    mode = str(request.param)
    if lacks(mode) is not None:
        pytest.skip(str(lacks(mode)))
    return mode


@pytest.fixture
def control(mode: str) -> siege.Ended:
    """What happens without a sandbox."""
    return lay(mode, sandbox=False)


@pytest.fixture
def locked(mode: str) -> siege.Ended:
    """What happens in it."""
    return lay(mode, sandbox=True)


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """What the end of the test run is to show."""
    return pytestconfig.stash.setdefault(KEY, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if KEY in config.stash:
        config.stash[KEY].write(terminalreporter)
