"""The wheels in an environment that holds nothing else: they install, they import, and they list the example agents."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from scripts.workspace import ROOT, packages
from tests.packaging.conftest import Builder, Environment

EXAMPLE = ROOT / "examples" / "command-team"
BETH = (ROOT / "plugins" / "beth-kit", ROOT / "plugins" / "beth-agent-beth")

IMPORT_ALL = """
import importlib, json, pkgutil, {package}

# What plugin authors test with may need pytest; everything else needs what is declared alone.
failed = {{}}
for module in pkgutil.walk_packages({package}.__path__, "{package}.", onerror=lambda name: None):
    if module.name.split(".")[1] == "testing":
        continue
    if module.name.rpartition(".")[2] == "__main__":
        continue
    try:
        importlib.import_module(module.name)
    except BaseException as error:
        failed[module.name] = repr(error)
print(json.dumps(failed))
"""

CLIENTS = {
    "beth_kit.mcp.connection",
    "beth_kit.mcp.http",
    "beth_kit.mcp.stdio",
    *(
        f"beth_agent_beth.mcp.{name}"
        for name in (
            "caller",
            "looking",
            "people",
            "prompts",
            "server",
            "serving",
            "submitting",
            "tools",
            "watching",
            "wire",
            "work",
        )
    ),
}
"""Modules made of an extra's library, imported at its first use: they must not import without it."""

DOCTOR = """
import asyncio
from beth_sdk.cli.machine_checks import check_variables
from beth_sdk.settings import Settings

settings = Settings.from_environment({"HOME": "/"})
for check in asyncio.run(check_variables(settings, {"BETH_MODELS": "openai/m", "BETH_MODLES": "openai/m"})):
    print(check.status, check.message)
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


@pytest.fixture(scope="module")
def with_beth(builder: Builder, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheels of the SDK, the kit and Beth, and none of their extras."""
    wheels = [builder.wheel(folder).parent for folder in (ROOT, *BETH)]
    environment = Environment(tmp_path_factory.mktemp("beth"), [dependencies, *wheels])
    environment.install("beth-sdk", "beth-kit", "beth-agent-beth")
    return environment


def test_every_core_module_imports_with_the_four_dependencies_alone(bare: Environment) -> None:
    assert json.loads(bare.python(IMPORT_ALL.format(package="beth_sdk"))) == {}


def test_nothing_of_the_test_tools_is_installed_with_the_sdk(bare: Environment) -> None:
    installed = set(json.loads(bare.python(DISTRIBUTIONS)))
    assert installed & {"pytest", "hypothesis", "rich", "redis", "litellm", "httpx"} == set()


@pytest.mark.parametrize("package", ["beth_sdk", "beth_kit", "beth_agent_beth"])
def test_every_module_imports_where_the_kit_and_beth_are_installed_without_extras(
    with_beth: Environment, package: str
) -> None:
    failed = json.loads(with_beth.python(IMPORT_ALL.format(package=package)))
    assert {name for name, error in failed.items() if "ModuleNotFoundError" in error} == set(failed), failed
    assert set(failed) == {name for name in CLIENTS if name.startswith(f"{package}.")}


def test_beth_and_the_kit_install_no_client_of_every_provider(with_beth: Environment) -> None:
    installed = set(json.loads(with_beth.python(DISTRIBUTIONS)))
    assert {"beth-sdk", "beth-kit", "beth-agent-beth"} <= installed
    assert installed & {"pytest", "hypothesis", "redis", "litellm", "mcp", "openai"} == set()


def test_beth_is_listed_and_its_commands_are_offered(with_beth: Environment) -> None:
    assert "beth-agent-beth" in with_beth.beth("agents")
    assert " run " in with_beth.beth("--help")


def test_a_variable_of_the_kit_is_known_to_doctor(with_beth: Environment) -> None:
    said = with_beth.python(DOCTOR)
    assert "BETH_MODELS" not in said
    assert "nothing reads BETH_MODLES" in said


def test_beth_lists_the_agents_of_an_installed_wheel(with_example: Environment) -> None:
    roles = [tomllib.loads(file.read_text())["role"] for file in sorted(EXAMPLE.rglob("agent.toml"))]
    listed = with_example.beth("agents")
    assert roles
    assert [role for role in roles if role not in listed] == []


def test_beth_says_its_version_without_any_agent(bare: Environment) -> None:
    version = bare.python("import beth_sdk; print(beth_sdk.__version__)").strip()
    assert version in bare.beth("--version")
