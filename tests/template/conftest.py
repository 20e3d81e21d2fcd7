"""All combinations at once: made, looked at by ruff and mypy, installed, tested, in as few processes as possible."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.packaging.conftest import Builder
from tests.template.made import COMBINATIONS

MAKE = """
import contextlib, io, json, sys
from beth_sdk.cli.main import main
for arguments in json.loads(sys.argv[1]):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            main(["new", "agent", "--no-input", *arguments])
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{arguments}: {ended.code}")
"""
BUILD = """
import sys
from pathlib import Path
from hatchling.builders.wheel import WheelBuilder
for folder in sys.argv[2:]:
    list(WheelBuilder(folder).build(directory=sys.argv[1], versions=["standard"]))
"""
PATIENCE = 280.0
"""Seconds that one process may take where all of them are looked at; it is far less where nothing else runs."""

DEATHS = "test_a_death_after_any_fact_changes_nothing_of_the_result"
"""What takes longest of what an agent promises; the tests from end to end have it for each kind."""


@dataclass
class Made:
    """What came of all combinations. The dictionaries are by the name of the distribution."""

    folder: Path
    ruff: dict[str, list[str]] = field(default_factory=dict)
    mypy: dict[str, list[str]] = field(default_factory=dict)
    passed: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    agents: dict[str, dict[str, object]] = field(default_factory=dict)


def run(*command: str | Path, cwd: Path, check: bool = True, variables: dict[str, str] | None = None) -> str:
    """What a program printed; the test fails with it where it has to succeed and did not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BETH_", "LLM_", "PYTEST"))}
    kept |= {name: value for name, value in os.environ.items() if name == "BETH_SANDBOX"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0 or not check, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Every combination, made and looked at."""
    base = tmp_path_factory.mktemp("template")
    all_of_it = Made(base / "made")
    all_of_it.folder.mkdir()
    wanted = json.dumps([one.arguments for one in COMBINATIONS])
    run(sys.executable, "-c", MAKE, wanted, cwd=all_of_it.folder)
    return all_of_it


@pytest.fixture(scope="session")
def linted(made: Made) -> Made:
    """What ruff says of each, with its own configuration."""
    found: dict[str, list[str]] = defaultdict(list)
    for command in (["check", "--output-format", "concise"], ["format", "--check"]):
        said = run(sys.executable, "-m", "ruff", *command, "--no-cache", ".", cwd=made.folder, check=False)
        for one in COMBINATIONS:
            found[one.distribution] += [line for line in said.splitlines() if f"{one.distribution}/" in line]
    made.ruff = dict(found)
    return made


@pytest.fixture(scope="session")
def typed(made: Made) -> Made:
    """What mypy says of each: of all in one run, for which their tests get names that differ."""
    folder = made.folder.with_name("typed")
    for one in COMBINATIONS:
        shutil.copytree(made.folder / one.distribution / one.package, folder / one.package)
        tests = made.folder / one.distribution / "tests" / "test_agent.py"
        shutil.copy(tests, folder / f"test_{one.package}.py")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(folder / ".cache"),
        ".",
    ]
    said = run(*command, cwd=folder, check=False)
    for one in COMBINATIONS:
        made.mypy[one.distribution] = [line for line in said.splitlines() if re.search(rf"\b{one.package}\b", line)]
    assert all(any(line in lines for lines in made.mypy.values()) for line in said.splitlines()), said
    return made


@pytest.fixture(scope="session")
def tested(made: Made) -> Made:
    """What their own tests say, with all of them installed from their wheels."""
    base = made.folder.parent
    site, wheels = base / "site", base / "wheels"
    folders = [made.folder / one.distribution for one in COMBINATIONS]
    run(sys.executable, "-c", BUILD, wheels, *folders, cwd=base)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    variables = {"PYTHONPATH": str(site), "BETH_HOME": str(base / "home")}
    halves = [folders[0::2], folders[1::2]]
    reports = [base / f"report-{number}.xml" for number in range(len(halves))]
    with ThreadPoolExecutor() as both:
        list(both.map(lambda half, report: run_tests(half, report, variables), halves, reports))
    passed: dict[str, list[str]] = defaultdict(list)
    failed: dict[str, list[str]] = defaultdict(list)
    for case in itertools.chain.from_iterable(ET.parse(report).iter("testcase") for report in reports):
        found = [one for one in COMBINATIONS if f"{one.distribution}." in f"{case.attrib['classname']}."]
        told = " ".join([case.attrib["name"], *(one.attrib.get("message", "") for one in case)])
        wrong = {one.tag for one in case} & {"failure", "error"}
        for one in found:
            (failed if wrong else passed)[one.distribution].append(told)
    made.passed, made.failed = dict(passed), dict(failed)
    listed = json.loads(run(sys.executable, "-m", "beth_sdk.cli", "agents", "--json", cwd=base, variables=variables))
    made.agents = {one["distribution"]: one for one in listed["agents"]}
    return made


def run_tests(folders: list[Path], report: Path, variables: dict[str, str]) -> None:
    """Run the own tests of these packages in one process."""
    config = folders[0] / "pyproject.toml"  # the same in all of them, as far as pytest goes
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(config)]
    command += [f"--junit-xml={report}", "--rootdir", str(folders[0].parent), "-k", f"not {DEATHS}"]
    run(*command, *(folder / "tests" for folder in folders), cwd=folders[0].parent, check=False, variables=variables)


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Builds the packages of this repository."""
    return Builder(tmp_path_factory.mktemp("built"))
