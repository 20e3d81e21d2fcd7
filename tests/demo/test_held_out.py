"""What the demo makes meets the criteria of its request, for somebody who has read neither its code nor its tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo import held_out
from tests.demo.played import Played

pytestmark = pytest.mark.slow

NAMES = [check.__name__ for check in held_out.CHECKS]


def checked(folder: Path) -> dict[str, str]:
    """What each check says of the service in a folder."""
    assert held_out.__file__ is not None
    command = [sys.executable, "-I", "-W", "ignore::ResourceWarning", held_out.__file__]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


@pytest.fixture(scope="session")
def made(signin: Path) -> dict[str, str]:
    return checked(signin)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_demo_made(made: dict[str, str], name: str) -> None:
    assert made[name] == ""


def test_the_checks_find_the_defect_where_it_was_not_put_right(never_fixed: Played, homes: Path) -> None:
    found = checked(never_fixed.checked_out(homes / "defective"))
    assert {name for name, wrong in found.items() if wrong} == {"rotation_replaces_the_refresh_token"}
    assert found["rotation_replaces_the_refresh_token"] == "AssertionError: refreshing: 401, not 200"


def test_the_checks_find_what_the_criteria_forbid(signin: Path, homes: Path) -> None:
    """The same service with each criterion broken: a check that cannot fail would say nothing."""
    for name, (file, old, new) in {
        "access_token_is_refused_after_15_minutes": ("auth/tokens.py", "LIFETIME = 15 * 60", "LIFETIME = 16 * 60"),
        "reused_refresh_token_revokes_the_family": ("auth/sessions.py", " AND used_at IS NULL", ""),
        "cookies_are_secure_and_httponly": ("auth/web.py", "; Secure; HttpOnly", "; HttpOnly"),
        "tampered_tokens_are_refused": ("auth/tokens.py", "if not hmac", "if False and not hmac"),
    }.items():
        folder = homes / name
        subprocess.run(["cp", "-r", str(signin), str(folder)], check=True)
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        assert checked(folder)[name] != "", name
