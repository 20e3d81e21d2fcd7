"""`install` from the registries, with tiny packages, by name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from beth_kit.context import KitContext
from beth_kit.tools.base import ToolReply
from beth_kit.tools.bash import bash_tool
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.install import install
from tests.services import Services

bash = bash_tool("packages")

pytestmark = [pytest.mark.slow, pytest.mark.service("pypi")]

UNREACHABLE = ("Temporary failure in name resolution", "Network is unreachable", "ENOTFOUND", "Could not fetch URL")


async def installed(ctx: KitContext, services: Services, service: str = "pypi", **names: Sequence[str]) -> ToolReply:
    reply = await install.call(ctx, names)
    if reply.error and any(words in reply.text for words in UNREACHABLE):
        services.absent(service, reply.text[-300:])
    assert not reply.error, reply.text
    return reply


async def test_a_python_package_is_there_for_bash_which_cannot_change_it(
    contexts: Contexts, services: Services
) -> None:
    ctx = contexts.make(network="packages")
    reply = await installed(ctx, services, python=["iniconfig==2.0.0"])
    assert reply.data["installed"] == {"python": ["iniconfig 2.0.0"]}

    used = await bash.call(ctx, {"command": "python -c 'import iniconfig; print(iniconfig.__file__)'"})
    assert used.text.startswith(str(contexts.home / "packages" / "r1" / "python"))
    written = await bash.call(ctx, {"command": f"touch {contexts.home}/packages/r1/python/bin/x"})
    assert written.data["exit_code"] != 0
    assert "refused by the sandbox" in written.text


async def test_a_second_install_adds_to_the_first_and_brings_its_programs(
    contexts: Contexts, services: Services
) -> None:
    ctx = contexts.make(network="packages")
    await installed(ctx, services, python=["iniconfig==2.0.0"])
    await installed(ctx, services, python=["pyflakes==3.2.0"])
    await installed(ctx, services, python=["colorama==0.4.6"])
    said = await bash.call(ctx, {"command": "pyflakes --version && python -c 'import iniconfig, colorama'"})
    assert said.text.startswith("3.2.0")
    assert said.data == {"exit_code": 0}


async def test_an_install_that_fails_changes_nothing(contexts: Contexts, services: Services) -> None:
    ctx = contexts.make(network="packages")
    await installed(ctx, services, python=["iniconfig==2.0.0"])
    reply = await install.call(ctx, {"python": ["colorama==0.4.6", "iniconfig==0.0.0.1"]})
    assert reply.error
    assert "iniconfig==0.0.0.1" in reply.text
    found = await bash.call(ctx, {"command": "python -c 'import iniconfig' && ! python -c 'import colorama'"})
    assert found.data == {"exit_code": 0}
    kept = sorted(one.name.partition("-")[0] for one in ctx.packages.root.iterdir())
    assert kept == ["home", "python", "python"]


@pytest.mark.service("node")
async def test_a_node_package_is_there_for_bash(contexts: Contexts, services: Services) -> None:
    ctx = contexts.make(network="packages")
    reply = await installed(ctx, services, "node", node=["is-odd@3.0.1"])
    assert reply.data["installed"] == {"node": ["is-odd 3.0.1"]}
    used = await bash.call(ctx, {"command": "node -e 'console.log(require(\"is-odd\")(3))'"})
    assert used.text == "true\n[exit code 0]"
