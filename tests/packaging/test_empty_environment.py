"""The wheels in an environment that holds nothing else: they install, they import, and they list the example agents."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from scripts.workspace import ROOT, packages
from tests.packaging.conftest import Builder, Environment

EXAMPLE = ROOT / "examples" / "command-team"

IMPORT_ALL = """
import importlib, json, pkgutil, beth_sdk

# What plugin authors test with may need pytest; everything else needs the four dependencies alone.
failed = {}
for module in pkgutil.walk_packages(beth_sdk.__path__, "beth_sdk.", onerror=lambda name: None):
    if module.name == "beth_sdk.testing" or module.name.startswith("beth_sdk.testing."):
        continue
    if module.name.rpartition(".")[2] == "__main__":
        continue
    try:
        importlib.import_module(module.name)
    except BaseException as error:
        failed[module.name] = repr(error)
print(json.dumps(failed))
"""

DISTRIBUTIONS = """
import json
from importlib import metadata
print(json.dumps(sorted(one.name for one in metadata.distributions())))
"""


@pytest.fixture(scope="module")
def bare(builder: Builder, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the SDK's wheel and what it needs."""
    environment = Environment(tmp_path_factory.mktemp("bare"), [dependencies, builder.wheel(ROOT).parent])
    environment.install("beth-sdk")
    return environment


@pytest.fixture(scope="module")
def with_example(builder: Builder, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the SDK's wheel and the example agents'."""
    (name,) = [package.name for package in packages() if package.folder == EXAMPLE]
    wheels = [builder.wheel(ROOT).parent, builder.wheel(EXAMPLE).parent]
    environment = Environment(tmp_path_factory.mktemp("example"), [dependencies, *wheels])
    environment.install(name)
    return environment


def test_every_core_module_imports_with_the_four_dependencies_alone(bare: Environment) -> None:
    assert json.loads(bare.python(IMPORT_ALL)) == {}


def test_nothing_of_the_test_tools_is_installed_with_the_sdk(bare: Environment) -> None:
    installed = set(json.loads(bare.python(DISTRIBUTIONS)))
    assert installed & {"pytest", "hypothesis", "rich", "redis", "litellm"} == set()


def test_beth_lists_the_agents_of_an_installed_wheel(with_example: Environment) -> None:
    roles = [tomllib.loads(file.read_text())["role"] for file in sorted(EXAMPLE.rglob("agent.toml"))]
    listed = with_example.beth("agents")
    assert roles
    assert [role for role in roles if role not in listed] == []


def test_beth_says_its_version_without_any_agent(bare: Environment) -> None:
    version = bare.python("import beth_sdk; print(beth_sdk.__version__)").strip()
    assert version in bare.beth("--version")
