"""The suite of agents: a sound one passes it whole, and each flaw fails the test that is about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from beth_sdk.conftest import Site
from beth_sdk.testing.agent_package_conformance import beth_payloads
from beth_sdk.testing.agent_task_conformance import spread

AGENT = """
from beth_sdk import Agent, Result

def work(text):
    return {"summary": text}

class Player(Agent):
    async def execute(self, task, ctx):
        first = await ctx.step("first", work, task.payload.description, repeat="safe")
        second = await ctx.step("second", work, "two")
        answer = await ctx.ask("Which?", ["this", "that"])
        return Result.complete({"summary": first["summary"] + second["summary"] + answer})
"""
INPUT = {"type": "object", "required": ["description"], "examples": [{"description": "Do it"}]}
OUTPUT = {"type": "object", "required": ["summary"], "examples": [{"summary": "Done"}]}
COMMAND = """
import json, sys
task = json.load(sys.stdin)
print(json.dumps({"summary": task["payload"]["description"]}))
"""
FILES = {
    "__init__.py": "",
    "agent.py": AGENT,
    "prompts/do.md": "Do it.",
    "schemas/in.json": json.dumps(INPUT),
    "schemas/out.json": json.dumps(OUTPUT),
}
TASK_TYPE = '[task_types.do]\nprompt = "prompts/do.md"\ninput = "schemas/in.json"\noutput = "schemas/out.json"\n'


def agent_py(**changes: str) -> dict[str, str]:
    """The sound agent's module with texts in it replaced: `old` by `new`."""
    assert changes["old"] in AGENT
    return {"agent.py": AGENT.replace(changes["old"], changes["new"])}


def at_import(code: str) -> dict[str, str]:
    """A package that does something when it is imported."""
    return {"__init__.py": code}


def schema(name: str, **changes: Any) -> dict[str, str]:
    """One of the schemas with keys changed."""
    return {f"schemas/{name}.json": json.dumps({**(INPUT if name == "in" else OUTPUT), **changes})}


RETURN = 'return Result.complete({"summary": first["summary"] + second["summary"] + answer})'
DEATH = "test_a_death_after_any_fact_changes_nothing_of_the_result"
REPLAY = "test_another_version_replays_a_task_to_the_same_result_without_a_step"
OUTSIDE = "test_a_task_changes_nothing_outside_of_beths_home"
DONE = "test_the_example_of_a_task_type_is_done"

FLAWS: dict[str, tuple[Mapping[str, str], set[str]]] = {
    "sound": ({}, set()),
    "needs-more": (
        schema("in", required=["description", "language"], examples=[{"description": "Do it", "language": "French"}]),
        {"test_input_schemas_accept_what_beth_sends"},
    ),
    "old-schema": (
        schema("out", **{"$schema": "http://json-schema.org/draft-07/schema#"}),
        {"test_every_schema_is_valid"},
    ),
    "elsewhere": (
        schema("out", properties={"more": {"$ref": "other.json"}}),
        {"test_no_schema_refers_to_anything_outside_of_itself"},
    ),
    "bad-example": (schema("out", examples=[{}]), {"test_every_schema_accepts_its_own_examples"}),
    "bad-output": (
        schema("out", required=["summary", "more"], examples=[]),
        {DONE},
    ),
    "empty-prompt": ({"prompts/do.md": " \n"}, {"test_every_file_that_the_manifest_names_is_text_in_utf_8"}),
    "prints": (at_import("print('hello')"), {"test_importing_it_prints_nothing"}),
    "writes": (
        at_import("import pathlib; pathlib.Path('x').write_text('')"),
        {"test_importing_it_has_no_effect_on_anything_else", OUTSIDE},
    ),
    "starts": (
        at_import("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])"),
        {"test_importing_it_has_no_effect_on_anything_else"},
    ),
    "heavy": (at_import("import torch"), {"test_importing_it_brings_in_nothing_that_takes_long"}),
    "tells": (
        agent_py(
            old="class Player(Agent):\n",
            new="import os\nclass Player(Agent):\n    def __repr__(self): return os.environ['OPENAI_API_KEY']\n",
        ),
        {"test_its_text_for_logs_shows_no_secret_of_the_environment"},
    ),
    "forgets": (
        agent_py(
            old="        first =",
            new="        Player.runs = getattr(Player, 'runs', 0) + 1\n"
            "        await ctx.step(f'run {Player.runs}', work, '')\n        first =",
        ),
        {REPLAY},
    ),
    "random": (
        agent_py(old=RETURN, new='import random; return Result.complete({"summary": str(random.random())})'),
        {DEATH, REPLAY},
    ),
    "unstoppable": (
        agent_py(
            old='        second = await ctx.step("second", work, "two")\n',
            new="        try:\n            second = await ctx.step('second', work, 'two')\n"
            "        except BaseException:\n            return Result.complete({'summary': 'anyhow'})\n",
        ),
        {DEATH},
    ),
    "leaves-files": (
        agent_py(old=RETURN, new=f"import pathlib; (pathlib.Path.home() / 'notes').write_text(''); {RETURN}"),
        {OUTSIDE},
    ),
    "changes-itself": (
        agent_py(old=RETURN, new=f"import pathlib; pathlib.Path(__file__).with_name('state').write_text(''); {RETURN}"),
        {OUTSIDE},
    ),
    "fails": (agent_py(old=RETURN, new="raise ValueError('no')"), {DONE}),
}
"""By role: the files of a package that differ from the sound one's, and the tests that fail."""

