"""The agents of this repository have the shape of what `beth new agent` makes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.cli.new_answers import Answers
from beth_sdk.cli.new_render import render
from beth_sdk.manifest import Manifest, load_manifest
from scripts.workspace import ROOT

FOLDERS = sorted(file.parent for file in ROOT.glob("plugins/beth-agent-*/pyproject.toml"))
BETH = ROOT / "plugins" / "beth-agent-beth"
"""A service: she has neither task types nor a class for them, and her tests stand beside what they test."""

TEAM = [folder for folder in FOLDERS if folder != BETH]
MORE = r"{package}/\w+\.py|{package}/skills/[a-z0-9-]+\.md|tests/\w+\.py|tests/transcripts/[a-z0-9-]+\.yaml"
"""What an agent may have besides: modules, skills, tests."""

each = pytest.mark.parametrize("folder", TEAM, ids=lambda folder: folder.name)
each_and_beth = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def package_of(folder: Path) -> str:
    return folder.name.replace("-", "_")


def manifest_of(folder: Path) -> Manifest:
    return load_manifest(folder / package_of(folder))


def project_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


def files_of(folder: Path) -> set[str]:
    return {
        one.relative_to(folder).as_posix()
        for one in folder.rglob("*")
        if one.is_file() and not any(part.startswith((".", "__pycache__")) for part in one.parts[len(folder.parts) :])
    }


def made(folder: Path, output: Path) -> Path:
    """What `beth new agent` makes for the role and the task types of an agent."""
    manifest = manifest_of(folder)
    task_types = tuple(manifest.task_types) or ("work",)
    role = "orchestrator" if folder == BETH else manifest.role  # the template refuses Beth's own name
    answers = Answers(role, folder.name, manifest.description, task_types=task_types)
    render(answers, output)
    return output / folder.name


def test_there_are_seven_agents() -> None:
    roles = {manifest_of(folder).role for folder in FOLDERS}
    team = {"product-manager", "researcher", "ux-designer", "developer", "tester", "security-reviewer"}
    assert roles == {"beth", *team}


@each
def test_an_agent_has_every_file_that_the_template_gives(folder: Path, tmp_path: Path) -> None:
    template = made(folder, tmp_path)
    own_skill = f"{package_of(folder)}/skills/{manifest_of(folder).role}.md"
    assert files_of(template) - {own_skill} - files_of(folder) == set()
    assert any("/skills/" in name for name in files_of(folder))


@each
def test_an_agent_has_nothing_else_but_modules_skills_and_tests(folder: Path, tmp_path: Path) -> None:
    further = files_of(folder) - files_of(made(folder, tmp_path))
    allowed = MORE.format(package=package_of(folder))
    assert [name for name in sorted(further) if not re.fullmatch(allowed, name)] == []


@each
def test_its_manifest_names_the_same_things_in_the_same_places(folder: Path, tmp_path: Path) -> None:
    ours, template = manifest_of(folder), manifest_of(made(folder, tmp_path))
    assert ours.class_ == template.class_
    assert ours.task_types == template.task_types
    assert ours.skills == template.skills
    assert ours.model is not None


@each
def test_its_conformance_is_tested(folder: Path) -> None:
    tests = (folder / "tests" / "test_agent.py").read_text("utf-8")
    suite = rf'^class \w+\(LLMAgentConformance\):\n(?:    .*\n|\n)*?    role = "{manifest_of(folder).role}"\n'
    assert re.search(suite, tests, re.MULTILINE)


@each_and_beth
def test_a_package_declares_what_the_template_declares(folder: Path, tmp_path: Path) -> None:
    ours, template = project_of(folder), project_of(made(folder, tmp_path))
    assert ours["build-system"] == template["build-system"]
    for key in ("name", "version", "readme", "requires-python"):
        assert ours["project"][key] == template["project"][key], key
    assert set(template["project"]["dependencies"]) <= set(ours["project"]["dependencies"])
    assert ours["project"]["entry-points"]["beth.agents"] == {manifest_of(folder).role: package_of(folder)}
    wheels = ours["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert wheels == template["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@each_and_beth
def test_a_package_has_a_readme_a_manifest_a_type_marker_and_a_test(folder: Path) -> None:
    package = package_of(folder)
    needed = {"README.md", "tests/test_agent.py", *(f"{package}/{name}" for name in ("agent.toml", "py.typed"))}
    assert needed - files_of(folder) == set()
    assert (folder / "README.md").read_text("utf-8").startswith(f"# {folder.name}\n")
    assert not (folder / package / "py.typed").read_bytes()
    (line,) = (folder / package / "__init__.py").read_text("utf-8").splitlines()
    assert re.fullmatch(r'""".+"""', line)
