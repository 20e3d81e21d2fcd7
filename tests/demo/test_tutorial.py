"""The tutorial about the demo: its commands do what it says, and what it says of the tasks is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.workspace import ROOT
from tests.demo.played import Played, environment
from tests.docs.documents import Document

pytestmark = pytest.mark.slow

TUTORIAL = Document(ROOT / "docs" / "tutorials" / "first-request.md")

LOOKING = ("beth list", "beth status", "beth show", "beth log", "beth diff", "beth checkout", "cd /tmp/signin")
"""Lines that are run here; the others begin, kill or resume something, or need a key."""


def test_its_commands_work_in_their_order(demo: Played, tmp_path: Path) -> None:
    lines = [line for block in TUTORIAL.blocks("bash") for line in block.splitlines() if line.startswith(LOOKING)]
    assert [line.split()[1] for line in lines[:6]] == ["list", "status", "show", "log", "diff", "checkout"]
    variables = {**environment(demo.home), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for line in lines[:7]:
        command = line.replace("REQUEST", demo.id).replace("/tmp/signin", str(tmp_path / "signin"))
        ran = subprocess.run(command, shell=True, env=variables, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
    assert (tmp_path / "signin" / "README.md").is_file()
    assert len(list((tmp_path / "signin" / "docs" / "requests").rglob("*.md"))) == 4


def test_the_tasks_have_the_numbers_that_it_names(demo: Played) -> None:
    assert "the fifth is the tester's" in " ".join(TUTORIAL.text.split())
    named = {name: demo.task(name)["task_id"].rpartition(".")[2] for name in ("verification-fix", "verification-2")}
    assert demo.task("verification")["task_id"] == f"{demo.id}.5"
    assert f"`beth log REQUEST.{named['verification-fix']}` is the fix" in TUTORIAL.text
    assert f"`beth log REQUEST.{named['verification-2']}` the tester again" in " ".join(TUTORIAL.text.split())


def test_the_tester_ran_as_many_tests_as_it_says(demo: Played) -> None:
    said = re.search(r"(\d+) tests, one of which fails", TUTORIAL.text)
    assert said is not None
    (run,) = demo.task("verification")["result"]["runs"]
    assert run["outcome"] == f"Ran {said[1]} tests, FAILED (failures=1)"