SUITE = """
from beth_sdk.testing import AgentConformance, AgentPackageConformance
{classes}

class TestCommand(AgentConformance):
    role = "command"

class TestPackageOnly(AgentPackageConformance):
    role = "sound"
    distribution = "zz-sound"

class TestNobody(AgentConformance):
    role = "nobody"
"""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By class: the tests that failed. One process runs them all."""
    base = tmp_path_factory.mktemp("suite")
    site = Site(base / "site")
    for role, (changes, _) in FLAWS.items():
        package = f"zz_{role.replace('-', '_')}"
        player = f'class = "{package}.agent:Player"'
        add(site, role, player, {**FILES, **changes})
    add(site, "command", 'command = ["{python}", "-I", "./agent.py"]', {**FILES, "agent.py": COMMAND})
    (site.path / "torch.py").write_text("")
    classes = [f"class Test_{role.replace('-', '_')}(AgentConformance):\n    role = {role!r}\n" for role in FLAWS]
    (base / "test_suite.py").write_text(SUITE.format(classes="\n".join(classes)))
    (base / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    environ = {**os.environ, "PYTHONPATH": str(site.path), "OPENAI_API_KEY": "there"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junit-xml=report.xml",
        "test_suite.py",
    ]
    ran = subprocess.run(command, cwd=base, env=environ, capture_output=True, text=True, check=False, timeout=110)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found: dict[str, set[str]] = defaultdict(set)
    for case in ET.parse(base / "report.xml").iter("testcase"):
        of_class = found[case.attrib["classname"].rpartition(".")[2]]
        if {one.tag for one in case} & {"failure", "error"}:
            of_class.add(case.attrib["name"].partition("[")[0])
    return found


def add(site: Site, role: str, player: str, files: Mapping[str, str]) -> None:
    package = f"zz_{role.replace('-', '_')}"
    manifest = f'manifest_version = 1\nrole = "{role}"\ndescription = "Plays a part"\n{player}\n{TASK_TYPE}'
    site.files({f"{package}/{name}": text for name, text in {**files, "agent.toml": manifest}.items()})
    site.distribution(f"zz-{role}", {"beth.agents": {role: package}})


@pytest.mark.parametrize("role", FLAWS)
def test_a_flaw_fails_the_tests_that_are_about_it_and_no_others(role: str, failed: dict[str, set[str]]) -> None:
    assert failed[f"Test_{role.replace('-', '_')}"] == FLAWS[role][1]


@pytest.mark.parametrize("name", ["TestCommand", "TestPackageOnly"])
def test_a_command_passes_and_a_package_can_be_tested_without_its_tasks(name: str, failed: dict[str, set[str]]) -> None:
    assert name in failed
    assert failed[name] == set()


def test_a_role_that_nobody_plays_fails_instead_of_being_left_out(failed: dict[str, set[str]]) -> None:
    assert len(failed["TestNobody"]) > 15


def test_a_fix_is_told_what_a_gate_found_and_other_types_are_not() -> None:
    assert any("findings" in one for one in beth_payloads("fix"))
    assert not any("findings" in one for one in beth_payloads("implement"))


def test_deaths_are_spread_from_the_first_fact_to_the_last() -> None:
    assert list(spread(4, 6)) == [1, 2, 3, 4]
    assert list(spread(21, 6)) == [1, 5, 9, 13, 17, 21]
    assert list(spread(0, 6)) == []
