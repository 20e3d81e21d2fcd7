"""Every combination of options gives a package with exactly these files, which lints and passes its own tests."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import Made
from tests.template.made import COMBINATIONS, DESCRIPTIONS, Combination

pytestmark = pytest.mark.timeout(300)  # the first of each sort waits for all combinations

each = pytest.mark.parametrize("one", COMBINATIONS, ids=lambda one: one.id)


def manifest(made: Made, one: Combination) -> dict[str, Any]:
    return tomllib.loads((made.folder / one.distribution / one.package / "agent.toml").read_text("utf-8"))


@each
def test_it_has_exactly_these_files(one: Combination, made: Made) -> None:
    folder = made.folder / one.distribution
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == one.files
    assert [file for file in folder.rglob("*") if file.is_dir() and not any(file.iterdir())] == []


@each
def test_the_manifest_says_what_was_asked_for(one: Combination, made: Made) -> None:
    found = manifest(made, one)
    described = DESCRIPTIONS[one.description][1:]
    assert (found["role"], list(found["task_types"])) == (one.role, one.task_types)
    assert found["description"] == (described[0] if described else f"Plays the role of {one.role.replace('-', ' ')}")
    assert ("command" in found, "class" in found) == (one.player == "command", one.player != "command")
    model = {"openai": "gpt-4o"} if one.kind == "llm-model" else {"anthropic": "claude-sonnet-5-5"}
    told = found.get("model")
    assert ({told["provider"]: told["name"]} if told else None) == (model if one.player == "llm" else None)


@each
def test_the_package_says_whose_it_is_and_has_one_entry_point(one: Combination, made: Made) -> None:
    project = tomllib.loads((made.folder / one.distribution / "pyproject.toml").read_text("utf-8"))["project"]
    assert (project["name"], project["version"]) == (one.distribution, "0.1.0")
    assert project["description"] == manifest(made, one)["description"]
    assert project["entry-points"] == {"beth.agents": {one.role: one.package}}
    assert project["dependencies"] == (["beth-sdk", "beth-kit"] if one.player == "llm" else ["beth-sdk"])


@each
def test_nothing_of_the_template_is_left_in_it(one: Combination, made: Made) -> None:
    folder = made.folder / one.distribution
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "py.typed":
            text = file.read_text("utf-8")
            assert text.strip(), file
            assert text.endswith("\n"), file
            assert not text.endswith("\n\n"), file
            assert [mark for mark in ("cookiecutter", "{%", "each-task-type", "\n\n\n\n") if mark in text] == [], file


@each
def test_the_readme_names_its_task_types_and_has_a_workflow_for_the_first(one: Combination, made: Made) -> None:
    text = (made.folder / one.distribution / "README.md").read_text("utf-8")
    assert [name for name in one.task_types if f"- `{name}`\n" not in text] == []
    assert f'agent = "{one.role}"\ntype = "{one.task_types[0]}"\n' in text


@each
def test_ruff_finds_nothing(one: Combination, linted: Made) -> None:
    assert linted.ruff[one.distribution] == []


@each
def test_mypy_finds_nothing(one: Combination, typed: Made) -> None:
    assert typed.mypy[one.distribution] == []


@each
def test_its_own_tests_pass(one: Combination, tested: Made) -> None:
    assert tested.failed.get(one.distribution, []) == []
    assert len(tested.passed[one.distribution]) > 20


@each
def test_beth_lists_it(one: Combination, tested: Made) -> None:
    listed = tested.agents[one.distribution]
    kind = "command" if one.player == "command" else "class"
    assert (listed["role"], listed["kind"]) == (one.role, kind)


def test_every_option_is_in_some_combination() -> None:
    from beth_sdk.cli.new import agent

    ways = {"no_input", "as_json", "output"}  # how it is made, not what is made
    said = {word.removeprefix("--") for one in COMBINATIONS for word in one.arguments if word.startswith("--")}
    options = {name.strip("-") for one in agent.params for name in one.opts if one.name not in {*ways, "name"}}
    assert said == options
    assert Path(COMBINATIONS[0].arguments[0]).name == COMBINATIONS[0].role
