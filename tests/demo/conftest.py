"""Each variant of the demo is played once."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_sdk.private import folder_mode
from tests.demo.played import Played, play, without_the_defect, without_the_fix


@pytest.fixture(scope="session")
def homes(enterable: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for homes that the tools of a task may enter."""
    del enterable
    folder = tmp_path_factory.mktemp("demo")
    folder.chmod(folder_mode())
    return folder


@pytest.fixture(scope="session")
def demo(homes: Path) -> Played:
    """As `make run` plays it."""
    return play(homes / "demo")


@pytest.fixture(scope="session")
def never_fixed(homes: Path) -> Played:
    """The developer does not put the defect right."""
    return play(homes / "never-fixed", without_the_fix(homes / "without-the-fix"))


@pytest.fixture(scope="session")
def flawless(homes: Path) -> Played:
    """The developer makes no mistake."""
    return play(homes / "flawless", without_the_defect(homes / "without-the-defect"))


@pytest.fixture(scope="session")
def signin(demo: Played, homes: Path) -> Path:
    """What the demo made, checked out."""
    return demo.checked_out(homes / "signin")
