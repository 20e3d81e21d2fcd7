"""Which tools a role has."""

from __future__ import annotations

import sys
import types

import pytest

from beth_kit.context import KitContext
from beth_kit.tools.base import tool
from beth_kit.tools.conftest import MANIFEST
from beth_kit.tools.standard import standard_tools
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import parse_manifest

STANDARD = ["bash", "edit", "commit", "ask", "delegate", "remember", "recall"]


@tool
async def search(ctx: KitContext, query: str) -> str:
    """Search."""
    return query


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("team_tools")
    module.search = search  # type: ignore[attr-defined]
    module.again = search  # type: ignore[attr-defined]
    module.number = 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "team_tools", module)
    return module


def named(*tools: str, network: str = "none") -> list[str]:
    listed = ", ".join(f'"{one}"' for one in tools)
    manifest = parse_manifest(f'{MANIFEST}network = "{network}"\ntools = [{listed}]\n')
    return [one.name for one in standard_tools(manifest)]


@pytest.mark.parametrize("network", ["none", "open"])
def test_a_role_has_the_standard_tools(network: str) -> None:
    assert named(network=network) == [*STANDARD, "finish"]


def test_with_the_network_for_packages_a_role_can_install_them() -> None:
    assert named(network="packages") == [*STANDARD, "install", "finish"]


def test_a_manifest_adds_tools_by_their_import_path(package: types.ModuleType) -> None:
    assert named("team_tools:search") == [*STANDARD, "search", "finish"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("team_tools", "name it like"),
        (":search", "name it like"),
        ("no_such_package.tools:search", "cannot be imported: ModuleNotFoundError"),
        ("team_tools:missing", "missing is not there"),
        ("team_tools:number", "number is int, no tool"),
    ],
)
def test_a_tool_that_cannot_be_had_is_one_clear_line(package: types.ModuleType, name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as raised:
        named(name)
    assert "role developer" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_tools_of_one_name_are_refused(package: types.ModuleType) -> None:
    with pytest.raises(ConfigurationError, match="several tools are named search"):
        named("team_tools:search", "team_tools:again")


def test_the_output_schema_is_what_finish_asks_for() -> None:
    tools = standard_tools(parse_manifest(MANIFEST), {"type": "object", "required": ["verdict"]}, "packages")
    assert tools[-1].parameters["properties"]["result"] == {"type": "object", "required": ["verdict"]}
    assert "install" in [one.name for one in tools]
