"""Completion in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beth_sdk.cli.completing import SHELLS, files
from beth_sdk.cli.conftest import Beth, OnPorts, add_agent
from beth_sdk.cli.test_log import STARTED, journaled
from beth_sdk.conftest import Site

HEAVY = ("pydantic", "rich", "jsonschema", "litellm", "beth_sdk.messages", "beth_kit")


def completed(site: Site, *words: str, code: str = "pass") -> list[str]:
    """What the shell is offered after these words, of which the last is incomplete."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(site.path),
        "_BETH_COMPLETE": "zsh_complete",
        "COMP_WORDS": " ".join(["beth", *words]),
        "COMP_CWORD": str(len(words)),
    }
    run = f"import sys, atexit; {code}; from beth_sdk.cli.main import main; main()"
    ran = subprocess.run([sys.executable, "-c", run], env=environ, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    return lines[1::3] if code == "pass" else lines


def test_the_ids_of_tasks_are_completed_from_the_journal(home: Path, site: Site, on_ports: OnPorts) -> None:
    on_ports(lambda both: journaled(both, STARTED))
    assert completed(site, "log", "ta") == ["task-1"]
    assert completed(site, "log", "x") == []


def test_where_there_is_no_journal_none_is_made(home: Path, site: Site) -> None:
    assert completed(site, "log", "ta") == []
    assert not home.exists()


def test_roles_are_completed(home: Path, site: Site) -> None:
    add_agent(site, "zz-player")
    assert completed(site, "serve", "zz-p") == ["zz-player"]


def test_options_are_those_of_the_command(home: Path, site: Site) -> None:
    assert "--follow" in completed(site, "log", "--fo")


def test_ids_are_completed_without_what_takes_long_to_import(home: Path, site: Site, on_ports: OnPorts) -> None:
    on_ports(lambda both: journaled(both, STARTED))
    code = f"atexit.register(lambda: print('heavy', sorted(set({HEAVY}) & set(sys.modules))))"
    assert completed(site, "log", "ta", code=code)[-1] == "heavy []"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_what_it_evaluates(beth: Beth, shell: str) -> None:
    ran = beth("completion", shell)
    assert ran.exit_code == 0
    assert f"_BETH_COMPLETE={shell}_complete" in ran.stdout


def test_files_are_completed_by_their_suffix(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").touch()
    (tmp_path / "plan.txt").touch()
    (tmp_path / "plans").mkdir()
    found = [one.value for one in files(".toml", f"{tmp_path}/pl")]
    assert found == [f"{tmp_path}/plan.toml", f"{tmp_path}/plans/"]
