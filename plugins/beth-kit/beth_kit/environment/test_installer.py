"""Installs from an index on loopback: whole or not at all, one at a time, out of the tasks' reach."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace

import pytest

from beth_kit.context import KitContext
from beth_kit.environment.installer import Installer, InstallFailed
from beth_kit.environment.sources import Sources
from beth_kit.sandbox import owner
from beth_kit.tools.bash import bash_tool
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.install import install, installer

bash = bash_tool("packages")

pytestmark = pytest.mark.slow


@pytest.fixture
def ctx(contexts: Contexts) -> KitContext:
    return contexts.make(network="packages")


@pytest.fixture
def installing(ctx: KitContext, index: Sources) -> Installer:
    return replace(installer(ctx), sources=index)


async def said(ctx: KitContext, command: str) -> str:
    return (await bash.call(ctx, {"command": command})).text


async def test_what_is_installed_is_there_for_bash_and_belongs_to_no_task(
    ctx: KitContext, installing: Installer
) -> None:
    assert await installing.install(["alpha==1.0"]) == {"python": ["alpha 1.0"]}
    assert await said(ctx, "alpha; python -c 'import sys; print(sys.prefix)'") == (
        f"1.0\n{ctx.packages.root}/python\n[exit code 0]"
    )
    # Modes and times are what Landlock leaves to the owner of a file.
    for command in ("rm", "truncate -s0", *(() if ctx.locks.uid is None else ("touch", "chmod 777"))):
        assert "[exit code 0]" not in await said(ctx, f"{command} {ctx.packages.root}/python/bin/alpha")
    assert await said(ctx, "alpha") == "1.0\n[exit code 0]"
    if ctx.locks.uid is not None:
        assert ctx.packages.root.stat().st_uid == installing.uid
        assert installing.uid not in (0, ctx.locks.uid)


async def test_a_later_install_adds_and_replaces(ctx: KitContext, installing: Installer) -> None:
    await installing.install(["alpha==1.0"])
    assert await installing.install(["beta"]) == {"python": ["beta 1.0"]}
    assert await installing.install(["alpha"]) == {"python": []}
    assert await installing.install(["alpha>=2"]) == {"python": ["alpha 2.0"]}
    assert await said(ctx, "alpha; beta") == "2.0\n1.0\n[exit code 0]"


@pytest.mark.parametrize("wanted", [["beta", "alpha==3"], ["beta", "missing"], ["beta", "gamma"]])
async def test_a_failed_install_changes_nothing(ctx: KitContext, installing: Installer, wanted: list[str]) -> None:
    await installing.install(["alpha==1.0"])
    before = (ctx.packages.root / "python").readlink()
    with pytest.raises(InstallFailed, match=wanted[1]):
        await installing.install(wanted)
    assert (ctx.packages.root / "python").readlink() == before
    assert await said(ctx, "alpha; command -v beta") == "1.0\n[exit code 1]"
    assert [one.name for one in ctx.packages.root.glob("python-*")] == [str(before)]


async def test_installs_of_several_tasks_wait_for_each_other(ctx: KitContext, installing: Installer) -> None:
    await asyncio.gather(installing.install(["alpha==1.0"]), installing.install(["beta"]))
    assert await said(ctx, "alpha; beta") == "1.0\n1.0\n[exit code 0]"


async def test_what_a_killed_install_left_is_swept_away(ctx: KitContext, installing: Installer) -> None:
    await installing.install(["alpha==1.0"])
    root = ctx.packages.root
    shutil.copytree((root / "python").resolve(), root / "python-killed", symlinks=True)
    owner.prepare(installing.policy("none"))
    await installing.install(["beta"])
    assert not (root / "python-killed").exists()


async def test_an_index_on_a_port_that_is_not_its_own_is_out_of_reach(installing: Installer) -> None:
    closed = replace(installing, sources=Sources(installing.sources.variables, ()))
    with pytest.raises(InstallFailed, match="alpha"):
        await closed.install(["alpha"])


@pytest.mark.parametrize(
    "arguments", [{}, {"python": ["-r x"]}, {"node": ["../x"]}, {"python": ["a"] * 51}, {"python": ["a @ http://x"]}]
)
async def test_a_call_that_names_no_package_installs_nothing(ctx: KitContext, arguments: dict[str, list[str]]) -> None:
    reply = await install.call(ctx, arguments)
    assert reply.error
    assert not ctx.packages.root.exists()


async def test_credentials_on_this_machine_are_answered_and_not_told(
    ctx: KitContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:sk-secret@mirror/simple")
    reply = await install.call(ctx, {"python": ["alpha"]})
    assert reply.error
    assert "PIP_INDEX_URL" in reply.text
    assert "sk-secret" not in reply.text
